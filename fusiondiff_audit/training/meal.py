"""A diet that is made up: pieces of kilns, strangers and studies, each seen in sessions of its own, near and from afar.

What sessions differ in is not the piece. From afar means averaged: a tile then shows more of the piece, less of the
noise, and lengths that are shorter by so much.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import nan
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.pixels import digest_pixels
from fusiondiff_audit.images.tiles import mirror_padded
from fusiondiff_audit.kiln import synthetic_textures
from fusiondiff_audit.kiln.body import Body
from fusiondiff_audit.kiln.composition import composition
from fusiondiff_audit.kiln.microscope import Detector, Microscope
from fusiondiff_audit.kiln.parallel import available_cores, parallel_map
from fusiondiff_audit.kiln.randomised import randomised_specimen
from fusiondiff_audit.kiln.specimens import Pixels, Specimen, log_uniform, random_stream, specimen
from fusiondiff_audit.training.diet import Cutting, Picture
from fusiondiff_audit.training.recipe import Meal

NUMBERS = (*composition(Body(), 1.0), *synthetic_textures.PARAMETER_NAMES)  # what can be known of a picture


class Piece(Protocol):
    """Something that can be looked at."""

    @property
    def key(self) -> tuple[str, ...]:
        """Return what names it."""

    def field(self, number: int, side: int, session: Microscope) -> Pixels:
        """Return one field of view, in one session."""

    def composition(self, session: Microscope, averaged: int) -> dict[str, float]:
        """Return what it is made of, as it is seen in a session, averaged over so many pixels a side."""


@dataclass(frozen=True, slots=True)
class _Fired:
    """A piece of a kiln, or a stranger."""

    made: Specimen

    @property
    def key(self) -> tuple[str, ...]:
        return self.made.key

    def field(self, number: int, side: int, session: Microscope) -> Pixels:
        seen: Pixels = replace(self.made, microscope=session, pixel_size=self._pixel(session)).field(number, side)
        return seen

    def composition(self, session: Microscope, averaged: int) -> dict[str, float]:
        cracks = self.made.body.cracks  # so many cross a field, of which a tile from afar shows more
        body = replace(self.made.body, cracks=replace(cracks, number=cracks.number * averaged))
        return composition(body, self._pixel(session) * averaged)

    def _pixel(self, session: Microscope) -> float:
        return self.made.pixel_size / self.made.microscope.zoom * session.zoom


def made(meal: Meal, cutting: Cutting, seed: int) -> tuple[Iterator[Picture], int]:
    """Yield made-up pictures, and say how many there will be."""
    words = ("pretrain", str(seed))
    pieces: list[tuple[str, Callable[[], Piece]]] = [
        (f"{kiln} {workshop or 'authentic'}", partial(_fired, specimen, kiln, workshop, *words, str(number)))
        for number in range(meal.specimens)
        for kiln, workshop in meal.makers
    ]
    pieces += [("", partial(_fired, randomised_specimen, *words, str(number))) for number in range(meal.strangers)]
    pieces += [
        ("", partial(synthetic_textures.synthetic_texture, *words, str(number))) for number in range(meal.studies)
    ]
    found = parallel_map(partial(_fields, meal, cutting), pieces, available_cores())
    return (picture for pictures in found for picture in pictures), len(pieces) * meal.fields * len(meal.averaged)


def _fired(draw: Callable[..., Specimen], *words: str | None) -> Piece:
    return _Fired(draw(*words))


def _fields(meal: Meal, cutting: Cutting, drawn: tuple[str, Callable[[], Piece]]) -> list[Picture]:
    """Return a piece's fields, each seen in another session."""
    maker, piece = drawn[0], drawn[1]()
    pictures = []
    for field in range(meal.fields):
        session = _session(random_stream(*piece.key, "session", str(field)))
        plane = piece.field(field, meal.side, session)
        for times in meal.averaged:
            known = dict.fromkeys(NUMBERS, nan) | piece.composition(session, times)
            seen = averaged(plane, times)
            digest = digest_pixels(seen[:, :, None])
            squares = cutting.squares(mirror_padded(seen, cutting.geometry.tile))
            pictures.append(Picture(squares, " ".join(piece.key), maker, digest, tuple(known.values())))
    return pictures


def averaged(plane: npt.NDArray[np.uint8], times: int) -> Pixels:
    """Return each square of so many pixels a side as one, at 16 bits, since means lie between the greys of 8."""
    if times == 1:
        return plane
    high, wide = (length // times for length in plane.shape)
    squares = plane[: high * times, : wide * times].reshape(high, times, wide, times).astype(np.float64)
    fine: Pixels = np.round(squares.mean((1, 3)) * 257).astype(np.uint16)
    return fine


def _session(rng: np.random.Generator) -> Microscope:
    """Return the settings of a session on any microscope: broader than those that a benchmark draws from."""
    return Microscope(
        detector=Detector.BACKSCATTER,
        electrons=log_uniform(rng, 40, 800),
        focus=rng.uniform(0.4, 1.3),
        astigmatism=rng.uniform(0, 0.4),
        gain=rng.uniform(0.4, 1.4),
        offset=rng.uniform(-0.15, 0.3),
        gamma=float(np.exp(rng.normal(0, 0.25))),
        tilt=rng.uniform(-0.35, 0.35),
        charging=rng.uniform(0, 0.14),
        drift=rng.uniform(0, 2.2),
        zoom=float(np.exp(rng.normal(0.03, 0.09))),
        bits=8,
    )
