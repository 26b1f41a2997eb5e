"""What a perfect segmentation would measure of an image: the generator's phase map stands for the segmentation.

Greys are those of the image, with its noise, and with the gain and offset of its session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from benchmarks.regions import Labels, Mask, Regions, Values, connected_regions, labelled_regions
from fusiondiff_audit.kiln.phase_map import PhaseMap
from fusiondiff_audit.kiln.shapes import Floats

_LEAST = 1e-6  # the least value whose logarithm is taken: less than one object in an image
_LEAST_SHARE = 1e-4
_SHAPED = 20  # pixels; the shape of smaller regions is not measured
_GRID = 8  # pixels between points at which grains are weighted by area
_DISTANCES = (0.0, 0.5, 1.0, 2.0, 4.0)  # pixels from grain boundaries, between which greys are averaged
_REACHES = (1.5, 3.0)  # median diameters within which the neighbours of a region are counted
_QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True, eq=False)
class ImageMeasurements:
    """Measurements of one image: single numbers, and samples of objects in it."""

    numbers: Mapping[str, float]  # NaN: cannot be measured
    samples: Mapping[str, Values]


def measure(phases: PhaseMap, greys: Floats) -> ImageMeasurements:
    """Measure an image whose greys are from 0 to 1."""
    body = np.logical_and.reduce([above <= 0 for above in phases.layers]) if phases.layers else phases.pores < np.inf
    masks = _visible(phases, body)
    numbers: dict[str, float] = {
        "body": float(body.mean()),
        "layers": float(sum((above > 0).any() for above in phases.layers)),
        "boundary distance": _log(phases.cells.boundary[body].mean()) if body.any() else np.nan,
    }
    samples: dict[str, Values] = {}
    ranks = _ranks(phases.cells.boundary, body)
    for part in (
        _grains(phases, body),
        _greys(phases, greys, masks),
        _pores(masks["pores"], body, ranks),
        _quartz(phases, body),
        _rods("needles", masks["needles"], body),
        _rods("laths", masks["laths"], body),
        _cracks(phases, masks["solid"], body, ranks),
    ):
        numbers |= part.numbers
        samples |= part.samples
    return ImageMeasurements(numbers, samples)


def summary(images: Sequence[ImageMeasurements]) -> dict[str, float]:
    """Return the means of numbers over images; mean, deviation and quantiles of the samples of all images."""
    pooled: dict[str, float] = {}
    for name in images[0].numbers:
        values = np.array([image.numbers[name] for image in images])
        pooled[name] = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
    for name in images[0].samples:
        values = np.concatenate([image.samples[name] for image in images])
        values = values[np.isfinite(values)]
        figures = [values.mean(), values.std(), *np.quantile(values, _QUANTILES)] if len(values) else [np.nan] * 5
        of_name = (name, f"{name}, deviation", *(f"{name}, {100 * quantile:.0f} %" for quantile in _QUANTILES))
        pooled |= dict(zip(of_name, map(float, figures), strict=True))
    return pooled


def _visible(phases: PhaseMap, body: Mask) -> dict[str, Mask]:
    """Return where each phase can be seen: what is drawn later hides what was drawn before."""
    nowhere = np.zeros_like(body)
    pores = body & (phases.pores > 0)
    left = body & ~pores
    masks = {"pores": pores, "solid": left}
    for name, mask in (
        ("cracks", np.logical_or.reduce([crack > 0 for crack in phases.cracks]) if phases.cracks else nowhere),
        ("rims", nowhere if phases.rims is None else phases.rims >= 0.5),
        ("quartz", nowhere if phases.relics is None else phases.relics > 0),
        ("needles", nowhere if phases.needles is None else phases.needles >= 0.5),
        ("laths", nowhere if phases.laths is None else phases.laths >= 0.5),
    ):
        masks[name] = left & mask
        left = left & ~mask
    return masks | {"matrix": left}


def _ranks(boundary: Floats, body: Mask) -> Values:
    """Return for each pixel the share of the body that lies nearer to a grain boundary."""
    distances = np.sort(boundary[body])
    return np.searchsorted(distances, boundary) / max(len(distances), 1)


def _grains(phases: PhaseMap, body: Mask) -> ImageMeasurements:
    grains = labelled_regions(phases.cells.grain.astype(np.intp) + 1, body)
    whole, shaped = grains.whole, grains.whole & (grains.area >= _SHAPED)
    at_points: Labels = grains.labels[::_GRID, ::_GRID]
    at_points = at_points[at_points > 0] - 1
    sizes = np.log(grains.area) / 2
    stretch = np.nan
    if whole.any():
        tensor = (grains.spread[whole] / grains.area[whole, None, None]).mean(0)
        least, most = np.linalg.eigvalsh(tensor)
        stretch = float(np.log(most / least)) / 2
    seen = float(body.sum())
    glass = np.sum(phases.glass[body]) / max(grains.outline.sum() / 2, 1.0)  # two grains share a boundary
    return ImageMeasurements(
        {
            "grain density": _log(len(grains) / seen) if seen else np.nan,
            "grain stretch": stretch,
            "glass width": _log(glass) if seen else np.nan,
        },
        {
            "grain": sizes[whole],
            "grain at points": sizes[at_points[whole[at_points]]],
            "grain elongation": np.log(grains.long[shaped] / grains.short[shaped]),
        },
    )


def _greys(phases: PhaseMap, greys: Floats, masks: Mapping[str, Mask]) -> ImageMeasurements:
    """Compare the greys of phases in units of the contrast between grains and pores, after removing a tilt."""
    names = (*(f"grey at {low} px" for low in _DISTANCES), "contrast", "channelling", "noise")
    names += ("grey of needles", "grey of laths", "grey of quartz")
    numbers = dict.fromkeys(names, np.nan)
    matrix, boundary = masks["matrix"], phases.cells.boundary
    grains = matrix & (phases.glass <= 0)
    if grains.sum() < _SHAPED:
        grains = matrix & (boundary >= np.median(boundary[matrix])) if matrix.any() else matrix
    if grains.sum() < _SHAPED:
        return ImageMeasurements(numbers, {})
    columns = np.linspace(-0.5, 0.5, greys.shape[1])
    slope, level = np.polyfit(np.broadcast_to(columns, greys.shape)[grains], greys[grains].astype(np.float64), 1)
    even = greys / np.maximum(1 + slope / max(level, 0.05) * columns, 0.5)
    level = float(even[grains].mean())
    deep = masks["pores"] & (phases.pores > 1)
    contrast = max(level - float(even[deep].mean() if deep.any() else even.min()), 0.02)
    numbers["contrast"] = _log(contrast)
    relative = (even - level) / contrast
    for low, high in zip(_DISTANCES, (*_DISTANCES[1:], np.inf), strict=True):
        ring = matrix & (boundary >= low) & (boundary < high)
        numbers[f"grey at {low} px"] = float(relative[ring].mean()) if ring.any() else np.nan
    for name in ("needles", "laths", "quartz"):
        if masks[name].any():
            numbers[f"grey of {name}"] = float(relative[masks[name]].mean())
    of_grain = labelled_regions(phases.cells.grain.astype(np.intp) + 1, grains)
    large = of_grain.area >= min(9, np.median(of_grain.area))
    mean, mean_square = of_grain.mean(relative)[large], of_grain.mean(relative**2)[large]
    inside = np.maximum(mean_square - mean**2, 0)
    error = (inside / np.maximum(of_grain.area[large] - 1, 1)).mean()  # of means, by noise
    numbers["channelling"] = _log(np.sqrt(max(mean.var() - error, 1e-6)))
    numbers["noise"] = _log(np.sqrt(inside.mean()))
    return ImageMeasurements(numbers, {})


def _pores(mask: Mask, body: Mask, ranks: Values) -> ImageMeasurements:
    pores = connected_regions(mask, body)
    shaped = pores.whole & (pores.area >= _SHAPED)
    depths = ndimage.distance_transform_edt(mask)
    deepest = ndimage.maximum(depths, pores.labels, np.arange(1, len(pores) + 1)) if len(pores) else np.zeros(0)
    round_ = pores.short / pores.long
    weights, turns = (1 - round_)[shaped], np.exp(2j * pores.angle[shaped])
    samples = {
        "pore": np.log(pores.area[pores.whole]) / 2,
        "pore at pixels": (np.log(pores.area) / 2)[pores.labels[mask] - 1],
        "pore depth": np.log(np.asarray(deepest, np.float64)[pores.whole]),
        "pore slenderness": np.log(np.sqrt(pores.area) / np.maximum(deepest, 0.5))[shaped],
        "pore roundness": round_[shaped],
        "pore outline": np.log(pores.outline**2 / pores.area)[shaped],
        "pore beyond its ellipse": pores.beyond[shaped],
        "pore rank of boundary distance": ranks[pores.row.astype(np.intp), pores.column.astype(np.intp)],
        "pore pixels' rank of boundary distance": ranks[mask],
    }
    seen = float(body.sum())
    numbers = {
        "porosity": _share(mask, seen),
        "pore density": _log(len(pores) / seen) if seen else np.nan,
        "pore alignment": float(abs((weights * turns).sum()) / weights.sum()) if weights.sum() else np.nan,
        "pores": float(np.log1p(len(pores))),
    }
    return ImageMeasurements(numbers, samples | _neighbours("pore", pores, seen))


def _quartz(phases: PhaseMap, body: Mask) -> ImageMeasurements:
    seen = float(body.sum())
    mask = np.zeros_like(body) if phases.relics is None else body & (phases.relics > 0)
    relics = connected_regions(mask, body)
    rim = np.nan if phases.rims is None or not len(relics) else _log(phases.rims[body].sum() / relics.outline.sum())
    numbers = {"quartz": _share(mask, seen), "quartz rim": rim}
    return ImageMeasurements(numbers, {"quartz size": np.log(relics.area[relics.whole]) / 2})


def _rods(name: str, mask: Mask, body: Mask) -> ImageMeasurements:
    rods = connected_regions(mask, body)
    seen = float(body.sum())
    numbers = {name: _share(mask, seen), f"{name} density": _log(len(rods) / seen) if len(rods) else np.nan}
    long = np.log(rods.long)
    samples = {
        f"{name} length": long[rods.whole],
        f"{name} slenderness": (long - np.log(rods.short))[rods.whole],
        f"{name} turn to neighbour": np.zeros(0),
    }
    if len(rods) > 1:
        places = np.column_stack([rods.row, rods.column])
        nearest = cKDTree(places).query(places, 2)[1]
        samples[f"{name} turn to neighbour"] = np.cos(2 * np.diff(rods.angle[nearest])[:, 0])
    return ImageMeasurements(numbers, samples | _neighbours(name, rods, seen))


def _neighbours(name: str, regions: Regions, seen: float) -> dict[str, Values]:
    """Return distances of nearest neighbours over those of places drawn at random, and how many are near."""
    keys = (f"{name} neighbour", f"{name} neighbour in diameters", *(f"{name} within {reach}" for reach in _REACHES))
    if len(regions) < 3:
        return dict.fromkeys(keys, np.zeros(0))
    places = np.column_stack([regions.row, regions.column])
    tree, density = cKDTree(places), len(regions) / seen
    distance = np.maximum(tree.query(places, 2)[0][:, 1], 0.5)
    diameter = float(np.median(np.sqrt(regions.area)))
    values = [np.log(2 * distance * np.sqrt(density)), np.log(distance / diameter)]
    for reach in _REACHES:
        near = np.asarray(tree.query_ball_point(places, reach * diameter, return_length=True), np.float64) - 1
        values.append(np.log1p(near) - np.log1p(density * np.pi * (reach * diameter) ** 2))
    return dict(zip(keys, values, strict=True))


def _cracks(phases: PhaseMap, solid: Mask, body: Mask, ranks: Values) -> ImageMeasurements:
    seen = float(body.sum())
    masks = [solid & (crack > 0) for crack in phases.cracks]
    cracks = [mask for mask in masks if mask.sum() >= _SHAPED]
    length = float(skeletonize(np.logical_or.reduce(cracks)).sum()) if cracks else 0.0
    numbers = {
        "cracks": float(np.log1p(len(cracks))),
        "crack length": float(np.log1p(length * np.sqrt(body.size) / seen)) if seen else np.nan,
    }
    of_cracks = np.array([ranks[crack].mean() for crack in cracks])
    return ImageMeasurements(numbers, {"crack rank of boundary distance": of_cracks})


def _share(mask: Mask, seen: float) -> float:
    return _log(max(mask.sum() / seen, _LEAST_SHARE)) if seen else np.nan


def _log(value: float) -> float:
    return float(np.log(max(value, _LEAST)))
