"""Painting lists of bodies as maps of pixels, with numpy: each body in its own small window."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from fusiondiff_audit.kiln.canvas import BLUR_REACH, OUTSIDE, Tessellation
from fusiondiff_audit.kiln.grain_seeds import GrainSeeds
from fusiondiff_audit.kiln.shapes import ORDERS, Ellipses, Floats, Rods, ValueNoise

_CANDIDATES = 10
_Number = TypeVar("_Number", np.intp, np.floating[Any])


class NumpyCanvas:
    """The painter of a CPU."""

    xp: ModuleType = np

    def tessellation(self, seeds: GrainSeeds, side: int) -> Tessellation:
        """Ask the tree once for each block of pixels, and let each pixel choose among its block's candidates.

        The answer is that of a query for each pixel, several times as fast, if a block is small beside a grain.
        """
        block = 8 if seeds.size >= 14 else 4 if seeds.size >= 6 else 2
        across = -(-side // block)
        middles = np.mgrid[:across, :across].reshape(2, -1).T * block + (block - 1) / 2
        near = seeds.near(middles, _CANDIDATES)
        lifted = seeds.lifted[near]
        apart = lifted[:, :, :2] - (middles @ seeds.turn.T)[:, None, :].astype(np.float32)
        offsets = (np.mgrid[:block, :block].reshape(2, -1).T - (block - 1) / 2).astype(np.float32) @ seeds.turn.T
        # |x - c|^2 + lift^2 without |x|^2, which is the same for all candidates
        power = ((apart**2).sum(-1) + lifted[:, :, 2] ** 2)[:, :, None] - 2 * (apart @ offsets.T)
        first, least = _take_least(power)
        second, next_least = _take_least(power)
        grain, neighbour = (np.take_along_axis(near, rank, 1) for rank in (first, second))
        flat = seeds.lifted[:, :2]
        between = np.linalg.norm(flat[grain] - flat[neighbour], axis=-1)
        boundary = (next_least - least) / (2 * np.maximum(between, 1e-6))

        def as_picture(blocks: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
            square = blocks.reshape(across, across, block, block).swapaxes(1, 2)
            return np.ascontiguousarray(square.reshape(across * block, across * block)[:side, :side])

        return Tessellation(as_picture(grain), as_picture(neighbour), as_picture(boundary))

    def ellipses(self, what: Ellipses, side: int) -> Floats:
        """Return how deep each pixel lies in the nearest ellipse, in pixels; outside it is negative."""
        depth = np.full((side, side), OUTSIDE, np.float32)
        for i, below, along, across in _windows(depth, what.centres, what.angles, what.reach):
            across = across / what.roundness[i]
            outline = np.float32(1)
            if what.heights[i].any():
                around = np.arctan2(across, along)
                for order, height, phase in zip(ORDERS, what.heights[i], what.phases[i], strict=True):
                    outline = outline + height * np.cos(order * around + phase)
            inside = (what.semi[i] * outline - np.hypot(along, across)) * what.roundness[i]
            np.maximum(below, inside, out=below)
        return depth

    def rods(self, what: Rods, side: int) -> Floats:
        """Return the same for rods."""
        depth = np.full((side, side), OUTSIDE, np.float32)
        reach = (what.lengths + what.widths) / 2 + 2
        for i, below, along, across in _windows(depth, what.centres, what.angles, reach):
            inside = np.minimum(what.lengths[i] / 2 - np.abs(along), what.widths[i] / 2 - np.abs(across))
            np.maximum(below, inside, out=below)
        return depth

    def smooth(self, knots: ValueNoise) -> Floats:
        """Return a field of unit variance."""
        low, weight = knots.places(0)
        rows = knots.values[low] * (1 - weight)[:, None] + knots.values[low + 1] * weight[:, None]
        low, weight = knots.places(1)
        field = rows[:, low] * (1 - weight) + rows[:, low + 1] * weight
        return field / np.float32(max(float(field.std()), 1e-6))

    def array(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values as the canvas keeps them."""
        return values

    def blurred(self, field: Floats, down: float, across: float) -> Floats:
        """Return a field after a Gaussian blur, with these deviations along columns and rows."""
        soft: Floats = ndimage.gaussian_filter(field, (down, across), truncate=BLUR_REACH, mode="nearest")
        return soft

    def trail(self, field: Floats, length: int) -> Floats:
        """Return the mean over the pixels on the left of each."""
        mean: Floats = ndimage.uniform_filter1d(field, length, axis=1, origin=length // 2, mode="nearest")
        return mean

    def shifted(self, field: Floats, shift: Floats) -> Floats:
        """Move each row to the left by so many pixels, rounded."""
        side = len(field)
        columns = np.clip(np.arange(side)[None, :] + np.round(shift).astype(np.intp)[:, None], 0, side - 1)
        return np.take_along_axis(field, columns, axis=1)

    def noise(self, rng: np.random.Generator, side: int) -> Floats:
        """Return Gaussian noise of unit variance."""
        return rng.standard_normal((side, side), dtype=np.float32)

    def pixels(self, values: Floats, bits: int) -> npt.NDArray[np.unsignedinteger]:
        """Return greys from 0 to 1 as numbers of so many bits."""
        top = 2**bits - 1
        kind = np.uint8 if bits == 8 else np.uint16
        pixels: npt.NDArray[np.unsignedinteger] = np.clip(np.round(values * top), 0, top).astype(kind)
        return pixels


def _windows(
    depth: Floats, centres: Floats, angles: Floats, reaches: Floats
) -> Iterator[tuple[int, Floats, Floats, Floats]]:
    """Yield the part of `depth` near each centre, and each of its pixels' place along and across the axis."""
    side = len(depth)
    for i, ((row, column), angle, reach) in enumerate(
        zip(centres.tolist(), angles.tolist(), reaches.tolist(), strict=True)
    ):
        top, bottom = max(0, int(row - reach)), min(side, int(row + reach) + 2)
        left, right = max(0, int(column - reach)), min(side, int(column + reach) + 2)
        if top < bottom and left < right:
            y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(row)
            x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(column)
            cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
            yield i, depth[top:bottom, left:right], x * cosine + y * sine, y * cosine - x * sine


def _take_least(power: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the rank and the value of the least power at each pixel, and take it out of `power`."""
    rank = power.argmin(1)
    least = np.take_along_axis(power, rank[:, None], 1)[:, 0]
    np.put_along_axis(power, rank[:, None], np.inf, 1)
    return rank, least
