"""The arrangement of a field of view as numbers: how many pores, needles and cracks it shows, and how they lie.

They are facts about one field, so that an encoder can be asked for them exactly, where the composition of a specimen
(`composition.py`) is told by a field with the chance of what it happens to show.
"""

from collections.abc import Mapping
from math import log, log1p, nan

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from fusiondiff_audit.kiln.layout import FieldLayout
from fusiondiff_audit.kiln.object_maps import layers_bottom, mean_radii, ranks_of_distance, visible_pores
from fusiondiff_audit.kiln.shapes import Floats

ARRANGEMENT_NAMES = (
    *("pore density", "pore share", "pore size", "pore size spread", "mean pore roundness", "alignment of pores"),
    *("distance of next pore", "pores nearby", "pore rank of distance", "pores near boundaries"),
    *("needle density", "mean needle length", "distance of next needle", "turn to next needle"),
    *("lath density", "mean lath length", "distance of next lath", "quartz density", "mean quartz size"),
    *("number of cracks", "cracks through", "cracks along boundaries", "width of cracks"),
)
_LEAST_BODY = 96  # rows below the layers; with fewer, nothing is told
_LEAST_PORES, _LEAST_RODS, _LEAST_RELICS = 3, 4, 2
_ABSENT = 0.3  # counted where there is no object, for a logarithm
_LEAST_SHARE = 1e-4
_REACH = 4  # median radii within which pores are counted
_AT_BOUNDARIES = 0.2  # the share of the body nearest to grain boundaries


def arrangement(layout: FieldLayout) -> dict[str, float]:
    """Return the numbers of a field, NaN where it does not show enough objects."""
    top = layers_bottom(layout)
    numbers = dict.fromkeys(ARRANGEMENT_NAMES, nan)
    if layout.side - top >= _LEAST_BODY:
        area = float(layout.side * (layout.side - top))
        for part in (_pores(layout, top, area), _rods(layout, top, area), _quartz(layout, top, area), _cracks(layout)):
            numbers.update(part)
    return {name: float(number) for name, number in numbers.items()}


def _pores(layout: FieldLayout, top: float, area: float) -> Mapping[str, float]:
    pores = layout.pores
    seen = visible_pores(pores, top) & _inside(pores.centres, layout.side, top)
    numbers = {"pore density": _density(seen, area)}
    if seen.sum() < _LEAST_PORES:
        return numbers
    centres, radii, roundness = pores.centres[seen].astype(np.float64), mean_radii(pores)[seen], pores.roundness[seen]
    areas = np.pi * radii**2
    elongation = (1 - roundness) * areas
    aligned = abs((elongation * np.exp(2j * pores.angles[seen])).sum()) / max(float(elongation.sum()), 1e-9)
    density, reach = len(centres) / area, _REACH * float(np.median(radii))
    near = cKDTree(centres).query_ball_point(centres, reach, return_length=True).mean() - 1
    ranks = ranks_of_distance(layout, centres, top)
    return numbers | {
        "pore share": log(max(float(areas.sum()) / area, _LEAST_SHARE)),
        "pore size": float(np.log(radii).mean()),
        "pore size spread": float(np.log(radii).std()),
        "mean pore roundness": float(np.average(roundness, weights=areas)),
        "alignment of pores": aligned,
        "distance of next pore": _next_distance(centres, density),
        "pores nearby": log1p(near) - log1p(density * np.pi * reach**2),
        "pore rank of distance": float(ranks.mean()),
        "pores near boundaries": float((ranks < _AT_BOUNDARIES).mean()),
    }


def _rods(layout: FieldLayout, top: float, area: float) -> Mapping[str, float]:
    numbers: dict[str, float] = {}
    for name, rods in (("needle", layout.needles), ("lath", layout.laths)):
        seen = _inside(rods.centres, layout.side, top)
        numbers[f"{name} density"] = _density(seen, area)
        if seen.sum() < _LEAST_RODS:
            continue
        centres, angles = rods.centres[seen].astype(np.float64), rods.angles[seen]
        numbers[f"mean {name} length"] = float(np.log(rods.lengths[seen]).mean())
        numbers[f"distance of next {name}"] = _next_distance(centres, len(centres) / area)
        if name == "needle":
            nearest = cKDTree(centres).query(centres, 2)[1][:, 1]
            numbers["turn to next needle"] = float(np.cos(2 * (angles - angles[nearest])).mean())
    return numbers


def _quartz(layout: FieldLayout, top: float, area: float) -> Mapping[str, float]:
    seen = _inside(layout.relics.centres, layout.side, top)
    numbers = {"quartz density": _density(seen, area)}
    if seen.sum() >= _LEAST_RELICS:
        numbers["mean quartz size"] = float(np.log(mean_radii(layout.relics)[seen]).mean())
    return numbers


def _cracks(layout: FieldLayout) -> Mapping[str, float]:
    count, through = len(layout.cracks), sum(crack.through for crack in layout.cracks)
    counts = (("number of cracks", count), ("cracks through", through), ("cracks along boundaries", count - through))
    numbers = {name: log1p(number) for name, number in counts}
    return numbers | ({"width of cracks": log(np.mean([crack.half for crack in layout.cracks]))} if count else {})


def _inside(centres: Floats, side: int, top: float) -> npt.NDArray[np.bool_]:
    rows, columns = centres.T
    inside: npt.NDArray[np.bool_] = (rows > top) & (rows < side) & (columns > 0) & (columns < side)
    return inside


def _density(seen: npt.NDArray[np.bool_], area: float) -> float:
    return log(max(float(seen.sum()), _ABSENT) / area)


def _next_distance(centres: npt.NDArray[np.float64], density: float) -> float:
    """Return the mean logarithm of nearest distances, over that of places drawn at random."""
    distances = np.maximum(cKDTree(centres).query(centres, 2)[0][:, 1], 0.5)
    return float(np.log(2 * distances * np.sqrt(density)).mean())
