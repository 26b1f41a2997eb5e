"""Nonconformity: how unlike calibrated specimens an image is.

The unfamiliarity of a tile is its distance to the enrolled tiles, or its residual, divided by what is typical for the
class that the forests name. One scale for both classes would be too wide for authentic specimens, since counterfeits
scatter more (docs/decisions/unfamiliar.md).
"""

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.tiles import aggregate
from fusiondiff_audit.model.calibration import Calibration, class_nonconformity
from fusiondiff_audit.model.enrolment import Embeddings, EnrolledEmbeddings, forest_scores
from fusiondiff_audit.model.findings import Class, Votes
from fusiondiff_audit.model.forest import Doubles
from fusiondiff_audit.model.head import Head
from fusiondiff_audit.model.settings import Settings, UnfamiliarityMeasure

_TRIMMED = 0.1  # share of a tile's latent cells that the mean of its residual leaves out at either end


def calibrate(head: Head, settings: Settings) -> Calibration:
    """Return the nonconformity of held-out specimens, and the unfamiliarity of training specimens, each left out.

    Images with whose labels the encoder was trained are no held-out ones, and are not counted.
    """
    training, rule, seen = head.enrolled.training, settings.geometry.rule, frozenset(settings.seen)
    usable = [example.calibrates and example.pixel_digest not in seen for example in head.enrolled.examples]
    held_out = head.enrolled.subset(np.array(usable, dtype=bool))
    by_class: dict[Class, dict[str, float]] = {kind: {} for kind in Class}
    misclassified: dict[Class, set[str]] = {kind: set() for kind in Class}
    unfamiliar: dict[str, float] = {}
    leave_one_out: dict[str, float] = {}
    for image, example in enumerate(held_out.examples):
        tiles = held_out.example_index == image
        embeddings, residual = held_out.embeddings[tiles], held_out.residual[tiles]
        kind = Class(int(example.authentic))
        scores = [aggregate(by_tile, rule) for by_tile in forest_scores(head.forests, embeddings)]
        _keep_worst(by_class[kind], example.specimen, class_nonconformity(float(np.mean(scores)), kind))
        label = Votes.of(scores).label
        if label is not kind:
            misclassified[kind].add(example.specimen)
        by_tile = unfamiliarity(embeddings, residual, training, settings.unfamiliarity, label)
        _keep_worst(unfamiliar, example.specimen, aggregate(by_tile, rule))
    raw, typical = training.neighbour_distances, training.typical_distance
    if settings.unfamiliarity is UnfamiliarityMeasure.RESIDUAL:
        raw, typical = training.residual.astype(np.float64), training.typical_residual
    for image, example in enumerate(training.examples):
        by_tile = raw[training.example_index == image] / typical[int(example.authentic)]
        _keep_worst(leave_one_out, example.specimen, aggregate(by_tile, rule))
    return Calibration(
        tuple(sorted(by_class[Class.COUNTERFEIT].values())),
        tuple(sorted(by_class[Class.AUTHENTIC].values())),
        tuple(sorted(unfamiliar.values())),
        tuple(sorted(leave_one_out.values())),
        (len(misclassified[Class.COUNTERFEIT]), len(misclassified[Class.AUTHENTIC])),
    )


def unfamiliarity(
    embeddings: Embeddings,
    residual: Embeddings,
    enrolled: EnrolledEmbeddings,
    measure: UnfamiliarityMeasure,
    label: Class,
) -> Doubles:
    """Return the unfamiliarity of each tile; 1 is typical of tiles of enrolled specimens of this label."""
    if measure is UnfamiliarityMeasure.RESIDUAL:
        return residual.astype(np.float64) / enrolled.typical_residual[label]
    return enrolled.distances(embeddings) / enrolled.typical_distance[label]


def mean_residual(residual: npt.NDArray[np.float32] | None, tiles: int) -> Embeddings:
    """Return the trimmed mean residual of each tile; zeros where the bundle computes no residual."""
    if residual is None:
        return np.zeros(tiles, np.float32)
    cells = np.sort(residual.reshape(tiles, -1), axis=1)
    cut = int(cells.shape[1] * _TRIMMED)
    means: Embeddings = cells[:, cut : cells.shape[1] - cut].mean(axis=1)
    return means


def _keep_worst(worst: dict[str, float], specimen: str, value: float) -> None:
    worst[specimen] = max(value, worst.get(specimen, value))
