"""Which pictures are attacked: labelled ones that the model never learnt from, as many of one class as of the other."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

import signing
from attacks.pictures import Picture, middle
from fusiondiff_audit.images import Guard, ImageError, LooseFile, decode
from fusiondiff_audit.images.prepare import has_structure, prepare
from fusiondiff_audit.images.tiles import cut
from fusiondiff_audit.labels import Label
from fusiondiff_audit.model.classifier import DiffusionModel

Watch = Callable[[Iterable[str]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pictures, and the files that are none, each with its reason."""

    pictures: tuple[Picture, ...]
    lost: tuple[str, ...]


def choose(
    folder: Path,
    said: Mapping[str, Label],
    model: DiffusionModel,
    guard: Guard,
    *,
    count: int,
    seed: int,
    watch: Watch,
    side: int | None = None,
    besides: Collection[str] = (),
) -> Chosen:
    """Return so many pictures, drawn by seed and name; too few of either class are refused.

    Of a picture that is larger than `side` its middle is taken, but never less than a tile. Specimens that are named in
    `besides` are passed over.
    """
    settings, learnt = model.settings, {example.pixel_digest for example in model.settings.examples}
    pictures, lost = list[Picture](), list[str]()
    left, taken = {True: (count + 1) // 2, False: count // 2}, dict[str, str]()

    def drawn(name: str) -> bytes:
        return sha256(f"{seed}\n{name}".encode()).digest()

    for name in watch(sorted(said, key=drawn)):
        label = said[name]
        if not left[label.authentic] or label.specimen in besides:
            continue
        try:
            sample = decode(LooseFile.read(folder / name), guard=guard)
            if sample.pixel_digest in learnt:
                lost.append(f"{name}: the model learnt from this picture")
                continue
            prepared = prepare(sample, settings.geometry)
        except (ImageError, signing.SigningError) as e:
            lost.append(f"{name}: {e}")
            continue
        tile = settings.architecture.tile
        plane = prepared.plane
        if side is not None:
            plane = middle(plane, *(min(length, max(side, tile)) for length in plane.shape))
        places = cut(plane.shape[0], plane.shape[1], tile, settings.geometry.overlap) if prepared.tiles else ()
        if not any(has_structure(plane, place, tile) for place in places) or plane.dtype not in (np.uint8, np.uint16):
            lost.append(f"{name}: no tile that the model can judge, or greys that are no whole numbers")
            continue
        picture = Picture(name, plane, label.authentic, label.specimen)
        if picture.digest in taken:
            lost.append(f"{name}: the same picture as {taken[picture.digest]}")
            continue
        taken[picture.digest] = name
        left[label.authentic] -= 1
        pictures.append(picture)
    if any(left.values()):
        found = {kind: sum(p.authentic is kind for p in pictures) for kind in (True, False)}
        what = (
            f"{count} pictures are asked for, {found[True]} authentic and {found[False]} counterfeit ones can be used"
        )
        hint = "label more pictures that the model did not learn from, or ask for fewer in the policy"
        raise signing.SigningError(signing.Reason.BAD_REQUEST, what, hint=hint)
    return Chosen(tuple(sorted(pictures, key=lambda picture: picture.name)), tuple(lost))
