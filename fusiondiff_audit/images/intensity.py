"""The mapping from grey levels at full depth to numbers from 0 to 1: the one place where depth is given up.

The classifier applies the mapping, so attacks and certificates see what the classifier sees. Its settings stand in the
bundle, and each step in the report.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.percentiles import is_8_or_16_bit, percentiles

Unit = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Intensity:
    """The percentiles that become 0 and 1; the extremes would depend on single hot pixels."""

    low: float = 0.1
    high: float = 99.9

    def __post_init__(self) -> None:
        """Refuse percentiles that are out of order or out of range."""
        if not 0 <= self.low < self.high <= 100:
            raise ValueError(f"no mapping: {self}")

    def steps(self) -> tuple[str, ...]:
        """Return the steps with their numbers, for the report."""
        return (f"per cent {self.low} to {self.high} mapped to 0 to 1",)

    def apply(self, plane: npt.NDArray[Any]) -> Unit:
        """Return the plane as numbers from 0 to 1."""
        values = plane.astype(np.float32)
        # Single precision keeps 16 bits exactly, and whole numbers are counted faster than others are sorted.
        counted = plane if is_8_or_16_bit(plane) else values
        low, high = percentiles(counted, (self.low, self.high)).astype(np.float32)
        unit: Unit = np.clip((values - low) / max(high - low, np.float32(1e-12)), 0, 1)
        return unit
