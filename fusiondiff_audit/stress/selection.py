"""The choice of images to attack: one of each specimen that the model does not know, equally many of either class.

Intervals and gates count images as independent, and images of one specimen are not. Images that a model learnt from say
nothing of its robustness, and neither do others of the same specimens. The model knows a specimen by its name, or
because one of its images, pixel by pixel, was enrolled or trained the encoder.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import numpy as np

import signing
from attacks.images import LabelledImage, centre_crop
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, Micrograph, decode
from fusiondiff_audit.images.preparation import has_structure, prepare
from fusiondiff_audit.images.tiles import tile_grid
from fusiondiff_audit.inputs.labels import FileLabel
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.settings import Settings

Watch = Callable[[Iterable[str]], Iterable[str]]  # shows progress over specimens


class ExclusionCause(StrEnum):
    """Why readable images are not attacked."""

    ENROLLED = "of a specimen that the model was enrolled with"
    TRAINED = "of a specimen that the encoder was trained with, by label"
    FURTHER = "of a specimen of which another image is used"


@dataclass(frozen=True, slots=True)
class ExcludedSpecimen:
    specimen: str
    images: int
    cause: ExclusionCause


@dataclass(frozen=True, slots=True)
class Selection:
    """One image of each specimen, the specimens that are not attacked, and the unusable files with their reasons."""

    images: tuple[LabelledImage, ...]
    excluded: tuple[ExcludedSpecimen, ...]
    unusable: tuple[str, ...]
    unnamed: int  # images without a specimen in the labels, each of which counts as a specimen

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the result must know of the choice."""
        remarks = list(summary(self.excluded))
        if self.unnamed:
            count = f"{self.unnamed} of {len(self.images)} images"
            remarks.append(f"{count} are of no specimen that the labels name; each counts as a specimen of its own")
        return tuple(remarks)


