"""What a field of view shows, cell by cell: shares of phases, and densities of objects with their directions.

An encoder that is trained to tell them learns where pores, needles and cracks lie, and how they are arranged, from far
fewer images than from the composition of specimens alone. Names of channels are those of the rows of the maps.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from fusiondiff_audit.kiln.layout import FieldLayout
from fusiondiff_audit.kiln.phase_map import PhaseMap
from fusiondiff_audit.kiln.shapes import Ellipses, Floats

PHASES = ("boundary", "glass", "pore", "crack", "needle", "lath", "quartz", "body")
OBJECTS = (
    *("pores", "pore cosine", "pore sine", "pore size", "pore rank of distance", "pores near"),
    *("needles", "needle cosine", "needle sine", "laths", "quartz", "grains"),
)
PHASE_CELL, OBJECT_CELL = 8, 16  # pixels a side
_BOUNDARY = 2.0  # pixels from a grain boundary at which its trace has fallen to 1/e
_LEAST_PORE = 0.8  # pixels; smaller ones cannot be seen
_LARGE_PORE = 12.0  # pixels from which a pore's direction counts no more
_NEAR = 3.0  # median radii at which the nearness of two pores has fallen to 1/e
_SMOOTHED = 0.7  # cells: an object near the edge of a cell belongs to both
_POINTS = 600  # at which distances from grain boundaries are compared with those of pores


def phase_shares(phases: PhaseMap) -> npt.NDArray[np.float32]:
    """Return the share of each phase in each cell: phases x rows x columns."""
    nothing = np.zeros_like(phases.glass)
    body = np.logical_and.reduce([above <= 0 for above in phases.layers]) if phases.layers else nothing == 0
    crack = np.maximum.reduce(phases.cracks) if phases.cracks else nothing
    rods = (nothing if part is None else part for part in (phases.needles, phases.laths))
    quartz = nothing if phases.relics is None else phases.relics > 0
    boundary = np.exp(-np.maximum(phases.cells.boundary, 0) / _BOUNDARY)
    planes = np.stack([boundary, phases.glass, phases.pores > 0, crack, *rods, quartz, body]).astype(np.float32)
    cells = planes.shape[1] // PHASE_CELL
    shares: npt.NDArray[np.float32] = planes.reshape(len(PHASES), cells, PHASE_CELL, cells, PHASE_CELL).mean((2, 4))
    return shares


def object_maps(layout: FieldLayout) -> npt.NDArray[np.float32]:
    """Return densities of objects in each cell: objects x rows x columns; what layers hide does not count."""
    cells = layout.side // OBJECT_CELL
    maps = np.zeros((len(OBJECTS), cells, cells), np.float32)
    for centres, weights in _deposits(layout):
        places = (centres // OBJECT_CELL).astype(np.intp)
        inside = ((places >= 0) & (places < cells)).all(1)
        for channel, of_channel in weights.items():
            np.add.at(maps[OBJECTS.index(channel)], tuple(places[inside].T), of_channel[inside])
    smooth: npt.NDArray[np.float32] = gaussian_filter(maps, (0, _SMOOTHED, _SMOOTHED))
    return smooth


def _deposits(layout: FieldLayout) -> Iterator[tuple[Floats, dict[str, Floats]]]:
    """Yield the centres of objects of one kind, and what each adds to which channel."""
    top = layers_bottom(layout)
    yield from _pores(layout, top)
    for name, rods in (("needle", layout.needles), ("lath", layout.laths)):
        seen = rods.centres[:, 0] > top
        weights = {f"{name}s": np.ones(seen.sum())}
        if name == "needle":
            weights |= {"needle cosine": np.cos(2 * rods.angles[seen]), "needle sine": np.sin(2 * rods.angles[seen])}
        yield rods.centres[seen], weights
    for channel, centres in (("quartz", layout.relics.centres), ("grains", layout.seeds.centres)):
        seen = centres[:, 0] > top
        yield centres[seen], {channel: np.ones(seen.sum())}


def _pores(layout: FieldLayout, top: float) -> Iterator[tuple[Floats, dict[str, Floats]]]:
    seen = visible_pores(layout.pores, top)
    centres, radii = layout.pores.centres[seen], mean_radii(layout.pores)[seen]
    if not len(centres):
        return
    lengths = (1 - layout.pores.roundness[seen]) * np.minimum(radii, _LARGE_PORE)
    angles = 2 * layout.pores.angles[seen]
    weights = {
        "pores": np.ones(len(centres)),
        "pore cosine": lengths * np.cos(angles),
        "pore sine": lengths * np.sin(angles),
        "pore size": np.log(radii),
        "pore rank of distance": ranks_of_distance(layout, centres, 0.0) - 0.5,
    }
    if len(centres) > 1:
        distances = cKDTree(centres).query(centres, 2)[0][:, 1]
        weights["pores near"] = np.exp(-distances / (_NEAR * np.median(radii)))
    yield centres, weights


def layers_bottom(layout: FieldLayout) -> float:
    """Return how many pixels from the top glazes and coats reach down, on average."""
    return max([0.0, *(layer.height for layer in layout.layers)])


def visible_pores(pores: Ellipses, top: float) -> npt.NDArray[np.bool_]:
    """Say of each pore whether it is large enough to be seen, and below the layers."""
    visible: npt.NDArray[np.bool_] = (pores.centres[:, 0] > top) & (mean_radii(pores) > _LEAST_PORE)
    return visible


def mean_radii(pores: Ellipses) -> Floats:
    """Return the radius of a circle of each pore's area."""
    radii: Floats = pores.semi * np.sqrt(pores.roundness)
    return radii


def ranks_of_distance(layout: FieldLayout, centres: Floats, top: float) -> Floats:
    """Return the share of the body that lies nearer to a grain boundary than each of these points."""
    rng = np.random.default_rng(0)  # the same points for every field
    points = np.column_stack([rng.uniform(top, layout.side, _POINTS), rng.uniform(0, layout.side, _POINTS)])
    distances = np.sort(layout.seeds.boundary_at(points))
    return np.searchsorted(distances, layout.seeds.boundary_at(centres.astype(np.float64))) / _POINTS
