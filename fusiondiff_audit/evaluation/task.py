"""The task of each seed of the benchmark: which images a classifier is trained and tested on.

A seed stands for one enrolment: one kiln is the reference, and everything else is not authentic. No specimen is in two
parts. Training and calibration use one field of each specimen, so that n labels are n specimens; tests use two.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fusiondiff_audit.kiln import specimens
from fusiondiff_audit.kiln.recipes import HELD_OUT_WORKSHOP, KILNS, Difficulty
from fusiondiff_audit.kiln.specimens import Pixels, Specimen, specimen

BENCHMARK_VERSION = "bench/1"
REFERENCE_KILNS = ("alder", "birch", "cedar")
IMAGE_SIDE = 256
LABELS = (10, 20, 50, 200, 1000)


@dataclass(frozen=True, slots=True)
class BenchmarkItem:
    """One image, drawn whenever it is needed."""

    seed: int
    part: str
    kiln: str
    workshop: str | None
    number: int  # of the specimen, within its part and maker
    field: int
    authentic: bool  # by the seed's reference kiln
    difficulty: Difficulty = Difficulty.MEDIUM
    instrument: str = "everyday"

    @property
    def description(self) -> str:
        """All fields as one line: `BenchmarkTask.digest` hashes it, and the committed predictions name that digest."""
        fields = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self))
        return f"Item({fields})"

    def specimen(self) -> Specimen:
        """Draw the specimen that the image shows."""
        words = (BENCHMARK_VERSION, str(self.seed), self.part, str(self.number))
        return specimen(self.kiln, self.workshop, *words, difficulty=self.difficulty, instrument=self.instrument)

    def pixels(self) -> Pixels:
        """Draw the image."""
        return self.specimen().field(self.field, IMAGE_SIDE)


@dataclass(frozen=True, slots=True)
class PartSizes:
    """The number of images of each part; all but the last two hold as many authentic images as counterfeit ones."""

    train: int = max(LABELS)
    calibrate: int = 100
    test: int = 400
    microscope: int = 200  # taken with another microscope
    workshop: int = 100  # copies by the held-out workshop
    kiln: int = 100  # genuine ware of another kiln


@dataclass(frozen=True, slots=True)
class BenchmarkTask:
    """The parts of one seed; any even number of leading items of a part is balanced, but for the last two parts."""

    seed: int
    reference: str
    parts: Mapping[str, tuple[BenchmarkItem, ...]]

    def items(self) -> tuple[BenchmarkItem, ...]:
        """Return the items of all parts, in the order of the parts."""
        return tuple(item for part in self.parts.values() for item in part)

    @property
    def digest(self) -> str:
        """SHA-256 over every item's description and the generator's version."""
        lines = [specimens.KILN_VERSION, BENCHMARK_VERSION, *(item.description for item in self.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def benchmark_task(
    seed: int, sizes: PartSizes | None = None, difficulty: Difficulty = Difficulty.MEDIUM
) -> BenchmarkTask:
    """Return the parts of one seed."""
    sizes = sizes or PartSizes()
    reference = REFERENCE_KILNS[seed % len(REFERENCE_KILNS)]
    other = REFERENCE_KILNS[(seed + 1) % len(REFERENCE_KILNS)]
    trained = tuple(workshop for workshop in KILNS[reference].workshops if workshop != HELD_OUT_WORKSHOP)

    def pairs(part: str, size: int, fields: int, instrument: str = "everyday") -> Iterator[BenchmarkItem]:
        for place in range(size):
            number, half = divmod(place // 2, fields)
            workshop = None if place % 2 == 0 else trained[number % len(trained)]
            yield BenchmarkItem(seed, part, reference, workshop, number, half, workshop is None, difficulty, instrument)

    def others(part: str, size: int, kiln: str, workshop: str | None) -> Iterator[BenchmarkItem]:
        for place in range(size):
            yield BenchmarkItem(seed, part, kiln, workshop, place // 2, place % 2, False, difficulty)

    parts = {
        "train": pairs("train", sizes.train, 1),
        "calibrate": pairs("calibrate", sizes.calibrate, 1),
        "test": pairs("test", sizes.test, 2),
        "microscope": pairs("microscope", sizes.microscope, 2, "other"),
        "workshop": others("workshop", sizes.workshop, reference, HELD_OUT_WORKSHOP),
        "kiln": others("kiln", sizes.kiln, other, None),
    }
    return BenchmarkTask(seed, reference, {name: tuple(items) for name, items in parts.items()})
