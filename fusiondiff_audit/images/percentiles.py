"""Percentiles from a histogram: the values of `numpy.percentile`, bit for bit, in a fraction of the time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_COUNTED = 2**20  # greys that are counted; with more, they are sorted
_AT_ONCE = 2**20  # greys: counting takes eight bytes for each, and an image may have a hundred million


def is_8_or_16_bit(plane: npt.NDArray[Any]) -> bool:
    """Say whether greys are integers of at most 16 bits, which single precision represents exactly."""
    return plane.dtype in (np.uint8, np.uint16)


def percentiles(values: npt.NDArray[Any], shares: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the values of `numpy.percentile`, bit for bit; non-negative integers are counted, others sorted."""
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() >= _COUNTED:
        return np.asarray(np.percentile(values, shares), dtype=np.float64)
    flat, different = values.ravel(), int(values.max()) + 1
    upto = np.zeros(different, np.intp)
    for start in range(0, len(flat), _AT_ONCE):
        upto += np.bincount(flat[start : start + _AT_ONCE], minlength=different)
    upto.cumsum(out=upto)
    place = (len(flat) - 1) * (np.asarray(shares) / 100)
    before = np.floor(place)
    low, high = (upto.searchsorted(np.minimum(rank, len(flat) - 1), "right") for rank in (before, before + 1))
    share, apart = place - before, high - low
    interpolated: npt.NDArray[np.float64] = np.where(share < 0.5, low + apart * share, high - apart * (1 - share))
    return interpolated
