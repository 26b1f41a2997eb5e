"""Ellipses, rods and value noise, drawn at random, before they are rasterised."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
ORDERS = (2, 3, 4, 5)  # waves in a turn around an outline


@dataclass(frozen=True, slots=True, eq=False)
class Ellipses:
    """Ellipses with uneven outlines; one row or entry for each."""

    centres: Floats
    semi: Floats  # long half axis, pixels
    roundness: Floats  # short over long
    angles: Floats
    heights: Floats  # of each wave, as a share of the radius
    phases: Floats
    reach: Floats  # no part of an ellipse lies farther from its centre

    def __len__(self) -> int:
        return len(self.semi)


@dataclass(frozen=True, slots=True, eq=False)
class Rods:
    """Straight rods with square ends."""

    centres: Floats
    lengths: Floats
    widths: Floats
    angles: Floats

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, slots=True, eq=False)
class ValueNoise:
    """Random values on a lattice that reaches half a step to two steps beyond the image; pixels are interpolated."""

    values: Floats
    side: int

    def interpolation(self, axis: int) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return for each pixel along an axis the lattice point before it, and the weight of the point after it."""
        place = np.linspace(0.5, self.values.shape[axis] - 2.5, self.side, dtype=np.float32)
        low = place.astype(np.intp)
        share = place - low
        return low, share * share * (3 - 2 * share)


def draw_ellipses(
    rng: np.random.Generator, centres: Floats, semi: Floats, roundness: Floats, angles: Floats, *, rough: float
) -> Ellipses:
    """Draw uneven outlines for ellipses at these centres."""
    shape = (len(semi), len(ORDERS))
    heights = rng.standard_normal(shape) * rough / np.array(ORDERS) * (semi[:, None] > 1)
    phases = rng.uniform(0, 2 * np.pi, shape)
    reach = semi * (1 + np.abs(heights).sum(1)) + 2
    columns = (centres, semi, roundness, angles, heights, phases, reach)
    return Ellipses(*(column.astype(np.float32) for column in columns))


def draw_value_noise(rng: np.random.Generator, side: int, scale: float, *, stretch: float = 1.0) -> ValueNoise:
    """Draw a smooth field with features of `scale` pixels, `stretch` times as wide."""
    shape = tuple(int(np.clip(np.ceil(side / size) + 3, 4, side)) for size in (scale, scale * stretch))
    return ValueNoise(rng.standard_normal(shape).astype(np.float32), side)