def select_images(
    folder: Path,
    labels: Mapping[str, FileLabel],
    model: DiffusionModel,
    guard: Guard,
    *,
    count: int,
    seed: int,
    watch: Watch,
    side: int | None = None,
    except_for: Collection[str] = (),
) -> Selection:
    """Return `count` images, drawn by seed and name; raises where specimens of a class are too few.

    Images larger than `side` are cropped to their centre, but never below a tile. Specimens in `except_for` are left
    out.
    """

    def order(name: str) -> bytes:
        return sha256(f"{seed}\n{name}".encode()).digest()

    draw = _Draw(folder, model.settings, guard, side, {True: (count + 1) // 2, False: count // 2})
    specimens: dict[str, list[str]] = {}
    for name in sorted(labels, key=order):
        specimens.setdefault(labels[name].specimen, []).append(name)
    for specimen in watch(list(specimens)):
        if specimen not in except_for:
            draw.consider(specimen, specimens[specimen], labels[specimens[specimen][0]])
    if any(draw.left.values()):
        raise _too_few(draw, count)
    images = tuple(sorted(draw.images, key=lambda image: image.name))
    unnamed = sum(_is_unnamed(image.specimen, [image.name]) for image in images)
    return Selection(images, tuple(draw.excluded), tuple(draw.unusable), unnamed)


def summary(excluded: Sequence[ExcludedSpecimen]) -> Iterable[str]:
    """Yield how many images are not attacked, for each cause."""
    for cause in ExclusionCause:
        specimens = [specimen for specimen in excluded if specimen.cause is cause]
        if specimens:
            count = sum(specimen.images for specimen in specimens)
            yield f"set aside: {count} images, {cause} ({len(specimens)} specimens)"


class _Draw:
    """The state of a draw: the images taken, and the specimens excluded, so far."""

    def __init__(
        self, folder: Path, settings: Settings, guard: Guard, side: int | None, wanted: Mapping[bool, int]
    ) -> None:
        self._folder, self._settings, self._guard, self._side = folder, settings, guard, side
        self._enrolled = frozenset(example.pixel_digest for example in settings.examples)
        self._trained = frozenset(settings.seen)
        self._names = frozenset(example.specimen for example in settings.examples)
        self._taken: dict[str, str] = {}  # file by digest, of all images of specimens that are attacked
        self.left = dict(wanted)
        self.images: list[LabelledImage] = []
        self.excluded: list[ExcludedSpecimen] = []
        self.unusable: list[str] = []

    def consider(self, specimen: str, names: Sequence[str], label: FileLabel) -> None:
        """Take an image of a specimen that the model does not know, if its class has not enough yet."""
        if specimen in self._names and not _is_unnamed(specimen, names):
            self.excluded.append(ExcludedSpecimen(specimen, len(names), ExclusionCause.ENROLLED))
        elif self.left[label.authentic]:
            self._take(specimen, names, label)

    def _take(self, specimen: str, names: Sequence[str], label: FileLabel) -> None:
        image, digests, causes = None, dict[str, str](), set[ExclusionCause]()
        for name in names:  # all of them: the model may know any
            try:
                sample = decode(LooseFile.read(self._folder / name), guard=self._guard)
            except (ImageError, signing.SigningError) as e:
                self.unusable.append(f"{name}: {e}")
                continue
            digests.setdefault(sample.pixel_digest, name)
            causes |= {ExclusionCause.ENROLLED} if sample.pixel_digest in self._enrolled else set()
            causes |= {ExclusionCause.TRAINED} if sample.pixel_digest in self._trained else set()
            if image is None and not causes:
                image = self._cropped(name, sample, label)
        if causes:
            self.excluded.append(ExcludedSpecimen(specimen, len(names), min(causes, key=list(ExclusionCause).index)))
            return
        if image is None:
            return
        digests.setdefault(image.digest, image.name)
        for digest, name in digests.items():
            if digest in self._taken:
                self.unusable.append(f"{name}: the same image as {self._taken[digest]}")
                return
        self._taken |= digests
        self.left[label.authentic] -= 1
        self.images.append(image)
        if len(names) > 1:
            self.excluded.append(ExcludedSpecimen(specimen, len(names) - 1, ExclusionCause.FURTHER))

    def _cropped(self, name: str, sample: Micrograph, label: FileLabel) -> LabelledImage | None:
        """Return the plane to attack, or None where the model cannot judge it."""
        try:
            prepared = prepare(sample, self._settings.geometry)
        except ImageError as e:
            self.unusable.append(f"{name}: {e}")
            return None
        tile, plane = self._settings.architecture.tile, prepared.plane
        if self._side is not None:
            plane = centre_crop(plane, *(min(length, max(self._side, tile)) for length in plane.shape))
        overlap = self._settings.geometry.overlap
        places = tile_grid(plane.shape[0], plane.shape[1], tile, overlap) if prepared.tiles else ()
        if not any(has_structure(plane, place, tile) for place in places) or plane.dtype not in (np.uint8, np.uint16):
            self.unusable.append(f"{name}: no tile that the model can judge, or greys that are no whole numbers")
            return None
        return LabelledImage(name, plane, label.authentic, label.specimen)


def _is_unnamed(specimen: str, names: Sequence[str]) -> bool:
    """Whether the labels name no specimen: a file's name says nothing of a file in another folder."""
    return specimen == f"file {names[0]}"


def _too_few(draw: _Draw, count: int) -> signing.SigningError:
    usable = {authentic: sum(image.authentic is authentic for image in draw.images) for authentic in (True, False)}
    words = {True: "authentic", False: "counterfeit"}
    lacking = " and ".join(f"{number} more {words[label]}" for label, number in draw.left.items() if number)
    counts = f"{count} images are needed, {usable[True]} authentic and {usable[False]} counterfeit ones can be used"
    fault = "; ".join((f"{counts}, one of each specimen: {lacking} specimens are needed", *summary(draw.excluded)))
    hint = f"label images of {lacking} specimens that the model did not learn from, or ask for fewer in the policy"
    return signing.SigningError(signing.Reason.BAD_REQUEST, fault, hint=hint)
