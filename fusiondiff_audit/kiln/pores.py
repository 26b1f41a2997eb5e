"""The places and shapes of pores."""

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.kiln.body import Pores
from fusiondiff_audit.kiln.grain_seeds import GrainSeeds
from fusiondiff_audit.kiln.shapes import Ellipses, draw_ellipses

MOST_PORES = 4000  # of a field of view
_TRIES = 6  # candidate places of a pore, which takes the nearest to a grain boundary, or the farthest


def draw_pores(pores: Pores, rng: np.random.Generator, side: int, scale: float, seeds: GrainSeeds | None) -> Ellipses:
    """Draw pores; with `seeds`, they are placed inside grains or on grain boundaries."""
    median = pores.size * scale / 2
    margin = 3 * median
    count = rng.poisson(min(expected_pores(pores, side, scale), MOST_PORES))
    centres = rng.uniform(-margin, side + margin, (count, 2))
    if seeds is not None:
        centres = _sited(centres, rng, side, margin, pores.siting, seeds)
    if pores.clustering and count > 3:  # move some beside others
        moved = rng.random(count) < pores.clustering
        beside = centres[rng.integers(0, max(count // 4, 1), count)]
        centres[moved] = (beside + rng.normal(0, 2.2 * median, (count, 2)))[moved]
    semi = (median * np.exp(pores.spread * rng.standard_normal(count))).clip(0.4, side / 4)
    roundness = np.clip(pores.roundness + 0.12 * rng.standard_normal(count), 0.15, 1)
    angles = pores.direction + rng.uniform(-np.pi / 2, np.pi / 2, count) * (1 - pores.alignment)
    return draw_ellipses(rng, centres, semi / np.sqrt(roundness), roundness, angles, rough=pores.roughness)


def expected_pores(pores: Pores, side: int, scale: float) -> float:
    """Return the mean number of pores in a field of view and its margin."""
    median = pores.size * scale / 2
    mean_area = np.pi * median**2 * np.exp(2 * pores.spread**2)
    return float(-np.log(1 - pores.share) * (side + 2 * (3 * median)) ** 2 / mean_area)


def _sited(
    centres: npt.NDArray[np.float64],
    rng: np.random.Generator,
    side: int,
    margin: float,
    siting: float,
    seeds: GrainSeeds,
) -> npt.NDArray[np.float64]:
    """Move the share `siting` of centres onto grain boundaries, and the others into grains."""
    tries = np.concatenate([centres[None], rng.uniform(-margin, side + margin, (_TRIES - 1, *centres.shape))])
    away = seeds.boundary_at(tries.reshape(-1, 2)).reshape(tries.shape[:2])
    on_boundary = rng.random(len(centres)) < siting
    chosen = np.where(on_boundary, away.argmin(0), away.argmax(0))
    moved: npt.NDArray[np.float64] = tries[chosen, np.arange(len(centres))]
    return moved
