"""Typicality: Mahalanobis distances of specimens from makers, by one covariance of specimens within their makers.

A covariance of tiles would be of the noise of the microscope, and one of authentic specimens alone of too few of them.
The covariance is shrunk towards a multiple of the identity (Ledoit and Wolf, 2004), and it is never formed: distances
follow from the singular vectors of the specimens' deviations from their makers' means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.covariance import ledoit_wolf_shrinkage

from fusiondiff_audit.model.specimens import Vectors

_LEAST_VARIANCE = 1e-12  # of specimens that are all alike


@dataclass(frozen=True, slots=True, eq=False)
class WithinMakers:
    """The means of makers, in the order of their names, and the directions and variances of specimens around them."""

    makers: tuple[str, ...]
    means: Vectors
    directions: Vectors
    weights: Vectors  # of the directions, beside what every direction weighs
    floor: float  # the weight of every direction

    @classmethod
    def fit(cls, vectors: Vectors, makers: Sequence[str]) -> "WithinMakers":
        names = tuple(sorted(set(makers)))
        member = np.array([names.index(maker) for maker in makers])
        means = np.array([vectors[member == place].mean(0) for place in range(len(names))])
        several = np.bincount(member)[member] > 1  # the only specimen of its maker shows no scatter
        deviations = (vectors - means[member])[several]
        if not len(deviations):
            raise ValueError("no maker has two specimens, so how specimens scatter is unknown")
        shrinkage = float(ledoit_wolf_shrinkage(deviations, assume_centered=True))
        _, singular, directions = np.linalg.svd(deviations, full_matrices=False)
        freedom = max(len(deviations) - len(set(member[several].tolist())), 1)
        variances = singular**2 / freedom
        level = max(float(variances.sum()) / vectors.shape[1], _LEAST_VARIANCE)
        floor = 1 / max(shrinkage * level, _LEAST_VARIANCE)
        weights = 1 / np.maximum((1 - shrinkage) * variances + shrinkage * level, _LEAST_VARIANCE) - floor
        return cls(names, means, directions, weights, floor)

    def squared_distances(self, vectors: Vectors) -> npt.NDArray[np.float64]:
        """Return the squared distance of each vector to each maker's mean: vectors x makers."""
        columns = []
        for mean in self.means:
            deviations = vectors - mean
            along = deviations @ self.directions.T
            columns.append(self.floor * (deviations**2).sum(1) + along**2 @ self.weights)
        squares: npt.NDArray[np.float64] = np.maximum(np.stack(columns, 1), _LEAST_VARIANCE)
        return squares
