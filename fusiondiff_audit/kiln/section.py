"""A polished section of a body: what lies at each pixel, before any microscope looks at it.

Things are put on one another in the order in which firing makes them: grains and the glass between them, second phases,
pores, cracks, and at last the layers on top. It is written once, for any canvas.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fusiondiff_audit.kiln.canvas import Canvas, Tessellation
from fusiondiff_audit.kiln.layout import Crack, FieldLayout, LayerLayout

_DEEPEST = 50.0  # pixels; no relief is deeper


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """Backscatter yield at each pixel, and how deep the surface lies below the polished plane, in pixels."""

    grey: Any
    depth: Any


def render_section(plan: FieldLayout, canvas: Canvas) -> Section:
    """Paint a plan."""
    xp, body, scale = canvas.xp, plan.body, plan.scale
    grains, what = body.grains, body.inclusions
    tessellation = canvas.tessellation(plan.seeds, plan.side)
    grey = grains.grey + grains.channelling * canvas.array(plan.tint)[tessellation.grain]
    film = _cover(xp, grains.glass * scale / 2 - tessellation.boundary)
    grey = grey + film * (grains.glass_grey - grey)
    depth = film * 0.3  # glass is softer, and polished away first
    for rods, tone in ((plan.laths, what.feldspar_grey), (plan.needles, what.mullite_grey)):
        if len(rods):
            grey = grey + _cover(xp, canvas.rods(rods, plan.side)) * (tone - grey)
    if len(plan.relics):
        relics = canvas.ellipses(plan.relics, plan.side)
        grey = grey + _cover(xp, relics) * (what.quartz_grey - grey)
        rim = _cover(xp, what.rim * scale / 2 - abs(relics))
        grey = grey + rim * (0.25 - grey) * 0.8
        depth = depth + rim * 0.6
    for crack in plan.cracks:
        line = _crack(crack, plan, tessellation, canvas)
        grey = grey + line * (0.08 - grey)
        depth = depth + 2 * line
    holes = canvas.ellipses(plan.pores, plan.side)
    for coat in plan.coats:
        grey, depth, holes = _lay(coat, plan, canvas, grey, depth, holes)
    inside = xp.clip(holes, 0, _DEEPEST)
    floor = 0.06 + 0.1 * xp.exp(-inside / (1.5 * scale))  # walls are seen near the rim
    grey = grey + _cover(xp, holes) * (floor - grey)
    return Section(grey, depth + inside)


def _cover(xp: Any, depth: Any) -> Any:
    """Return how much of each pixel a body covers, from how deep the pixel's middle lies in it."""
    return xp.clip(depth + 0.5, 0, 1)


def _crack(crack: Crack, plan: FieldLayout, tessellation: Tessellation, canvas: Canvas) -> Any:
    """Return how much of each pixel is crack: where a smooth field, of pixels or of whole grains, changes its sign."""
    xp, side = canvas.xp, plan.side
    wander = canvas.smooth(crack.wander) * (side * 0.06)
    normal = np.array([np.cos(crack.angle), np.sin(crack.angle)])
    if crack.through:
        rows, columns = (canvas.array(axis) for axis in np.ogrid[:side, :side])
        field = (rows - crack.middle[0]) * normal[0] + (columns - crack.middle[1]) * normal[1] + wander
        return _cover(xp, crack.half - abs(field))
    centres = plan.seeds.centres
    places = canvas.array(np.clip(centres, 0, side - 1).astype(np.intp))
    across = canvas.array(((centres - crack.middle) @ normal).astype(np.float32))
    beyond = across + wander[places[:, 0], places[:, 1]] > 0
    split = beyond[tessellation.grain] != beyond[tessellation.neighbour]
    return split * _cover(xp, crack.half - tessellation.boundary)


def _lay(
    coat: LayerLayout, plan: FieldLayout, canvas: Canvas, grey: Any, depth: Any, holes: Any
) -> tuple[Any, Any, Any]:
    """Lay a glaze or coat on top: an uneven lower side, a zone of reaction, pores of its own instead of those below."""
    xp, layer, scale = canvas.xp, coat.layer, plan.scale
    coarse, fine = (canvas.smooth(knots)[0] for knots in coat.edge)
    edge = (coarse + 0.35 * fine) * (layer.roughness * scale) + coat.height
    lines = canvas.array(np.arange(plan.side, dtype=np.float32))
    above = edge[None, :] - lines[:, None]
    share = xp.clip(above / max(layer.reaction * scale, 1.0) + 0.5, 0, 1)
    tone = layer.grey + layer.cloudiness * canvas.smooth(coat.clouds)
    if layer.lamellae:  # the boundaries of flattened drops: thin wavy lines, dark and broken
        wide, narrow, broken = (canvas.smooth(knots) for knots in coat.lamellae)
        line = xp.exp(-(((wide + 0.6 * narrow) / 0.06) ** 2))
        tone = tone - layer.lamellae * line * xp.clip(broken, 0, 1)
    grey = grey + share * (tone - grey)
    depth = depth * (1 - share)
    for gap in coat.gaps:
        path = gap.place + canvas.smooth(gap.path)[:, 0] * (0.8 * scale)
        line = _cover(xp, gap.half - abs(lines[None, :] - path[:, None])) * (above > 0)
        grey = grey + line * (0.12 - grey)
        depth = depth + 2 * line
    return grey, depth, xp.where(above > 0, canvas.ellipses(coat.pores, plan.side), holes)
