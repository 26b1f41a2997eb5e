"""Whether an image can be judged at all: `not assessable` is a finding, and better than a guess.

Every measure is kept with its value. The bounds were set on 45 public micrographs of coatings and
superalloys, which all pass, and on the same ones blurred and overexposed (docs/decisions/not-assessable.md).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.percentiles import is_8_or_16_bit, percentiles

MOST_WHITE, MOST_BLACK = 0.05, 0.5  # share of the pixels; around a specimen an image is rightly black
LEAST_CONTRAST = 0.05  # of the brightest grey
LEAST_FOCUS = 0.02  # in focus 0.038 and more; blurred by four pixels at most 0.013


class Fault(StrEnum):
    """Why an image cannot be judged."""

    SATURATED = "saturated"
    EMPTY = "empty"
    OUT_OF_FOCUS = "out-of-focus"
    TOO_SMALL = "too-small"
    OVERFLOW = "overflow"  # of the model's arithmetic, found by the model


@dataclass(frozen=True, slots=True)
class Quality:
    """The measures of a plane, and the faults that follow from them."""

    white: float
    black: float
    contrast: float
    focus: float
    faults: tuple[Fault, ...]

    def __str__(self) -> str:
        ends = f"white {self.white:.1%}, black {self.black:.1%}"
        measured = f"{ends}, contrast {self.contrast:.2f}, focus {self.focus:.3f}"
        return f"not assessable ({', '.join(self.faults)}): {measured}" if self.faults else measured


def measure_quality(plane: npt.NDArray[Any]) -> Quality:
    """Return the quality of one plane of greys."""
    low, high = plane.min(), plane.max()
    darkest, brightest = percentiles(plane, (0.1, 99.9))
    white, black = float((plane == high).mean()), float((plane == low).mean())
    contrast = float((brightest - darkest) / max(abs(brightest), 1e-12))
    focus = _focus(plane)
    outside = {Fault.SATURATED: white > MOST_WHITE or black > MOST_BLACK, Fault.OUT_OF_FOCUS: focus < LEAST_FOCUS}
    faults = tuple(fault for fault, holds in outside.items() if holds)
    if contrast < LEAST_CONTRAST:  # the other measures mean nothing then
        faults = (Fault.EMPTY,)
    return Quality(white, black, contrast, focus, faults)


def is_assessable(plane: npt.NDArray[Any]) -> bool:
    """Say whether a plane of greys has no fault."""
    return not measure_quality(plane).faults


def _focus(plane: npt.NDArray[Any]) -> float:
    """Return the share of the image's variance that lies in the finest detail, without noise."""
    height, width = (side // 2 * 2 for side in plane.shape)
    if min(height, width) < 6:
        return 0.0
    noise = _noise(plane) / 4
    levels = plane[:height, :width].astype(np.float32)
    rows = levels[::2] + levels[1::2]
    binned = (rows[:, ::2] + rows[:, 1::2]) / 4  # four pixels as one, so that noise counts for less
    inner = binned[1:-1, 1:-1]
    laplacian = binned[:-2, 1:-1] + binned[2:, 1:-1] + binned[1:-1, :-2] + binned[1:-1, 2:] - 4 * inner
    return float(max(laplacian.var() - 20 * noise, 0) / max(binned.var() - noise, 1e-12))


def _noise(plane: npt.NDArray[Any]) -> float:
    """Return the variance of white noise, by a kernel that is blind to edges (Immerkaer, 1996), and a robust mean."""
    levels = plane.astype(np.int32 if is_8_or_16_bit(plane) else np.float32)
    across = levels[:, :-2] - 2 * levels[:, 1:-1] + levels[:, 2:]
    both = across[:-2] - 2 * across[1:-1] + across[2:]
    middle = np.float32(percentiles(np.abs(both), (50,))[0])
    return float((middle / 0.6745 / 6) ** 2)
