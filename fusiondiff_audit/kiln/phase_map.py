"""The phase map of a field of view: where grains, phases, pores, cracks and layers lie, before they have greys.

Phases overlap in the map; `section.py` draws them over one another.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fusiondiff_audit.kiln.layout import Crack, FieldLayout, LayerLayout
from fusiondiff_audit.kiln.raster import Tessellation, ellipse_depth, rod_depth, smooth_field, tessellation
from fusiondiff_audit.kiln.shapes import Floats, Rods


@dataclass(frozen=True, slots=True, eq=False)
class PhaseMap:
    """A coverage is how much of each pixel a phase covers, a depth is how deep the pixel lies in it, in pixels."""

    cells: Tessellation
    glass: Floats  # coverage of the film between grains
    laths: Floats | None  # coverage; None: there is none
    needles: Floats | None  # coverage; None: there is none
    relics: Floats | None  # depth; None: there is none
    rims: Floats | None  # coverage, of the relics' rims
    cracks: tuple[Floats, ...]  # coverage of each
    layers: tuple[Floats, ...]  # of each, how far a pixel lies above its lower side; the lowest first
    pores: Floats  # depth; under a layer, the layer's own


def draw_phase_map(layout: FieldLayout) -> PhaseMap:
    """Rasterise a layout."""
    body, scale, side = layout.body, layout.scale, layout.side
    cells = tessellation(layout.seeds, side)
    relics = ellipse_depth(layout.relics, side) if len(layout.relics) else None
    rims = None if relics is None else coverage(body.inclusions.rim * scale / 2 - abs(relics))
    layers = tuple(_height_above(layer, layout) for layer in layout.layers)
    pores = ellipse_depth(layout.pores, side)
    for layer, above in zip(layout.layers, layers, strict=True):
        pores = np.where(above > 0, ellipse_depth(layer.pores, side), pores)
    return PhaseMap(
        cells,
        coverage(body.grains.glass * scale / 2 - cells.boundary),
        _rods(layout.laths, side),
        _rods(layout.needles, side),
        relics,
        rims,
        tuple(_crack(crack, layout, cells) for crack in layout.cracks),
        layers,
        pores,
    )


def coverage(depth: Any) -> Any:
    """Return how much of each pixel a shape covers, from how deep the pixel's middle lies in it."""
    return np.clip(depth + 0.5, 0, 1)


def _rods(rods: Rods, side: int) -> Floats | None:
    covered: Floats | None = coverage(rod_depth(rods, side)) if len(rods) else None
    return covered


def _crack(crack: Crack, layout: FieldLayout, cells: Tessellation) -> Any:
    """Return how much of each pixel is crack: where a smooth field, of pixels or of whole grains, changes its sign."""
    side = layout.side
    wander = smooth_field(crack.wander) * (side * 0.06)
    normal = np.array([np.cos(crack.angle), np.sin(crack.angle)])
    if crack.through:
        rows, columns = np.ogrid[:side, :side]
        field = (rows - crack.middle[0]) * normal[0] + (columns - crack.middle[1]) * normal[1] + wander
        return coverage(crack.half - abs(field))
    centres = layout.seeds.centres
    places = np.clip(centres, 0, side - 1).astype(np.intp)
    distance = ((centres - crack.middle) @ normal).astype(np.float32)
    beyond = distance + wander[places[:, 0], places[:, 1]] > 0
    split = beyond[cells.grain] != beyond[cells.neighbour]
    return split * coverage(crack.half - cells.boundary)


def _height_above(layer: LayerLayout, layout: FieldLayout) -> Any:
    """Return how far each pixel lies above the uneven lower side of a layer; negative below it."""
    coarse, fine = (smooth_field(noise)[0] for noise in layer.edge)
    edge = (coarse + 0.35 * fine) * (layer.layer.roughness * layout.scale) + layer.height
    return edge[None, :] - np.arange(layout.side, dtype=np.float32)[:, None]
