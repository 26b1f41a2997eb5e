"""A polished section of a body: backscatter yield and relief at each pixel, before the microscope.

Phases are drawn over one another in the order in which firing makes them: grains and the glass between them, second
phases, pores, cracks, and at last the layers on top.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fusiondiff_audit.kiln.layout import Crack, FieldLayout, LayerLayout
from fusiondiff_audit.kiln.raster import Tessellation, ellipse_depth, rod_depth, smooth_field, tessellation

_DEEPEST = 50.0  # pixels; no relief is deeper


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Backscatter yield at each pixel, and how deep the surface lies below the polished plane, in pixels."""

    grey: Any
    depth: Any


def render_section(layout: FieldLayout) -> Section:
    """Rasterise a layout."""
    body, scale, side = layout.body, layout.scale, layout.side
    grains, inclusions = body.grains, body.inclusions
    cells = tessellation(layout.seeds, side)
    grey = grains.grey + grains.channelling * layout.tint[cells.grain]
    film = _coverage(grains.glass * scale / 2 - cells.boundary)
    grey = grey + film * (grains.glass_grey - grey)
    depth = film * 0.3  # glass is softer, and polished away first
    for rods, tone in ((layout.laths, inclusions.feldspar_grey), (layout.needles, inclusions.mullite_grey)):
        if len(rods):
            grey = grey + _coverage(rod_depth(rods, side)) * (tone - grey)
    if len(layout.relics):
        relics = ellipse_depth(layout.relics, side)
        grey = grey + _coverage(relics) * (inclusions.quartz_grey - grey)
        rim = _coverage(inclusions.rim * scale / 2 - abs(relics))
        grey = grey + rim * (0.25 - grey) * 0.8
        depth = depth + rim * 0.6
    for crack in layout.cracks:
        line = _crack(crack, layout, cells)
        grey = grey + line * (0.08 - grey)
        depth = depth + 2 * line
    holes = ellipse_depth(layout.pores, side)
    for layer in layout.layers:
        grey, depth, holes = _add_layer(layer, layout, grey, depth, holes)
    inside = np.clip(holes, 0, _DEEPEST)
    floor = 0.06 + 0.1 * np.exp(-inside / (1.5 * scale))  # walls are visible near the rim
    grey = grey + _coverage(holes) * (floor - grey)
    return Section(grey, depth + inside)


def _coverage(depth: Any) -> Any:
    """Return how much of each pixel a shape covers, from how deep the pixel's middle lies in it."""
    return np.clip(depth + 0.5, 0, 1)


def _crack(crack: Crack, layout: FieldLayout, cells: Tessellation) -> Any:
    """Return how much of each pixel is crack: where a smooth field, of pixels or of whole grains, changes its sign."""
    side = layout.side
    wander = smooth_field(crack.wander) * (side * 0.06)
    normal = np.array([np.cos(crack.angle), np.sin(crack.angle)])
    if crack.through:
        rows, columns = np.ogrid[:side, :side]
        field = (rows - crack.middle[0]) * normal[0] + (columns - crack.middle[1]) * normal[1] + wander
        return _coverage(crack.half - abs(field))
    centres = layout.seeds.centres
    places = np.clip(centres, 0, side - 1).astype(np.intp)
    distance = ((centres - crack.middle) @ normal).astype(np.float32)
    beyond = distance + wander[places[:, 0], places[:, 1]] > 0
    split = beyond[cells.grain] != beyond[cells.neighbour]
    return split * _coverage(crack.half - cells.boundary)


def _add_layer(layer: LayerLayout, layout: FieldLayout, grey: Any, depth: Any, holes: Any) -> tuple[Any, Any, Any]:
    """Add a glaze or coat: an uneven lower side, a zone of reaction, and its own pores instead of those below it."""
    made_of, scale, side = layer.layer, layout.scale, layout.side
    coarse, fine = (smooth_field(noise)[0] for noise in layer.edge)
    edge = (coarse + 0.35 * fine) * (made_of.roughness * scale) + layer.height
    lines = np.arange(side, dtype=np.float32)
    above = edge[None, :] - lines[:, None]
    share = np.clip(above / max(made_of.reaction * scale, 1.0) + 0.5, 0, 1)
    tone = made_of.grey + made_of.cloudiness * smooth_field(layer.clouds)
    if made_of.lamellae:  # the boundaries of flattened drops: thin wavy lines, dark and broken
        wide, narrow, broken = (smooth_field(noise) for noise in layer.lamellae)
        line = np.exp(-(((wide + 0.6 * narrow) / 0.06) ** 2))
        tone = tone - made_of.lamellae * line * np.clip(broken, 0, 1)
    grey = grey + share * (tone - grey)
    depth = depth * (1 - share)
    for gap in layer.gaps:
        path = gap.place + smooth_field(gap.path)[:, 0] * (0.8 * scale)
        line = _coverage(gap.half - abs(lines[None, :] - path[:, None])) * (above > 0)
        grey = grey + line * (0.12 - grey)
        depth = depth + 2 * line
    return grey, depth, np.where(above > 0, ellipse_depth(layer.pores, side), holes)
