"""The seeds of grains: their Laguerre tessellation follows from the seeds alone.

A power diagram of points in the plane is a Voronoi diagram of the same points lifted into space (Aurenhammer, 1987), so
the two nearest lifted points of a pixel are its grain and the neighbour. Elongation stretches the plane beforehand.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from fusiondiff_audit.kiln.body import Grains
from fusiondiff_audit.kiln.shapes import Floats

LEAST_GRAIN = 3.0  # pixels; smaller grains are drawn as large


@dataclass(frozen=True, slots=True, eq=False)
class GrainSeeds:
    """Grain centres in the image (row, column, in pixels) and in the stretched plane, with their lifts."""

    centres: Floats
    lifted: Floats  # three columns: two in the stretched plane, and the lift
    turn: Floats  # from rows and columns to the stretched plane
    size: float  # mean diameter, pixels
    tree: cKDTree

    def nearest(self, points: npt.NDArray[np.floating], count: int) -> npt.NDArray[np.intp]:
        """Return the nearest grains of points in the image, the grain that holds the point first."""
        flat = points @ self.turn.T
        _, grains = self.tree.query(np.column_stack([flat, np.zeros(len(flat))]), k=min(count, len(self.lifted)))
        nearest: npt.NDArray[np.intp] = grains
        return nearest

    def boundary_at(self, points: npt.NDArray[np.floating]) -> Floats:
        """Return the distance of each point from the boundary of its grain, in pixels of the stretched plane."""
        pair = self.lifted[self.nearest(points, 2)]
        flat = np.column_stack([points @ self.turn.T, np.zeros(len(points))])
        power = ((pair - flat[:, None]) ** 2).sum(-1)
        between = np.linalg.norm(pair[:, 0, :2] - pair[:, 1, :2], axis=-1)
        distance: Floats = (power[:, 1] - power[:, 0]) / (2 * np.maximum(between, 1e-6))
        return distance


def draw_grain_seeds(grains: Grains, rng: np.random.Generator, side: int, scale: float) -> GrainSeeds:
    """Draw seeds of grains of log-normal sizes, some of them outside the image."""
    size, spread, elongation = max(grains.size * scale, LEAST_GRAIN), grains.spread, grains.elongation
    margin = 3 * size * elongation**0.5
    count = int(np.ceil(1.3 * ((side + 2 * margin) / size) ** 2))
    centres = rng.uniform(-margin, side + margin, (count, 2))
    radii = 0.5 * size * np.exp(spread * rng.standard_normal(count) - spread**2 / 2)
    weights = np.minimum(radii, 3 * size) ** 2
    cosine, sine = np.cos(grains.direction), np.sin(grains.direction)
    turn = np.array([[cosine, -sine], [sine, cosine]]) * np.array([[elongation**0.5], [elongation**-0.5]])
    lifted = np.column_stack([centres @ turn.T, np.sqrt(weights.max() - weights)]).astype(np.float32)
    return GrainSeeds(centres.astype(np.float32), lifted, turn.astype(np.float32), size, cKDTree(lifted))
