"""Which pictures each seed of the benchmark learns from and is tested on.

A seed stands for one enrolment: one of the tested kilns is the reference, and everything else is not it. No specimen is
in two parts. One field is taken of each specimen that is learnt from, so that n labels are n specimens, and two of each
that is tested.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fusiondiff_audit.kiln import specimens
from fusiondiff_audit.kiln.recipes import HELD_OUT, KILNS, Difficulty
from fusiondiff_audit.kiln.specimens import Pixels, Specimen, specimen

VERSION = "bench/1"
TESTED = ("alder", "birch", "cedar")
SIDE = 256
SEEDS = 12
LABELS = (10, 20, 50, 200, 1000)


@dataclass(frozen=True, slots=True)
class Item:
    """One picture, which can be made whenever it is needed."""

    seed: int
    part: str
    kiln: str
    workshop: str | None
    number: int  # of the specimen, within its part and maker
    field: int
    authentic: bool  # as the seed's reference
    difficulty: Difficulty = Difficulty.MEDIUM
    instrument: str = "everyday"

    def drawn(self) -> Specimen:
        """Draw the specimen that the picture shows."""
        words = (VERSION, str(self.seed), self.part, str(self.number))
        return specimen(self.kiln, self.workshop, *words, difficulty=self.difficulty, instrument=self.instrument)

    def pixels(self, drawn: Specimen | None = None) -> Pixels:
        """Make the picture."""
        picture: Pixels = (drawn or self.drawn()).field(self.field, SIDE)
        return picture


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many pictures each part has; all but the last two hold as many authentic ones as counterfeits."""

    train: int = max(LABELS)
    calibrate: int = 100
    test: int = 400
    microscope: int = 200  # seen with another microscope
    workshop: int = 100  # by a workshop that was kept back
    kiln: int = 100  # genuine, but another kiln's


@dataclass(frozen=True, slots=True)
class Task:
    """One seed's parts, each a tuple of items in an order of which any beginning is balanced."""

    seed: int
    reference: str
    parts: Mapping[str, tuple[Item, ...]]

    def items(self) -> tuple[Item, ...]:
        """Return the items of all parts, in their order."""
        return tuple(item for part in self.parts.values() for item in part)

    @property
    def digest(self) -> str:
        """SHA-256 over every item's description and the generator's version."""
        lines = [specimens.VERSION, VERSION, *(repr(item) for item in self.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def task(seed: int, sizes: Sizes | None = None, difficulty: Difficulty = Difficulty.MEDIUM) -> Task:
    """Return the parts of one seed."""
    sizes = sizes or Sizes()
    reference = TESTED[seed % len(TESTED)]
    other = TESTED[(seed + 1) % len(TESTED)]
    known = tuple(workshop for workshop in KILNS[reference].workshops if workshop != HELD_OUT)

    def pairs(part: str, size: int, fields: int, instrument: str = "everyday") -> Iterator[Item]:
        for place in range(size):
            number, half = divmod(place // 2, fields)
            copied = None if place % 2 == 0 else known[number % len(known)]
            yield Item(seed, part, reference, copied, number, half, copied is None, difficulty, instrument)

    def strangers(part: str, size: int, kiln: str, workshop: str | None) -> Iterator[Item]:
        for place in range(size):
            yield Item(seed, part, kiln, workshop, place // 2, place % 2, False, difficulty)

    parts = {
        "train": pairs("train", sizes.train, 1),
        "calibrate": pairs("calibrate", sizes.calibrate, 1),
        "test": pairs("test", sizes.test, 2),
        "microscope": pairs("microscope", sizes.microscope, 2, "other"),
        "workshop": strangers("workshop", sizes.workshop, reference, HELD_OUT),
        "kiln": strangers("kiln", sizes.kiln, other, None),
    }
    return Task(seed, reference, {name: tuple(items) for name, items in parts.items()})
