"""What is changed in an MRC: words of its header, what stands between header and samples, and the samples."""

import struct
from collections.abc import Callable
from random import Random

from tests.images.differential.case import Case, generate
from tests.images.differential.planes import JUNK, SIDES, WORDS, draw_samples
from tests.images.microscope_models import MrcModel

Mutation = Callable[[MrcModel, Random], str | None]
_TYPES = {0: "b", 1: "h", 2: "f", 6: "H"}


def mrc_case(seed: int) -> Case:
    return generate(".mrc", seed, draw, MUTATIONS, MILD)


def draw(rng: Random) -> MrcModel:
    width, height, mode = rng.choice(SIDES), rng.choice(SIDES), rng.choice(list(_TYPES))
    order = ">" if rng.random() < 0.15 else "<"
    samples = draw_samples(rng, width * height, order + _TYPES[mode])
    return MrcModel(width, height, mode=mode, samples=samples, order=order, sampling=(width, height, 1))


def extended(mrc: MrcModel, rng: Random) -> str:
    mrc.extended = rng.randbytes(rng.choice([4, 80, 1024, 131_072]))
    return str(len(mrc.extended))


def cell(mrc: MrcModel, rng: Random) -> str:
    sides = [rng.choice([0.0, 1.0, 12.5, 1e9, -3.0, float("nan"), float("inf")]) for _ in range(3)]
    mrc.cell = (sides[0], sides[1], sides[2])
    return str(mrc.cell)


def labels(mrc: MrcModel, rng: Random) -> None:
    for offset in range(224, 1024, 4):
        mrc.words[offset] = rng.randrange(2**31)


def space_group(mrc: MrcModel, rng: Random) -> str:
    mrc.words[88] = group = rng.choice([0, 1, 4, 401])
    return str(group)


def behind(mrc: MrcModel, rng: Random) -> str:
    mrc.after = rng.choice([b"\0", bytes(300), b"words of a text", rng.randbytes(50)])
    return str(len(mrc.after))


def origin(mrc: MrcModel, rng: Random) -> None:
    for offset in (16, 20, 24, 196, 200, 204):
        mrc.words[offset] = rng.randrange(-(2**31), 2**31)


def imod(mrc: MrcModel, rng: Random) -> str:
    mrc.words[152], mrc.words[156] = 1_146_047_817, rng.choice([0, 1, 2, 4, 16, 17])
    return str(mrc.words[156])


def word(mrc: MrcModel, rng: Random) -> str:
    offset = rng.choice([0, 4, 8, 12, 28, 32, 36, 64, 68, 72, 88, 92, 104, 108, 152, 156, 208, 212])
    mrc.words[offset] = value = rng.choice(WORDS)
    return f"{offset} = {value}"


def axes(mrc: MrcModel, rng: Random) -> str:
    mrc.axes = rng.choice([(2, 1, 3), (3, 2, 1), (0, 0, 0), (1, 1, 1), (1, 2, 3)])
    return str(mrc.axes)


def mode(mrc: MrcModel, rng: Random) -> str:
    mrc.mode = rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 12, 16, 101, -1])
    return str(mrc.mode)


def sections(mrc: MrcModel, rng: Random) -> str:
    mrc.sections = rng.choice([0, 2, 3, -1, 2**31 - 1])
    mrc.samples *= max(1, mrc.sections % 4)
    return str(mrc.sections)


def sample(mrc: MrcModel, rng: Random) -> str:
    """Change one sample to any value."""
    size = struct.calcsize(_TYPES.get(mrc.mode, "b"))
    place = rng.randrange(max(1, len(mrc.samples) // size)) * size
    changed = rng.choice([bytes(size), b"\xff" * size, rng.randbytes(size), b"\0" * (size - 1) + b"\x80"])
    mrc.samples = mrc.samples[:place] + changed + mrc.samples[place + size :]
    return changed.hex()


def cut(mrc: MrcModel, rng: Random) -> str:
    mrc.samples = mrc.samples[: -rng.choice([1, 2, 4, len(mrc.samples)])]
    return str(len(mrc.samples))


def hide(mrc: MrcModel, rng: Random) -> str:
    mrc.after = bytes(rng.randrange(9)) + rng.choice(JUNK)
    return mrc.after.hex()


MUTATIONS: dict[str, Mutation] = {
    f.__name__: f
    for f in (extended, cell, labels, space_group, behind, origin, imod, word, axes, mode, sections, sample, cut, hide)
}
MILD = ("extended", "cell", "labels", "space_group", "behind", "origin")
