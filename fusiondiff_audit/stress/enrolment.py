"""An enrolment to poison: the model's frozen encoder, with forests that are trained again on given images."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from attacks.images import LabelledImage, Plane, plane_digest
from attacks.poison.assessment import PoisonTest
from attacks.poison.detectors import SpecimenFeatures
from attacks.poison.harness import PoisonPlan
from attacks.poison.threat import VoteCounts
from fusiondiff_audit.images.tiles import aggregate
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import (
    Embeddings,
    EnrolledEmbeddings,
    ForestSettings,
    LabelledExample,
    forest_scores,
    partition_of,
    train_forests,
)
from fusiondiff_audit.model.forest import Forest
from fusiondiff_audit.stress.target import Pipeline
from reports.arithmetic import tolerance

_EVEN = 0.5  # of the trees


class FrozenEncoderLearner:
    """Enrols a model again and again; embeddings of a plane are computed once."""

    def __init__(self, model: DiffusionModel, pipeline: Pipeline, learning: ForestSettings) -> None:
        self._model, self._pipeline, self._learning = model, pipeline, learning
        self._embeddings: dict[str, Embeddings] = {}

    def partition_of(self, specimen: str) -> int:
        return partition_of(specimen, self._learning.partitions)

    def rows(self, plane: Plane) -> torch.Tensor:
        """Return the embeddings of a plane's tiles: tiles x numbers."""
        return torch.from_numpy(self._rows(plane))

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        """Return the embeddings with gradients."""
        return self._pipeline.features(unit)

    def enrol(self, images: Sequence[LabelledImage]) -> "TrainedForests":
        """Train forests as the verb `enrol` does; images without a tile are left out."""
        kept = [image for image in images if len(self._rows(image.plane))]
        rows = [self._rows(image.plane) for image in kept]
        image_of_row = np.repeat(np.arange(len(kept)), [len(each) for each in rows])
        examples = tuple(LabelledExample(plane_digest(p.plane), p.specimen, p.authentic) for p in kept)
        whole = np.concatenate(rows)
        enrolled = EnrolledEmbeddings(examples, whole, np.zeros((len(whole), 0), np.float32), image_of_row)
        return TrainedForests(train_forests(enrolled, self._learning), self)

    def votes(self, forests: Sequence[Forest], plane: Plane) -> VoteCounts:
        """Return the votes of forests on a plane, (0, 0) if it has no tile."""
        rows = self._rows(plane)
        if not len(rows):
            return 0, 0
        rule = self._model.settings.geometry.rule
        authentic = sum(aggregate(row, rule) > _EVEN for row in forest_scores(forests, rows))
        return len(forests) - authentic, authentic

    def features_of(self, images: Iterable[LabelledImage], trusted: Iterable[LabelledImage]) -> SpecimenFeatures:
        """Return the mean embedding of each specimen's tiles, for detectors."""
        names, rows, labels = self._means(images)
        _, trusted_rows, trusted_labels = self._means(trusted)
        return SpecimenFeatures(names, rows, labels, trusted_rows, trusted_labels)

    def _means(self, images: Iterable[LabelledImage]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        specimens: dict[str, list[LabelledImage]] = {}
        for image in images:
            specimens.setdefault(image.specimen, []).append(image)
        rows = [
            np.concatenate([self._rows(image.plane) for image in group]).astype(np.float64).mean(0)
            for group in specimens.values()
        ]
        labels = [group[0].authentic for group in specimens.values()]
        return tuple(specimens), np.array(rows), np.array(labels, bool)

    def _rows(self, plane: Plane) -> Embeddings:
        digest = plane_digest(plane)
        if digest not in self._embeddings:
            (embedded,) = self._model.embed([self._pipeline.micrograph(plane)])
            self._embeddings[digest] = embedded.embeddings
        return self._embeddings[digest]


class TrainedForests:
    def __init__(self, forests: Sequence[Forest], learner: FrozenEncoderLearner) -> None:
        self._forests, self._learner = forests, learner

    def votes(self, planes: Sequence[Plane]) -> list[VoteCounts]:
        return [self._learner.votes(self._forests, plane) for plane in planes]


def poison_test_of(
    model: DiffusionModel,
    pipeline: Pipeline,
    enrolled: Sequence[LabelledImage],
    queries: Sequence[LabelledImage],
    plans: tuple[PoisonPlan, ...],
    detectors: tuple[str, ...],
) -> PoisonTest:
    """Return a test that enrols like the model's own enrolment; detectors trust the queried images."""
    learner = FrozenEncoderLearner(model, pipeline, model.settings.learning or ForestSettings())
    return PoisonTest(
        learner, enrolled, queries, tolerance, lambda images: learner.features_of(images, queries), plans, detectors
    )
