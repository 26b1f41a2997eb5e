"""Which pictures are attacked: one of each specimen that the model never learnt from, as many of either class.

Intervals and gates count pictures as independent, and pictures of one specimen are not: so one is drawn of each. What a
model was taught with says nothing of how it stands, and neither does another picture of the same specimen. A specimen
is known to the model by its name, or because one of its pictures, pixel by pixel, was enrolled or has trained the
encoder.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

import numpy as np

import signing
from attacks.images import LabelledImage, centre_crop
from fusiondiff_audit.images import Guard, ImageError, LooseFile, Micrograph, decode
from fusiondiff_audit.images.preparation import has_structure, prepare
from fusiondiff_audit.images.tiles import tile_grid
from fusiondiff_audit.inputs.labels import FileLabel
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.settings import Settings

Watch = Callable[[Iterable[str]], Iterable[str]]


class ExclusionCause(StrEnum):
    """Why pictures are set aside that could be read."""

    ENROLLED = "of a specimen that the model was enrolled with"
    TRAINED = "of a specimen that the encoder was trained with, by label"
    FURTHER = "of a specimen of which another picture is used"


@dataclass(frozen=True, slots=True)
class ExcludedSpecimen:
    """Pictures of one specimen that are not attacked."""

    specimen: str
    pictures: int
    cause: ExclusionCause


@dataclass(frozen=True, slots=True)
class Selection:
    """The pictures, one of a specimen; what was set aside; and the files that are none, each with its reason."""

    pictures: tuple[LabelledImage, ...]
    set_aside: tuple[ExcludedSpecimen, ...]
    lost: tuple[str, ...]
    unnamed: int  # pictures of which nobody says what specimen they are of: each counts as one of its own

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what a reader of the result must know of them."""
        said = list(summary(self.set_aside))
        if self.unnamed:
            of = f"{self.unnamed} of {len(self.pictures)} pictures"
            said.append(f"{of} are of no specimen that the labels name; each counts as a specimen of its own")
        return tuple(said)


