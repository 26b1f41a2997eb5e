"""Geometry: from a micrograph to a plane and its tiles. Intensity is mapped later, by the model.

1. One plane of greys: the image itself, or the channel that is named.
2. The data bar is cut off: by metadata, else by its greys, which is recorded as a guess.
3. The image is brought to the model's nanometres per pixel, rounded back to its own depth.
4. It is cut into tiles; tiles without structure are left out.
Every step is listed, with its numbers.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fusiondiff_audit.images.claims import LEAST_NANOMETRES, MOST_NANOMETRES, Scale
from fusiondiff_audit.images.data_bar import data_bar_rows
from fusiondiff_audit.images.errors import unsupported
from fusiondiff_audit.images.header import MAX_PIXELS
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.percentiles import percentiles
from fusiondiff_audit.images.quality import LEAST_CONTRAST, Fault, Quality, measure_quality
from fusiondiff_audit.images.tiles import Aggregation, Tile, tile_grid

Plane = npt.NDArray[Any]
_SAME = Decimal("0.005")  # relative difference from the model's scale up to which an image is not resized


@dataclass(frozen=True, slots=True)
class Geometry:
    """A bundle's settings. Without `nanometres` images keep their own scale."""

    nanometres: Decimal | None = None
    tile: int = 224
    overlap: float = 0.25
    rule: Aggregation = Aggregation.MEDIAN
    channel: int | None = None
    guess_bar: bool = True

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if not 16 <= self.tile <= 4096 or not 0 <= self.overlap <= 0.9:
            raise ValueError(f"tiles of {self.tile} pixels that overlap by {self.overlap}")
        scale = self.nanometres
        if scale is not None and not (scale.is_finite() and LEAST_NANOMETRES <= scale <= MOST_NANOMETRES):
            raise ValueError(f"{scale} nanometres a pixel")


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A plane at full depth with its scale and its tiles, and the steps that led to them."""

    plane: Plane
    tiles: tuple[Tile, ...]
    scale: Scale | None
    quality: Quality
    steps: tuple[str, ...]
    guessed: bool


def prepare(micrograph: Micrograph, geometry: Geometry) -> Prepared:
    """Return the model's input; an image that cannot be judged has faults, and perhaps no tiles."""
    steps = list(micrograph.steps)
    plane = _one_plane(micrograph, geometry, steps)  # 1
    plane, guessed = _without_bar(plane, micrograph.claims.rows, geometry, steps)  # 2
    quality = measure_quality(plane)
    plane, scale = _at_scale(plane, micrograph.claims.scale, geometry.nanometres, steps)  # 3
    tiles = tile_grid(plane.shape[0], plane.shape[1], geometry.tile, geometry.overlap)  # 4
    if not tiles:
        height, width = plane.shape
        steps.append(f"no tiles: {width} x {height} pixels, a tile has {geometry.tile}")
        quality = replace(quality, faults=(*quality.faults, Fault.TOO_SMALL))
    kept = tuple(tile for tile in tiles if has_structure(plane, tile, geometry.tile))
    if tiles:
        flat = len(tiles) - len(kept)
        steps.append(f"{len(tiles)} tiles of {geometry.tile} pixels, {flat} without structure left out")
    return Prepared(plane, kept, scale, quality, tuple(steps), guessed)


def _one_plane(micrograph: Micrograph, geometry: Geometry, steps: list[str]) -> Plane:
    channels = micrograph.pixels.shape[2]
    if channels == 1:
        return micrograph.pixels[:, :, 0]
    if geometry.channel is None or geometry.channel >= channels:
        hint = "save one channel as grey, before signing"
        raise unsupported(f"{micrograph.name!a}: an image of {channels} channels that differ", hint=hint)
    steps.append(f"channel {geometry.channel} of {channels} taken")
    return micrograph.pixels[:, :, geometry.channel]


def _without_bar(plane: Plane, rows: int | None, geometry: Geometry, steps: list[str]) -> tuple[Plane, bool]:
    if rows is not None:
        steps.append(f"{len(plane) - rows} rows of data bar cut off, by metadata")
        return plane[:rows], False
    bar = data_bar_rows(plane) if geometry.guess_bar else 0
    if not bar:
        return plane, False
    steps.append(f"{bar} rows of data bar cut off, by their look")
    return plane[:-bar], True


def _at_scale(
    plane: Plane, scale: Scale | None, wanted: Decimal | None, steps: list[str]
) -> tuple[Plane, Scale | None]:
    """Return the plane at the wanted nanometres per pixel, at its own depth; unchanged if its scale is unknown."""
    if scale is None or wanted is None:
        return plane, scale
    factor = scale.nanometres / wanted
    height, width = (max(1, round(side * factor)) for side in plane.shape)
    if abs(factor - 1) <= _SAME:
        return plane, scale
    if height * width > MAX_PIXELS:
        raise unsupported(f"at {wanted} nm a pixel it would have {width} x {height} pixels, at most {MAX_PIXELS:,}")
    smooth = Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    resized: Plane = np.asarray(smooth)
    if plane.dtype.kind == "u":
        top = np.iinfo(plane.dtype).max
        resized = np.clip(np.rint(resized.astype(np.float64)), 0, top).astype(plane.dtype)
    steps.append(f"brought from {scale} ({scale.source}) to {wanted} nm a pixel, {width} x {height} pixels, bilinear")
    return resized, Scale(wanted, scale.source)


def has_structure(plane: Plane, tile: Tile, side: int) -> bool:
    """Say whether a tile has enough contrast to be judged."""
    piece = plane[tile.top : tile.top + side, tile.left : tile.left + side]
    low, high = percentiles(piece, (1, 99))
    return bool(high - low > LEAST_CONTRAST / 2 * max(abs(high), 1e-12))
