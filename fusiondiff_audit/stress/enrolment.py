"""Enrolment as something to poison: a model's encoder as it stands, and forests that learn from given pictures."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from attacks.images import LabelledImage, Plane, plane_digest
from attacks.poison.assessment import PoisonTest
from attacks.poison.detectors import SpecimenFeatures
from attacks.poison.harness import PoisonPlan
from attacks.poison.threat import Votes
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
    """A model that learns again; what its encoder saw of a plane is kept."""

    def __init__(self, model: DiffusionModel, pipeline: Pipeline, learning: ForestSettings) -> None:
        self._model, self._pipeline, self._learning = model, pipeline, learning
        self._seen: dict[str, Embeddings] = {}

    def partition_of(self, specimen: str) -> int:
        """Return which forest learns from a specimen."""
        return partition_of(specimen, self._learning.partitions)

    def rows(self, plane: Plane) -> torch.Tensor:
        """Return the embeddings of a plane's tiles."""
        return torch.from_numpy(self._rows(plane))

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        """Return the same with slopes."""
        return self._pipeline.features(unit)

    def enrol(self, pictures: Sequence[LabelledImage]) -> "TrainedForests":
        """Train forests on pictures as `enrol` does."""
        kept = [picture for picture in pictures if len(self._rows(picture.plane))]
        rows = [self._rows(picture.plane) for picture in kept]
        owner = np.repeat(np.arange(len(kept)), [len(each) for each in rows])
        examples = tuple(LabelledExample(plane_digest(p.plane), p.specimen, p.authentic) for p in kept)
        whole = np.concatenate(rows)
        known = EnrolledEmbeddings(examples, whole, np.zeros(len(whole), np.float32), owner)
        return TrainedForests(train_forests(known, self._learning), self)

    def votes(self, forests: Sequence[Forest], plane: Plane) -> Votes:
        """Return the votes of forests on a plane; none if it has no tile."""
        rows = self._rows(plane)
        if not len(rows):
            return 0, 0
        rule = self._model.settings.geometry.rule
        authentic = sum(aggregate(row, rule) > _EVEN for row in forest_scores(forests, rows))
        return len(forests) - authentic, authentic

    def features_of(self, pictures: Iterable[LabelledImage], trusted: Iterable[LabelledImage]) -> SpecimenFeatures:
        """Return specimens as detectors see them: the mean of all their tiles."""
        names, rows, labels = self._means(pictures)
        _, beyond, known = self._means(trusted)
        return SpecimenFeatures(names, rows, labels, beyond, known)

    def _means(self, pictures: Iterable[LabelledImage]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        of: dict[str, list[LabelledImage]] = {}
        for picture in pictures:
            of.setdefault(picture.specimen, []).append(picture)
        rows = [np.concatenate([self._rows(p.plane) for p in mine]).astype(np.float64).mean(0) for mine in of.values()]
        return tuple(of), np.array(rows), np.array([mine[0].authentic for mine in of.values()], bool)

    def _rows(self, plane: Plane) -> Embeddings:
        digest = plane_digest(plane)
        if digest not in self._seen:
            (found,) = self._model.embed([self._pipeline.micrograph(plane)])
            self._seen[digest] = found.embeddings
        return self._seen[digest]


class TrainedForests:
    """Forests that learnt, and the encoder before them."""

    def __init__(self, forests: Sequence[Forest], learner: FrozenEncoderLearner) -> None:
        self._forests, self._learner = forests, learner

    def votes(self, planes: Sequence[Plane]) -> list[Votes]:
        """Return the votes on each plane."""
        return [self._learner.votes(self._forests, plane) for plane in planes]


def poison_test_of(
    model: DiffusionModel,
    pipeline: Pipeline,
    enrolled: Sequence[LabelledImage],
    asked: Sequence[LabelledImage],
    plans: tuple[PoisonPlan, ...],
    detectors: tuple[str, ...],
) -> PoisonTest:
    """Return an enrolment like the model's own, as something to poison; detectors trust the pictures that are asked."""
    learner = FrozenEncoderLearner(model, pipeline, model.settings.learning or ForestSettings())
    return PoisonTest(
        learner, enrolled, asked, tolerance, lambda pictures: learner.features_of(pictures, asked), plans, detectors
    )
