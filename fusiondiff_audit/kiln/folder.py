"""A folder of made-up micrographs, ready to be signed: pictures, sidecars, labels and the entries of its manifest.

Files are named in an order that is shuffled, and specimens by seed and number alone, so that a name says nothing of the
class, and two seeds name no two specimens alike.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty
from fusiondiff_audit.kiln.specimens import Specimen, random_stream, specimen
from fusiondiff_audit.kiln.vendors import VENDORS, Acquisition, draw_settings


@dataclass(frozen=True, slots=True)
class FolderSpec:
    """What a folder is to hold: so many specimens by a kiln, and as many copies by its workshops."""

    kiln: str = "alder"
    specimens: int = 12  # of each class
    fields: int = 2
    side: int = 512
    difficulty: Difficulty = Difficulty.MEDIUM
    instrument: str = "everyday"
    seed: int = 0

    @property
    def images(self) -> int:
        """Return how many pictures that makes."""
        return 2 * self.specimens * self.fields


@dataclass(frozen=True, slots=True)
class SyntheticFile:
    """One file to be written."""

    name: str
    data: bytes
    kind: str  # image or sidecar
    specimen: str
    authentic: bool
    maker: str
    pixel_size: str


@dataclass(frozen=True, slots=True)
class _Job:
    """One picture to be taken."""

    specimen: Specimen
    name: str
    field: int
    side: int

    def taken(self) -> tuple[SyntheticFile, ...]:
        """Return the picture, and its sidecar if the microscope writes one."""
        maker, voltage, distance = draw_settings(random_stream(*self.specimen.key, "maker"))
        shot = Acquisition(self.specimen.field(self.field, self.side), self.specimen.pixel_size, voltage, distance)
        file = VENDORS[maker](shot)
        stem = f"{self.name}-{self.field + 1}"
        common = (self.name, self.specimen.authentic, self.specimen.workshop or self.specimen.kiln)
        picture = SyntheticFile(f"{stem}.{file.ending}", file.data, "image", *common, f"{shot.nanometres} nm")
        if file.sidecar is None:
            return (picture,)
        return picture, SyntheticFile(f"{stem}.txt", file.sidecar.encode(), "sidecar", *common, "")


def make_files(order: FolderSpec, *, workers: int = 1) -> Iterator[tuple[SyntheticFile, ...]]:
    """Yield each picture with its sidecar, if it has one; specimens of both classes are mixed."""
    words = ("folder", str(order.seed))
    makers = tuple(KILNS[order.kiln].workshops)
    ordered: list[tuple[str | None, int]] = [(None, i) for i in range(order.specimens)]
    ordered += [(makers[i % len(makers)], i) for i in range(order.specimens)]
    jobs = []
    for number, place in enumerate(
        random_stream(*words, order.kiln, "order").permutation(len(ordered)).tolist(), start=1
    ):
        workshop, i = ordered[place]
        drawn = specimen(order.kiln, workshop, *words, str(i), difficulty=order.difficulty, instrument=order.instrument)
        name = f"{order.kiln}-{order.seed}-{number:04d}"
        jobs += [_Job(drawn, name, field, order.side) for field in range(order.fields)]
    yield from parallel_map(_Job.taken, jobs, workers)


def labels_csv(made: Sequence[SyntheticFile]) -> str:
    """Return who is what, for enrolment: half of the specimens may be learnt from, half calibrate."""
    rows = [("file", "label", "specimen", "use")]
    seen: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for one in made:
        if one.kind == "image":
            known = seen[one.authentic]
            use = known.setdefault(one.specimen, "enrol" if len(known) % 2 == 0 else "calibrate")
            rows.append((one.name, "authentic" if one.authentic else "counterfeit", one.specimen, use))
    return _csv(rows)


def entries_csv(made: Sequence[SyntheticFile]) -> str:
    """Return what `sign --entries` reads."""
    rows = [("file", "kind", "specimen", "pixel_size")]
    rows += [(one.name, one.kind, one.specimen, one.pixel_size) for one in made]
    return _csv([*rows, ("labels.csv", "labels", "", "")])


def makers_csv(made: Sequence[SyntheticFile]) -> str:
    """Return who made each picture, which is not for the folder."""
    return _csv([("file", "maker"), *((one.name, one.maker) for one in made if one.kind == "image")])


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
