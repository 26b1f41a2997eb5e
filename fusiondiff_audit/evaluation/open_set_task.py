"""The task of each seed of the benchmark `bench/2`: which specimens are enrolled, and which are tested.

A seed stands for one enrolment with one reference kiln. Tested are own ware, copies by enrolled workshops, copies by
workshops that were never enrolled, ware of a null workshop, the genuine ware of other kilns, and own ware through
another microscope. All random numbers follow from the bundle's digest and the seed, so nobody can choose seeds that
suit a model. No specimen is in two parts.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fusiondiff_audit.kiln import specimens
from fusiondiff_audit.kiln.recipe_files import KilnFile, WorkshopRole
from fusiondiff_audit.kiln.recipes import Difficulty
from fusiondiff_audit.kiln.specimens import Pixels, Specimen, draw_specimen

OPEN_SET_VERSION = "bench/2"
OPEN_SET_SIDE = 512  # pixels
_EVERYDAY, _OTHER = "everyday", "other"
_SHA256 = re.compile("[0-9a-f]{64}")


class OpenSetPart(StrEnum):
    """What an item is for."""

    ENROLLED = "enrolled"
    ENROLLED_OTHER_MICROSCOPE = "enrolled, other microscope"
    OWN = "own ware"
    KNOWN = "known copies"
    UNSEEN = "unseen workshop"
    NULL = "null workshop"
    OTHER_KILN = "other kiln"
    OTHER_MICROSCOPE = "own ware, other microscope"


_ENROLLED_PARTS = (OpenSetPart.ENROLLED, OpenSetPart.ENROLLED_OTHER_MICROSCOPE)


@dataclass(frozen=True, slots=True)
class OpenSetSizes:
    """Numbers of specimens, and of images of a specimen."""

    enrolled: int = 25  # of each class
    own: int = 40
    known_copies: int = 20  # of all known workshops together
    unseen: int = 16  # of each workshop
    null: int = 20
    other_kiln: int = 15  # of each kiln
    other_microscope: int = 20
    images: int = 5  # of enrolled specimens, own ware and unseen workshops; the first n serve designs of n images
    fewer_images: int = 2  # of all others

    def __post_init__(self) -> None:
        """Refuse an enrolment that cannot be halved over two microscopes, and specimens without images."""
        if self.enrolled < 2 or not 0 < self.fewer_images <= self.images:
            raise ValueError("a class has 2 enrolled specimens or more, and a specimen 1 image or more")


@dataclass(frozen=True, slots=True)
class OpenSetItem:
    """One image, drawn whenever it is needed."""

    stream: str  # of the run
    part: OpenSetPart
    kiln: KilnFile
    workshop: str | None
    number: int  # of the specimen, within its part and maker
    field: int
    instrument: str

    @property
    def maker(self) -> str:
        return self.workshop or self.kiln.name

    @property
    def authentic(self) -> bool:
        """Whether the reference kiln made it; False of the null workshop, although nothing can tell its ware."""
        return self.workshop is None and self.part is not OpenSetPart.OTHER_KILN

    @property
    def key(self) -> tuple[str, ...]:
        """Names the specimen's random streams."""
        return self._key(self.part, self.workshop)

    @property
    def description(self) -> str:
        return repr((self.key, self.field, self._session()))

    def specimen(self) -> Specimen:
        """Draw the specimen that the image shows."""
        return draw_specimen(
            self.kiln.kiln,
            self.workshop,
            self.key,
            difficulty=Difficulty.EASY,  # a recipe file states the whole difference
            instrument=self.instrument,
            session=self._session(),
        )

    def pixels(self) -> Pixels:
        """Draw the image."""
        return self.specimen().field(self.field, OPEN_SET_SIDE)

    def _session(self) -> tuple[str, ...]:
        """Return the key of the session: the specimen's own, or that of the genuine specimen of the same number."""
        return self._key(OpenSetPart.OWN, None) if self.workshop in self.kiln.shares_session else self.key

    def _key(self, part: OpenSetPart, workshop: str | None) -> tuple[str, ...]:
        maker = (self.kiln.name, workshop or "authentic")
        return (OPEN_SET_VERSION, self.stream, part.value, str(self.number), *maker, self.instrument)


