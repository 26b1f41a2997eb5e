"""A folder of synthetic micrographs, ready to be signed: images, sidecars, labels and the entries of its manifest.

The order of files is shuffled, and specimens are named by kiln, seed and number alone: a name does not reveal the
class, and specimens of two seeds never share a name.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty
from fusiondiff_audit.kiln.specimens import Specimen, random_stream, specimen
from fusiondiff_audit.kiln.vendors import save_image


@dataclass(frozen=True, slots=True)
class FolderSpec:
    """The content of a folder: specimens by a kiln, and as many copies by its workshops."""

    kiln: str = "alder"
    specimens: int = 12  # of each class
    fields: int = 2
    side: int = 512
    difficulty: Difficulty = Difficulty.MEDIUM
    instrument: str = "everyday"
    seed: int = 0

    @property
    def images(self) -> int:
        return 2 * self.specimens * self.fields


@dataclass(frozen=True, slots=True)
class SyntheticFile:
    """A file to be written, with what its label and manifest entry say."""

    name: str
    data: bytes
    kind: str  # image or sidecar
    specimen: str
    authentic: bool
    maker: str
    pixel_size: str


@dataclass(frozen=True, slots=True)
class _Job:
    specimen: Specimen
    name: str
    field: int
    side: int

    def files(self) -> tuple[SyntheticFile, ...]:
        """Return the image, and its sidecar if the microscope writes one."""
        _, acquisition, file = save_image(self.specimen, self.specimen.field(self.field, self.side))
        stem = f"{self.name}-{self.field + 1}"
        common = (self.name, self.specimen.authentic, self.specimen.workshop or self.specimen.kiln)
        image = SyntheticFile(f"{stem}.{file.suffix}", file.data, "image", *common, f"{acquisition.nanometres} nm")
        if file.sidecar is None:
            return (image,)
        return image, SyntheticFile(f"{stem}.txt", file.sidecar.encode(), "sidecar", *common, "")


def make_files(order: FolderSpec, *, workers: int = 1) -> Iterator[tuple[SyntheticFile, ...]]:
    """Yield each image with its sidecar, if it has one; specimens of both classes are mixed."""
    key = ("folder", str(order.seed))
    makers = tuple(KILNS[order.kiln].workshops)
    ordered: list[tuple[str | None, int]] = [(None, i) for i in range(order.specimens)]
    ordered += [(makers[i % len(makers)], i) for i in range(order.specimens)]
    jobs = []
    shuffled = random_stream(*key, order.kiln, "order").permutation(len(ordered)).tolist()
    for number, place in enumerate(shuffled, start=1):
        workshop, i = ordered[place]
        drawn = specimen(order.kiln, workshop, *key, str(i), difficulty=order.difficulty, instrument=order.instrument)
        name = f"{order.kiln}-{order.seed}-{number:04d}"
        jobs += [_Job(drawn, name, field, order.side) for field in range(order.fields)]
    yield from parallel_map(_Job.files, jobs, workers)


def labels_csv(files: Sequence[SyntheticFile]) -> str:
    """Return the labels for enrolment: half of the specimens enrol, half calibrate."""
    rows = [("file", "label", "specimen", "use")]
    uses: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for file in files:
        if file.kind == "image":
            of_class = uses[file.authentic]
            use = of_class.setdefault(file.specimen, "enrol" if len(of_class) % 2 == 0 else "calibrate")
            rows.append((file.name, "authentic" if file.authentic else "counterfeit", file.specimen, use))
    return _csv(rows)


def entries_csv(files: Sequence[SyntheticFile]) -> str:
    """Return the table that `sign --entries` reads."""
    rows = [("file", "kind", "specimen", "pixel_size")]
    rows += [(file.name, file.kind, file.specimen, file.pixel_size) for file in files]
    return _csv([*rows, ("labels.csv", "labels", "", "")])


def makers_csv(files: Sequence[SyntheticFile]) -> str:
    """Return the maker of each image, which must stay outside the folder."""
    return _csv([("file", "maker"), *((file.name, file.maker) for file in files if file.kind == "image")])


def _csv(rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
