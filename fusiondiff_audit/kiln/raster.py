"""Rasterisation: from grain seeds, ellipses, rods and noise lattices to arrays of pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.kiln.grain_seeds import GrainSeeds
from fusiondiff_audit.kiln.shapes import ORDERS, Ellipses, Floats, Rods, ValueNoise

_OUTSIDE = -1e3  # the depth of a pixel that no shape is near
_CANDIDATES = 10
_Number = TypeVar("_Number", np.intp, np.floating[Any])


@dataclass(frozen=True, slots=True, eq=False)
class Tessellation:
    """For each pixel: its grain, the neighbouring grain, and the distance to the boundary between them in pixels."""

    grain: npt.NDArray[np.intp]
    neighbour: npt.NDArray[np.intp]
    boundary: Floats


def tessellation(seeds: GrainSeeds, side: int) -> Tessellation:
    """Rasterise grains.

    The k-d tree is queried once for each block of pixels, and each pixel chooses among its block's candidates. The
    result is that of a query for each pixel, several times as fast, if a block is small beside a grain.
    """
    block = 8 if seeds.size >= 14 else 4 if seeds.size >= 6 else 2
    blocks = -(-side // block)
    middles = np.mgrid[:blocks, :blocks].reshape(2, -1).T * block + (block - 1) / 2
    candidates = seeds.nearest(middles, _CANDIDATES)
    lifted = seeds.lifted[candidates]
    distances = lifted[:, :, :2] - (middles @ seeds.turn.T)[:, None, :].astype(np.float32)
    offsets = (np.mgrid[:block, :block].reshape(2, -1).T - (block - 1) / 2).astype(np.float32) @ seeds.turn.T
    # |x - c|^2 + lift^2 without |x|^2, which is the same for all candidates
    power = ((distances**2).sum(-1) + lifted[:, :, 2] ** 2)[:, :, None] - 2 * (distances @ offsets.T)
    first, least = _take_least(power)
    second, next_least = _take_least(power)
    grain, neighbour = (np.take_along_axis(candidates, rank, 1) for rank in (first, second))
    flat = seeds.lifted[:, :2]
    between = np.linalg.norm(flat[grain] - flat[neighbour], axis=-1)
    boundary = (next_least - least) / (2 * np.maximum(between, 1e-6))

    def assembled(values: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
        square = values.reshape(blocks, blocks, block, block).swapaxes(1, 2)
        return np.ascontiguousarray(square.reshape(blocks * block, blocks * block)[:side, :side])

    return Tessellation(assembled(grain), assembled(neighbour), assembled(boundary))


def ellipse_depth(ellipses: Ellipses, side: int) -> Floats:
    """Return how deep each pixel lies inside the nearest ellipse, in pixels; negative outside."""
    depth = np.full((side, side), _OUTSIDE, np.float32)
    for i, window, along, across in _windows(depth, ellipses.centres, ellipses.angles, ellipses.reach):
        across = across / ellipses.roundness[i]
        outline = np.float32(1)
        if ellipses.heights[i].any():
            angle = np.arctan2(across, along)
            for order, height, phase in zip(ORDERS, ellipses.heights[i], ellipses.phases[i], strict=True):
                outline = outline + height * np.cos(order * angle + phase)
        inside = (ellipses.semi[i] * outline - np.hypot(along, across)) * ellipses.roundness[i]
        np.maximum(window, inside, out=window)
    return depth


def rod_depth(rods: Rods, side: int) -> Floats:
    """Return how deep each pixel lies inside the nearest rod, in pixels; negative outside."""
    depth = np.full((side, side), _OUTSIDE, np.float32)
    reach = (rods.lengths + rods.widths) / 2 + 2
    for i, window, along, across in _windows(depth, rods.centres, rods.angles, reach):
        inside = np.minimum(rods.lengths[i] / 2 - np.abs(along), rods.widths[i] / 2 - np.abs(across))
        np.maximum(window, inside, out=window)
    return depth


def smooth_field(noise: ValueNoise) -> Floats:
    """Interpolate value noise to every pixel, scaled to unit variance."""
    low, weight = noise.interpolation(0)
    rows = noise.values[low] * (1 - weight)[:, None] + noise.values[low + 1] * weight[:, None]
    low, weight = noise.interpolation(1)
    field = rows[:, low] * (1 - weight) + rows[:, low + 1] * weight
    return field / np.float32(max(float(field.std()), 1e-6))


def _windows(
    depth: Floats, centres: Floats, angles: Floats, reaches: Floats
) -> Iterator[tuple[int, Floats, Floats, Floats]]:
    """Yield the window of `depth` around each centre, and its pixels' coordinates along and across the axis."""
    side = len(depth)
    shapes = zip(centres.tolist(), angles.tolist(), reaches.tolist(), strict=True)
    for i, ((row, column), angle, reach) in enumerate(shapes):
        top, bottom = max(0, int(row - reach)), min(side, int(row + reach) + 2)
        left, right = max(0, int(column - reach)), min(side, int(column + reach) + 2)
        if top < bottom and left < right:
            y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(row)
            x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(column)
            cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
            yield i, depth[top:bottom, left:right], x * cosine + y * sine, y * cosine - x * sine


def _take_least(power: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the rank and the value of the least power at each pixel, and overwrite it in `power` with infinity."""
    rank = power.argmin(1)
    least = np.take_along_axis(power, rank[:, None], 1)[:, 0]
    np.put_along_axis(power, rank[:, None], np.inf, 1)
    return rank, least
