"""The recorded mapping from greys at full depth to numbers from 0 to 1, the one place where depth is given up.

It belongs to the classifier, so that an attack and a certificate see the same picture as it does. Nothing is stretched
unsaid: each setting stands in the bundle, and each step in the report.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fusiondiff_audit.images.greys import countable, percentiles

Unit = npt.NDArray[np.float32]
_FIELD = 16  # points a side of the smooth field that flat-field correction divides by
_BINS = 256


@dataclass(frozen=True, slots=True)
class Intensity:
    """Which greys become 0 and 1, in per cent of the pixels: never the extremes, which one hot pixel rules."""

    low: float = 0.1
    high: float = 99.9
    flat_field: bool = False
    clahe: int = 0  # regions a side; 0 is off. It amplifies small changes, also an attacker's
    clip: float = 2.0  # how much more than an even share a grey may count for in a region

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        if not 0 <= self.low < self.high <= 100 or not 0 <= self.clahe <= 64 or self.clip < 1:
            raise ValueError(f"no mapping: {self}")

    def steps(self) -> tuple[str, ...]:
        """Return what is done, in order, with its numbers."""
        field = (f"divided by a smooth field of {_FIELD} x {_FIELD} points",) if self.flat_field else ()
        local = (f"contrast-limited equalisation in {self.clahe} x {self.clahe} regions, clip {self.clip}",)
        return (*field, f"per cent {self.low} to {self.high} mapped to 0 to 1", *(local if self.clahe else ()))

    def apply(self, plane: npt.NDArray[Any]) -> Unit:
        """Return the plane as numbers from 0 to 1."""
        values = plane.astype(np.float32)
        if self.flat_field:
            values = _flattened(values)
        seen = plane if countable(plane) and not self.flat_field else values  # the same greys, but sooner counted
        low, high = percentiles(seen, (self.low, self.high)).astype(np.float32)
        unit = np.clip((values - low) / max(high - low, np.float32(1e-12)), 0, 1)
        return _equalised(unit, self.clahe, self.clip) if self.clahe else unit


def _flattened(values: Unit) -> Unit:
    """Divide by the picture's own slow changes of brightness, and keep its mean."""
    height, width = values.shape
    points = Image.fromarray(values).resize((_FIELD, _FIELD), Image.Resampling.BOX)
    field = np.asarray(points.resize((width, height), Image.Resampling.BICUBIC))
    flat: Unit = values / np.maximum(field, max(float(field.mean()), 1e-12) * 0.05) * field.mean()
    return flat.astype(np.float32)


def _equalised(unit: Unit, regions: int, clip: float) -> Unit:
    """Equalise each region's histogram, clipped, and blend between the regions' centres (Zuiderveld, 1994)."""
    height, width = unit.shape
    levels = np.minimum((unit * _BINS).astype(np.intp), _BINS - 1)
    rows, columns = (np.linspace(0, side, regions + 1).astype(int) for side in (height, width))
    curves = np.empty((regions, regions, _BINS), np.float32)
    for i in range(regions):
        for j in range(regions):
            block = levels[rows[i] : rows[i + 1], columns[j] : columns[j + 1]]
            counts = np.bincount(block.ravel(), minlength=_BINS).astype(np.float64)
            most = max(clip * counts.sum() / _BINS, 1.0)
            excess = np.maximum(counts - most, 0).sum()
            total = np.cumsum(np.minimum(counts, most) + excess / _BINS)
            curves[i, j] = total / max(total[-1], 1e-12)
    down, across = _weights(height, regions), _weights(width, regions)
    found = np.zeros_like(unit)
    for r, down_weight in down:
        for c, across_weight in across:
            weight = down_weight[:, None] * across_weight[None, :]
            found += weight * curves[r[:, None], c[None, :], levels]
    return np.clip(found, 0, 1).astype(np.float32)


def _weights(length: int, regions: int) -> tuple[tuple[npt.NDArray[np.intp], Unit], ...]:
    """Return for each pixel its two nearest regions, and how much each counts."""
    place = (np.arange(length) + 0.5) * regions / length - 0.5
    below = np.floor(place).astype(np.intp)
    share = (place - below).astype(np.float32)
    first, second = np.clip(below, 0, regions - 1), np.clip(below + 1, 0, regions - 1)
    return ((first, 1 - share), (second, share))
