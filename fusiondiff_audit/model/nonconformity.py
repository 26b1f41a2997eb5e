"""How strange pictures are to a model, and what the specimens kept to calibrate come to.

What is strange is told by what is usual for the class that the forests name: copies scatter more than what they copy,
and one measure for both would let any copy pass that is near enough to be taken for genuine.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.tiles import aggregate
from fusiondiff_audit.model.calibration import Calibration, class_nonconformity
from fusiondiff_audit.model.enrolment import Embeddings, EnrolledEmbeddings, forest_scores
from fusiondiff_audit.model.findings import Class, Votes
from fusiondiff_audit.model.forest import Doubles
from fusiondiff_audit.model.head import Head
from fusiondiff_audit.model.settings import Settings, UnfamiliarityMeasure

_TRIMMED = 0.1  # share of a tile's cells left out at either end of its residual


def calibrate(head: Head, settings: Settings) -> Calibration:
    """Return what the specimens kept to calibrate come to; those learnt from stand in for unfamiliarity alone.

    A picture whose label the encoder was trained with says nothing of one that is new, and calibrates nothing.
    """
    known, rule, seen = head.enrolled.training, settings.geometry.rule, frozenset(settings.seen)
    examples = head.enrolled.examples
    kept = head.enrolled.subset(
        np.array([one.calibrates and one.pixel_digest not in seen for one in examples], dtype=bool)
    )
    worst: dict[Class, dict[str, float]] = {kind: {} for kind in Class}
    wrong: dict[Class, set[str]] = {kind: set() for kind in Class}
    strange: dict[str, float] = {}
    left_out: dict[str, float] = {}
    for place, rows, residual in _pictures(kept):
        example = kept.examples[place]
        kind = Class(int(example.authentic))
        whole = [aggregate(row, rule) for row in forest_scores(head.forests, rows)]
        _raise(worst[kind], example.specimen, class_nonconformity(float(np.mean(whole)), kind))
        label = Votes.of(whole).label
        if label is not kind:
            wrong[kind].add(example.specimen)
        odd = unfamiliarity(rows, residual, known, settings.unfamiliarity, label)
        _raise(strange, example.specimen, aggregate(odd, rule))
    own, usual = known.neighbour_distances, known.typical_distance
    if settings.unfamiliarity is UnfamiliarityMeasure.RESIDUAL:
        own, usual = known.residual.astype(np.float64), known.typical_residual
    for place, example in enumerate(known.examples):
        odd = own[known.example_index == place] / usual[int(example.authentic)]
        _raise(left_out, example.specimen, aggregate(odd, rule))
    per_class = {kind: tuple(sorted(found.values())) for kind, found in worst.items()}
    return Calibration(
        per_class[Class.COUNTERFEIT],
        per_class[Class.AUTHENTIC],
        tuple(sorted(strange.values())),
        tuple(sorted(left_out.values())),
        (len(wrong[Class.COUNTERFEIT]), len(wrong[Class.AUTHENTIC])),
    )


def unfamiliarity(
    rows: Embeddings, residual: Embeddings, known: EnrolledEmbeddings, how: UnfamiliarityMeasure, label: Class
) -> Doubles:
    """Return how unlike anything enrolled each tile is; 1 is usual for tiles of enrolled specimens of this label."""
    if how is UnfamiliarityMeasure.RESIDUAL:
        return residual.astype(np.float64) / known.typical_residual[label]
    return known.distances(rows) / known.typical_distance[label]


def mean_residual(residual: npt.NDArray[np.float32] | None, tiles: int) -> Embeddings:
    """Return one number for each tile's residual, of which a few odd cells do not decide; zeros without one."""
    if residual is None:
        return np.zeros(tiles, np.float32)
    flat = np.sort(residual.reshape(tiles, -1), axis=1)
    out = int(flat.shape[1] * _TRIMMED)
    found: Embeddings = flat[:, out : flat.shape[1] - out].mean(axis=1)
    return found


def _pictures(enrolled: EnrolledEmbeddings) -> Iterator[tuple[int, Embeddings, Embeddings]]:
    """Yield each picture's place, and the embeddings and residuals of its tiles."""
    for place in range(len(enrolled.examples)):
        own = enrolled.example_index == place
        yield place, enrolled.embeddings[own], enrolled.residual[own]


def _raise(worst: dict[str, float], specimen: str, value: float) -> None:
    worst[specimen] = max(value, worst.get(specimen, value))
