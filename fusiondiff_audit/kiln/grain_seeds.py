"""Grains as a Laguerre tessellation, which is all in its seeds.

A power diagram of points in the plane is a Voronoi diagram of the same points lifted into space (Aurenhammer, 1987), so
the nearest lifted points give a grain and its neighbour together. Elongation is a stretch of the plane beforehand.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from fusiondiff_audit.kiln.shapes import Floats


@dataclass(frozen=True, slots=True, eq=False)
class GrainSeeds:
    """Grain centres in pixels (row, column), the same in the stretched plane, and how far each is lifted."""

    centres: Floats
    lifted: Floats  # three columns: two in the stretched plane, and the lift
    turn: Floats  # from rows and columns to the stretched plane
    size: float  # mean diameter, pixels
    tree: cKDTree

    def near(self, points: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.intp]:
        """Return the nearest grains at points of the picture, the grain itself first."""
        flat = points @ self.turn.T
        _, found = self.tree.query(np.column_stack([flat, np.zeros(len(flat))]), k=min(count, len(self.lifted)))
        nearest: npt.NDArray[np.intp] = found
        return nearest

    def boundary_at(self, points: npt.NDArray[np.floating]) -> Floats:
        """Return how far each point is from the boundary of its grain, in pixels of the stretched plane."""
        pair = self.lifted[self.near(points, 2)]
        flat = np.column_stack([points @ self.turn.T, np.zeros(len(points))])
        power = ((pair - flat[:, None]) ** 2).sum(-1)
        between = np.linalg.norm(pair[:, 0, :2] - pair[:, 1, :2], axis=-1)
        away: Floats = (power[:, 1] - power[:, 0]) / (2 * np.maximum(between, 1e-6))
        return away


def draw_grain_seeds(
    rng: np.random.Generator, side: int, *, size: float, spread: float, elongation: float, direction: float
) -> GrainSeeds:
    """Return seeds of grains with a mean diameter in pixels and log-normal sizes, some of them outside the picture."""
    margin = 3 * size * elongation**0.5
    count = int(np.ceil(1.3 * ((side + 2 * margin) / size) ** 2))
    centres = rng.uniform(-margin, side + margin, (count, 2))
    radii = 0.5 * size * np.exp(spread * rng.standard_normal(count) - spread**2 / 2)
    weights = np.minimum(radii, 3 * size) ** 2
    cosine, sine = np.cos(direction), np.sin(direction)
    turn = np.array([[cosine, -sine], [sine, cosine]]) * np.array([[elongation**0.5], [elongation**-0.5]])
    lifted = np.column_stack([centres @ turn.T, np.sqrt(weights.max() - weights)]).astype(np.float32)
    return GrainSeeds(centres.astype(np.float32), lifted, turn.astype(np.float32), size, cKDTree(lifted))
