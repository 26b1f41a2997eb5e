"""What is changed in a SER: its header, its dimensions, the places of its parts, and the samples."""

import struct
from collections.abc import Callable
from random import Random

from tests.images.differential.case import Case, generate
from tests.images.differential.planes import JUNK, SIDES, WORDS, draw_samples
from tests.images.microscope_models import SerModel

Mutation = Callable[[SerModel, Random], str | None]
_TYPES = {1: "B", 2: "H", 3: "I", 4: "b", 5: "h", 6: "i", 7: "f", 8: "d"}


def ser_case(seed: int) -> Case:
    return generate(".ser", seed, draw, MUTATIONS, MILD)


def draw(rng: Random) -> SerModel:
    width, height, type_ = rng.choice(SIDES), rng.choice(SIDES), rng.choice(list(_TYPES))
    samples = draw_samples(rng, width * height, f"<{_TYPES[type_]}")
    return SerModel(rng.choice([0x0210, 0x0220]), width=width, height=height, type=type_, samples=samples)


def dimensions(ser: SerModel, rng: Random) -> str:
    count = rng.randrange(9)
    ser.dimensions = [(b"N" * rng.randrange(40), rng.choice([b"", b"meters", b"eV"])) for _ in range(count)]
    return str(count)


def scale(ser: SerModel, rng: Random) -> str:
    ser.across, ser.down = (rng.choice([0.0, 1e-9, -1e-9, 1.0, 1e9, float("nan"), float("inf")]) for _ in range(2))
    return f"{ser.across} {ser.down}"


def position(ser: SerModel, _: Random) -> None:
    ser.tag_kind = 0x4142


def behind(ser: SerModel, rng: Random) -> str:
    ser.after = rng.choice([b"\0", bytes(300), b"words of a text", rng.randbytes(50)])
    return str(len(ser.after))


def misplaced_tag(ser: SerModel, rng: Random) -> str:
    ser.tag = rng.choice([0, -1, 10, 10**6, 2**31 - 1])
    return str(ser.tag)


def series(ser: SerModel, rng: Random) -> str:
    ser.total, ser.valid = rng.choice([(2, 2), (2, 1), (1, 0), (0, 0), (1, 2), (-1, 1), (2**31 - 1, 1)])
    return f"{ser.total} {ser.valid}"


def kind(ser: SerModel, rng: Random) -> str:
    name = rng.choice(["elements", "tag_kind", "version", "series"])
    value = rng.choice([0x4120, 0x4122, 0x4142, 0x4152, 0x0210, 0x0220, 0x0230, 0x0197, 0])
    setattr(ser, name, value)
    return f"{name} {value:#x}"


def type_of_samples(ser: SerModel, rng: Random) -> str:
    ser.type = rng.choice([0, *range(1, 13), -1])
    return str(ser.type)


def side(ser: SerModel, rng: Random) -> str:
    name, value = rng.choice(["width", "height"]), rng.choice(WORDS)
    setattr(ser, name, value)
    return f"{name} {value}"


def place(ser: SerModel, rng: Random) -> str:
    name, value = rng.choice(["element", "places"]), rng.choice([0, 2, 22, 30, 60, 70, 80, 100, 10**6, 2**31 - 1, -1])
    setattr(ser, name, value)
    return f"{name} {value}"


def sample(ser: SerModel, rng: Random) -> str:
    """Change one sample to any value."""
    size = struct.calcsize(_TYPES.get(ser.type, "b"))
    first = rng.randrange(max(1, len(ser.samples) // size)) * size
    changed = rng.choice([bytes(size), b"\xff" * size, rng.randbytes(size), b"\0" * (size - 1) + b"\x80"])
    ser.samples = ser.samples[:first] + changed + ser.samples[first + size :]
    return changed.hex()


def cut(ser: SerModel, rng: Random) -> str:
    ser.samples = ser.samples[: -rng.choice([1, 2, 4, 60, len(ser.samples)])]
    return str(len(ser.samples))


def hide(ser: SerModel, rng: Random) -> str:
    ser.after = bytes(rng.randrange(9)) + rng.choice(JUNK)
    return ser.after.hex()


MUTATIONS: dict[str, Mutation] = {
    f.__name__: f
    for f in (
        dimensions, scale, position, behind, misplaced_tag,
        series, kind, type_of_samples, side, place, sample, cut, hide,
    )
}  # fmt: skip
MILD = ("dimensions", "scale", "position", "behind", "misplaced_tag")
