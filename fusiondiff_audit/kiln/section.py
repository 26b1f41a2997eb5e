"""A polished section of a body: backscatter yield and relief at each pixel, before the microscope.

Phases are drawn over one another in the order in which firing makes them: grains and the glass between them, second
phases, pores, cracks, and at last the layers on top.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fusiondiff_audit.kiln.layout import FieldLayout, LayerLayout
from fusiondiff_audit.kiln.phase_map import coverage, draw_phase_map
from fusiondiff_audit.kiln.raster import smooth_field
from fusiondiff_audit.kiln.shapes import Floats

_DEEPEST = 50.0  # pixels; no relief is deeper


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Backscatter yield at each pixel, and how deep the surface lies below the polished plane, in pixels."""

    grey: Any
    depth: Any


def render_section(layout: FieldLayout) -> Section:
    """Rasterise a layout."""
    body, scale, phases = layout.body, layout.scale, draw_phase_map(layout)
    grains, inclusions = body.grains, body.inclusions
    grey = grains.grey + grains.channelling * layout.tint[phases.cells.grain]
    grey = grey + phases.glass * (grains.glass_grey - grey)
    depth = phases.glass * 0.3  # glass is softer, and polished away first
    for rods, tone in ((phases.laths, inclusions.feldspar_grey), (phases.needles, inclusions.mullite_grey)):
        if rods is not None:
            grey = grey + rods * (tone - grey)
    if phases.relics is not None and phases.rims is not None:
        grey = grey + coverage(phases.relics) * (inclusions.quartz_grey - grey)
        grey = grey + phases.rims * (0.25 - grey) * 0.8
        depth = depth + phases.rims * 0.6
    for line in phases.cracks:
        grey = grey + line * (0.08 - grey)
        depth = depth + 2 * line
    for layer, above in zip(layout.layers, phases.layers, strict=True):
        grey, depth = _add_layer(layer, above, layout, grey, depth)
    inside = np.clip(phases.pores, 0, _DEEPEST)
    floor = 0.06 + 0.1 * np.exp(-inside / (1.5 * scale))  # walls are visible near the rim
    grey = grey + coverage(phases.pores) * (floor - grey)
    return Section(grey, depth + inside)


def _add_layer(layer: LayerLayout, above: Floats, layout: FieldLayout, grey: Any, depth: Any) -> tuple[Any, Any]:
    """Add a glaze or coat, and a zone of reaction at its lower side."""
    made_of, scale = layer.layer, layout.scale
    share = np.clip(above / max(made_of.reaction * scale, 1.0) + 0.5, 0, 1)
    tone = made_of.grey + made_of.cloudiness * smooth_field(layer.clouds)
    if made_of.lamellae:  # the boundaries of flattened drops: thin wavy lines, dark and broken
        wide, narrow, broken = (smooth_field(noise) for noise in layer.lamellae)
        line = np.exp(-(((wide + 0.6 * narrow) / 0.06) ** 2))
        tone = tone - made_of.lamellae * line * np.clip(broken, 0, 1)
    grey = grey + share * (tone - grey)
    depth = depth * (1 - share)
    columns = np.arange(layout.side, dtype=np.float32)
    for gap in layer.gaps:
        path = gap.place + smooth_field(gap.path)[:, 0] * (0.8 * scale)
        line = coverage(gap.half - abs(columns[None, :] - path[:, None])) * (above > 0)
        grey = grey + line * (0.12 - grey)
        depth = depth + 2 * line
    return grey, depth
