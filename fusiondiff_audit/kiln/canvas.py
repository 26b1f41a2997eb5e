"""What a painter must know: the few things that differ between a CPU and a GPU.

All else is written once, in terms of `xp`, the array library whose functions work on the painter's maps.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.kiln.grain_seeds import GrainSeeds
from fusiondiff_audit.kiln.shapes import Ellipses, Rods, ValueNoise

OUTSIDE = -1e3  # the depth of a pixel that no body is near
BLUR_REACH = 3.0  # deviations


@dataclass(frozen=True, slots=True, eq=False)
class Tessellation:
    """For each pixel its grain, its neighbour, and how far the boundary between them is."""

    grain: Any
    neighbour: Any
    boundary: Any


class Canvas(Protocol):
    """A painter. Maps are square, with `side` rows."""

    xp: ModuleType

    def tessellation(self, seeds: GrainSeeds, side: int) -> Tessellation:
        """Paint grains."""

    def ellipses(self, what: Ellipses, side: int) -> Any:
        """Return how deep each pixel lies in the nearest ellipse, in pixels; outside it is negative."""

    def rods(self, what: Rods, side: int) -> Any:
        """Return the same for rods."""

    def smooth(self, knots: ValueNoise) -> Any:
        """Return a field of unit variance."""

    def array(self, values: npt.NDArray[Any]) -> Any:
        """Return values as the painter keeps them."""

    def blurred(self, field: Any, down: float, across: float) -> Any:
        """Return a field after a Gaussian blur, with these deviations along columns and rows."""

    def trail(self, field: Any, length: int) -> Any:
        """Return the mean over the pixels on the left of each."""

    def shifted(self, field: Any, shift: Any) -> Any:
        """Move each row to the left by so many pixels, rounded."""

    def noise(self, rng: np.random.Generator, side: int) -> Any:
        """Return Gaussian noise of unit variance."""

    def pixels(self, values: Any, bits: int) -> Any:
        """Return greys from 0 to 1 as numbers of so many bits."""