def select_images(
    folder: Path,
    said: Mapping[str, FileLabel],
    model: DiffusionModel,
    guard: Guard,
    *,
    count: int,
    seed: int,
    watch: Watch,
    side: int | None = None,
    besides: Collection[str] = (),
) -> Selection:
    """Return so many pictures, drawn by seed and name; too few specimens of either class are refused.

    Of a picture that is larger than `side` its middle is taken, but never less than a tile. Specimens that are named in
    `besides` are passed over. `watch` sees each specimen.
    """

    def drawn(name: str) -> bytes:
        return sha256(f"{seed}\n{name}".encode()).digest()

    draw = _Draw(folder, model.settings, guard, side, {True: (count + 1) // 2, False: count // 2})
    specimens: dict[str, list[str]] = {}
    for name in sorted(said, key=drawn):
        specimens.setdefault(said[name].specimen, []).append(name)
    for specimen in watch(list(specimens)):
        if specimen not in besides:
            draw.look(specimen, specimens[specimen], said[specimens[specimen][0]])
    if any(draw.left.values()):
        raise _too_few(draw, count)
    pictures = tuple(sorted(draw.pictures, key=lambda picture: picture.name))
    unnamed = sum(_is_unnamed(picture.specimen, [picture.name]) for picture in pictures)
    return Selection(pictures, tuple(draw.set_aside), tuple(draw.lost), unnamed)


def summary(set_aside: Sequence[ExcludedSpecimen]) -> Iterable[str]:
    """Yield how many pictures were set aside for each cause."""
    for cause in ExclusionCause:
        mine = [one for one in set_aside if one.cause is cause]
        if mine:
            yield f"set aside: {sum(one.pictures for one in mine)} pictures, {cause} ({len(mine)} specimens)"


class _Draw:
    """Specimens that were looked at so far, and what came of each."""

    def __init__(
        self, folder: Path, settings: Settings, guard: Guard, side: int | None, wanted: Mapping[bool, int]
    ) -> None:
        self._folder, self._settings, self._guard, self._side = folder, settings, guard, side
        self._enrolled = frozenset(example.pixel_digest for example in settings.examples)
        self._trained = frozenset(settings.seen)
        self._names = frozenset(example.specimen for example in settings.examples)
        self._taken: dict[str, str] = {}  # file by digest, of all pictures of specimens that are attacked
        self.left = dict(wanted)
        self.pictures: list[LabelledImage] = []
        self.set_aside: list[ExcludedSpecimen] = []
        self.lost: list[str] = []

    def look(self, specimen: str, names: Sequence[str], label: FileLabel) -> None:
        """Take a picture of a specimen, or none: the model may know it, and there may be enough of its class."""
        if specimen in self._names and not _is_unnamed(specimen, names):
            self.set_aside.append(ExcludedSpecimen(specimen, len(names), ExclusionCause.ENROLLED))
        elif self.left[label.authentic]:
            self._look(specimen, names, label)

    def _look(self, specimen: str, names: Sequence[str], label: FileLabel) -> None:
        picture, digests, causes = None, dict[str, str](), set[ExclusionCause]()
        for name in names:  # all of them: any may be one that the model knows
            try:
                sample = decode(LooseFile.read(self._folder / name), guard=self._guard)
            except (ImageError, signing.SigningError) as e:
                self.lost.append(f"{name}: {e}")
                continue
            digests.setdefault(sample.pixel_digest, name)
            causes |= {ExclusionCause.ENROLLED} if sample.pixel_digest in self._enrolled else set()
            causes |= {ExclusionCause.TRAINED} if sample.pixel_digest in self._trained else set()
            if picture is None and not causes:
                picture = self._picture(name, sample, label)
        if causes:
            self.set_aside.append(ExcludedSpecimen(specimen, len(names), min(causes, key=list(ExclusionCause).index)))
            return
        if picture is None:
            return
        digests.setdefault(picture.digest, picture.name)
        for digest, name in digests.items():
            if digest in self._taken:
                self.lost.append(f"{name}: the same picture as {self._taken[digest]}")
                return
        self._taken |= digests
        self.left[label.authentic] -= 1
        self.pictures.append(picture)
        if len(names) > 1:
            self.set_aside.append(ExcludedSpecimen(specimen, len(names) - 1, ExclusionCause.FURTHER))

    def _picture(self, name: str, sample: Micrograph, label: FileLabel) -> LabelledImage | None:
        """Return what is attacked of a picture; none if the model can judge nothing of it."""
        try:
            prepared = prepare(sample, self._settings.geometry)
        except ImageError as e:
            self.lost.append(f"{name}: {e}")
            return None
        tile, plane = self._settings.architecture.tile, prepared.plane
        if self._side is not None:
            plane = centre_crop(plane, *(min(length, max(self._side, tile)) for length in plane.shape))
        overlap = self._settings.geometry.overlap
        places = tile_grid(plane.shape[0], plane.shape[1], tile, overlap) if prepared.tiles else ()
        if not any(has_structure(plane, place, tile) for place in places) or plane.dtype not in (np.uint8, np.uint16):
            self.lost.append(f"{name}: no tile that the model can judge, or greys that are no whole numbers")
            return None
        return LabelledImage(name, plane, label.authentic, label.specimen)


def _is_unnamed(specimen: str, names: Sequence[str]) -> bool:
    """Say whether the labels name no specimen: a file's own name says nothing of a file in another folder."""
    return specimen == f"file {names[0]}"


def _too_few(draw: _Draw, count: int) -> signing.SigningError:
    found = {kind: sum(picture.authentic is kind for picture in draw.pictures) for kind in (True, False)}
    words = {True: "authentic", False: "counterfeit"}
    lacking = " and ".join(f"{number} more {words[kind]}" for kind, number in draw.left.items() if number)
    what = (
        f"{count} pictures are asked for, {found[True]} authentic and {found[False]} counterfeit ones can be used, one"
    )
    what = "; ".join((f"{what} of each specimen: {lacking} specimens are needed", *summary(draw.set_aside)))
    hint = f"label pictures of {lacking} specimens that the model did not learn from, or ask for fewer in the policy"
    return signing.SigningError(signing.Reason.BAD_REQUEST, what, hint=hint)
