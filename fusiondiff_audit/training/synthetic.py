"""Synthetic training images: specimens of kilns, randomised specimens and textures, in random microscope sessions.

Sessions differ in the instrument, not in the specimen. Downsampling by k stands for a lower magnification: a tile then
shows more of the specimen and less noise, and lengths in pixels shrink by k.
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
from fusiondiff_audit.kiln.layout import FieldLayout
from fusiondiff_audit.kiln.microscope import ElectronDetector, Microscope
from fusiondiff_audit.kiln.parallel import available_cores, parallel_map
from fusiondiff_audit.kiln.randomised import randomised_specimen
from fusiondiff_audit.kiln.specimens import Pixels, Specimen, log_uniform, random_stream, specimen
from fusiondiff_audit.training.dataset import TiledImage, Tiling
from fusiondiff_audit.training.recipe import SyntheticData

QUANTITIES = (*composition(Body(), 1.0), *synthetic_textures.PARAMETER_NAMES)  # the names of a composition's columns


class SyntheticSpecimen(Protocol):
    """A specimen with known composition that can be imaged."""

    @property
    def key(self) -> tuple[str, ...]:
        """Return the name, which keys the random streams."""

    def field(self, number: int, side: int, session: Microscope) -> Pixels:
        """Return one field of view, in one session."""

    def composition(self, session: Microscope, averaged: int) -> dict[str, float]:
        """Return the composition, lengths in pixels of a session's image after downsampling."""

    def layout(self, number: int, side: int, session: Microscope) -> FieldLayout | None:
        """Return the layout of the field of view that `field` images; None of a texture."""


DrawnSpecimen = tuple[str, Callable[[], SyntheticSpecimen]]


def synthesise(data: SyntheticData, tiling: Tiling, seed: int) -> tuple[Iterator[TiledImage], int]:
    """Yield synthetic images, and return how many there will be."""
    drawn = synthetic_specimens(data, seed)
    fields = parallel_map(partial(_fields, data, tiling), drawn, available_cores())
    return (image for images in fields for image in images), len(drawn) * data.fields * len(data.downsampling)


def synthetic_specimens(data: SyntheticData, seed: int) -> list[DrawnSpecimen]:
    """Return the specimens of a dataset, each with its maker, which is empty where it has none."""
    stream = ("pretrain", str(seed))
    drawn: list[DrawnSpecimen] = [
        (f"{kiln} {workshop or 'authentic'}", partial(_from_kiln, specimen, kiln, workshop, *stream, str(number)))
        for number in range(data.specimens)
        for kiln, workshop in data.makers
    ]
    drawn += [("", partial(_from_kiln, randomised_specimen, *stream, str(number))) for number in range(data.randomised)]
    drawn += [
        ("", partial(synthetic_textures.synthetic_texture, *stream, str(number))) for number in range(data.textures)
    ]
    return drawn


def downsampled(plane: npt.NDArray[np.uint8], factor: int) -> Pixels:
    """Return the mean of each square of pixels, at 16 bits, since means lie between the greys of 8."""
    if factor == 1:
        return plane
    height, width = (length // factor for length in plane.shape)
    squares = plane[: height * factor, : width * factor].reshape(height, factor, width, factor).astype(np.float64)
    means: Pixels = np.round(squares.mean((1, 3)) * 257).astype(np.uint16)
    return means


@dataclass(frozen=True, slots=True)
class _KilnSpecimen:
    """A fired specimen, of a kiln or randomised."""

    fired: Specimen

    @property
    def key(self) -> tuple[str, ...]:
        return self.fired.key

    def field(self, number: int, side: int, session: Microscope) -> Pixels:
        field: Pixels = self._imaged(session).field(number, side)
        return field

    def layout(self, number: int, side: int, session: Microscope) -> FieldLayout:
        return self._imaged(session).layout(number, side)

    def composition(self, session: Microscope, averaged: int) -> dict[str, float]:
        cracks = self.fired.body.cracks  # counted per field, of which a downsampled tile shows more
        body = replace(self.fired.body, cracks=replace(cracks, number=cracks.number * averaged))
        return composition(body, self._pixel_size(session) * averaged)

    def _imaged(self, session: Microscope) -> Specimen:
        return replace(self.fired, microscope=session, pixel_size=self._pixel_size(session))

    def _pixel_size(self, session: Microscope) -> float:
        return self.fired.pixel_size / self.fired.microscope.zoom * session.zoom


def _from_kiln(draw: Callable[..., Specimen], *key: str | None) -> SyntheticSpecimen:
    return _KilnSpecimen(draw(*key))


def _fields(data: SyntheticData, tiling: Tiling, drawn: DrawnSpecimen) -> list[TiledImage]:
    """Return the images of one specimen, each field in a session of its own."""
    maker, sample = drawn[0], drawn[1]()
    images = []
    for field in range(data.fields):
        session = random_session(sample, field)
        plane = sample.field(field, data.side, session)
        for factor in data.downsampling:
            quantities = dict.fromkeys(QUANTITIES, nan) | sample.composition(session, factor)
            image = downsampled(plane, factor)
            digest = digest_pixels(image[:, :, None])
            tiles = tiling.tiles(mirror_padded(image, tiling.geometry.tile))
            images.append(TiledImage(tiles, " ".join(sample.key), maker, digest, tuple(quantities.values())))
    return images


def random_session(sample: SyntheticSpecimen, field: int) -> Microscope:
    """Return the settings of the session in which a field is imaged, from wider ranges than the benchmark's."""
    rng = random_stream(*sample.key, "session", str(field))
    return Microscope(
        detector=ElectronDetector.BACKSCATTER,
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
