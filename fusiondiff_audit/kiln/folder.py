"""A folder of synthetic micrographs, ready to be signed: images, sidecars, labels and the entries of its manifest.

The order of files is shuffled, and specimens are named by kiln, seed and number alone: a name does not reveal the
class, and specimens of two seeds never share a name. A specimen with an image that is not usable, such as a saturated
one, is imaged again in another session, as an operator would do who adjusts the microscope.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.kiln.recipes import KILNS, Difficulty
from fusiondiff_audit.kiln.specimens import Pixels, Specimen, random_stream, specimen
from fusiondiff_audit.kiln.vendors import save_image

Usable = Callable[[Pixels], bool]  # of an image; a function that another process can import
_MOST_SESSIONS = 100  # of a specimen


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
    """A specimen, drawn by its class and number, and its name in the folder."""

    order: FolderSpec
    workshop: str | None
    number: int
    name: str
    usable: Usable

    def files(self) -> list[tuple[SyntheticFile, ...]]:
        """Return each image of the specimen, with its sidecar if the microscope writes one."""
        for session in range(_MOST_SESSIONS):
            drawn = self._specimen(session)
            images = [drawn.field(field, self.order.side) for field in range(self.order.fields)]
            if all(map(self.usable, images)):
                return [self._saved(drawn, field, pixels) for field, pixels in enumerate(images)]
        raise ValueError(f"{self.name}: no usable images in {_MOST_SESSIONS} sessions")

    def _specimen(self, session: int) -> Specimen:
        """Return the specimen as it is imaged in its first session, or in another one."""
        order = self.order
        return specimen(
            order.kiln,
            self.workshop,
            *("folder", str(order.seed), str(self.number)),
            difficulty=order.difficulty,
            instrument=order.instrument,
            again=session,
        )

    def _saved(self, drawn: Specimen, field: int, pixels: Pixels) -> tuple[SyntheticFile, ...]:
        _, acquisition, file = save_image(drawn, pixels)
        stem = f"{self.name}-{field + 1}"
        common = (self.name, drawn.authentic, drawn.workshop or drawn.kiln)
        image = SyntheticFile(f"{stem}.{file.suffix}", file.data, "image", *common, f"{acquisition.nanometres} nm")
        if file.sidecar is None:
            return (image,)
        return image, SyntheticFile(f"{stem}.txt", file.sidecar.encode(), "sidecar", *common, "")


def accept_all(pixels: Pixels) -> bool:
    """Take every image as usable."""
    return True


def make_files(
    order: FolderSpec, *, usable: Usable = accept_all, workers: int = 1
) -> Iterator[tuple[SyntheticFile, ...]]:
    """Yield each image with its sidecar, if it has one; specimens of both classes are mixed."""
    makers = tuple(KILNS[order.kiln].workshops)
    ordered: list[tuple[str | None, int]] = [(None, i) for i in range(order.specimens)]
    ordered += [(makers[i % len(makers)], i) for i in range(order.specimens)]
    stream = random_stream("folder", str(order.seed), order.kiln, "order")
    jobs = []
    for number, place in enumerate(stream.permutation(len(ordered)).tolist(), start=1):
        workshop, i = ordered[place]
        jobs.append(_Job(order, workshop, i, f"{order.kiln}-{order.seed}-{number:04d}", usable))
    for files in parallel_map(_Job.files, jobs, workers):
        yield from files


def labels_csv(files: Sequence[SyntheticFile]) -> str:
    """Return the labels for enrolment, each with the maker."""
    images = [file for file in files if file.kind == "image"]
    rows = [(file.name, "authentic" if file.authentic else "counterfeit", file.specimen, file.maker) for file in images]
    return _csv([("file", "label", "specimen", "maker"), *rows])


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