@dataclass(frozen=True, slots=True)
class OpenSetTask:
    """All items of one seed, in the order of the parts; the images of a specimen follow one another."""

    seed: int
    kilns: tuple[KilnFile, ...]
    reference: str
    items: tuple[OpenSetItem, ...]

    def part(self, part: OpenSetPart) -> tuple[OpenSetItem, ...]:
        return tuple(item for item in self.items if item.part is part)

    def tested(self) -> tuple[OpenSetItem, ...]:
        """Return the items of all parts that are not enrolled."""
        return tuple(item for item in self.items if item.part not in _ENROLLED_PARTS)

    def enrolled_on_both(self) -> tuple[OpenSetItem, ...]:
        """Return an enrolment as large as the first part's, with half of each class on either microscope."""
        others = self.part(OpenSetPart.ENROLLED_OTHER_MICROSCOPE)
        replaced = {item.number for item in others}
        kept = (item for item in self.part(OpenSetPart.ENROLLED) if item.number not in replaced)
        return (*kept, *others)

    @property
    def digest(self) -> str:
        """SHA-256 over every item's description, every recipe file and the generator's version."""
        files = (f"{kiln.name} {kiln.digest}" for kiln in self.kilns)
        lines = [specimens.KILN_VERSION, OPEN_SET_VERSION, *files, *(item.description for item in self.items)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def run_stream(seed: int, bundle_digest: str) -> str:
    """Return the name of a run's random stream, as SHA-256 of the bundle's digest with the seed's number."""
    if not _SHA256.fullmatch(bundle_digest):
        raise ValueError(f"{bundle_digest[:100]!a} is not a SHA-256 digest of 64 hexadecimal digits")
    return hashlib.sha256(f"{bundle_digest} {seed}".encode()).hexdigest()


def open_set_task(
    seed: int, bundle_digest: str, kilns: Sequence[KilnFile], sizes: OpenSetSizes | None = None
) -> OpenSetTask:
    """Return the items of one seed; kilns with workshops take turns as the reference, and the others are other kilns.

    Raises ValueError where no kiln has workshops, or two have one name.
    """
    kilns = tuple(sorted(kilns, key=lambda kiln: kiln.name))
    references = [kiln for kiln in kilns if kiln.roles]
    if not references or len({kiln.name for kiln in kilns}) < len(kilns):
        raise ValueError("a task has a kiln with workshops, and no two kilns of one name")
    reference = references[seed % len(references)]
    others = [kiln for kiln in kilns if not kiln.roles]
    items = _items(run_stream(seed, bundle_digest), reference, others, sizes or OpenSetSizes())
    return OpenSetTask(seed, kilns, reference.name, tuple(items))


def _items(stream: str, reference: KilnFile, others: Sequence[KilnFile], sizes: OpenSetSizes) -> Iterator[OpenSetItem]:
    many, few = sizes.images, sizes.fewer_images
    known_workshops = reference.workshops(WorkshopRole.KNOWN)

    def made(
        part: OpenSetPart,
        numbers: range,
        images: int,
        makers: Sequence[str | None] = (None,),
        instrument: str = _EVERYDAY,
        kiln: KilnFile = reference,
    ) -> Iterator[OpenSetItem]:
        """Yield the images of specimens that are dealt evenly over the makers; None is the kiln itself."""
        for number in numbers:
            for field in range(images):
                yield OpenSetItem(stream, part, kiln, makers[number % len(makers)], number, field, instrument)

    second_half = range((sizes.enrolled + 1) // 2, sizes.enrolled)
    for makers in ((None,), known_workshops):
        yield from made(OpenSetPart.ENROLLED, range(sizes.enrolled), many, makers)
    for makers in ((None,), known_workshops):
        yield from made(OpenSetPart.ENROLLED_OTHER_MICROSCOPE, second_half, many, makers, _OTHER)
    yield from made(OpenSetPart.OWN, range(sizes.own), many)
    yield from made(OpenSetPart.KNOWN, range(sizes.known_copies), few, known_workshops)
    for workshop in reference.workshops(WorkshopRole.UNSEEN):
        yield from made(OpenSetPart.UNSEEN, range(sizes.unseen), many, (workshop,))
    for workshop in reference.workshops(WorkshopRole.NULL):
        yield from made(OpenSetPart.NULL, range(sizes.null), few, (workshop,))
    for kiln in others:
        yield from made(OpenSetPart.OTHER_KILN, range(sizes.other_kiln), few, kiln=kiln)
    yield from made(OpenSetPart.OTHER_MICROSCOPE, range(sizes.other_microscope), few, instrument=_OTHER)
