"""Enrolment as scikit-learn would have it: `fit`, `predict`, `predict_proba` on micrographs.

classifier = FusionDiffClassifier(model, reference="kiln alder").fit(pictures, labels, specimens=names)
classifier.predict(others)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings, LabelledExample

LABELS = ("authentic", "counterfeit")  # in scikit-learn's order


class FusionDiffClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A frozen encoder, and forests that `fit` trains; labels are `authentic` and `counterfeit`."""

    def __init__(
        self, model: DiffusionModel, reference: str = "experiment", partitions: int = 1, trees: int = 300, seed: int = 0
    ) -> None:
        self.model = model
        self.reference = reference
        self.partitions = partitions
        self.trees = trees
        self.seed = seed

    def fit(
        self, pictures: Sequence[Micrograph], labels: Sequence[str], specimens: Sequence[str] | None = None
    ) -> "FusionDiffClassifier":
        """Learn from labelled pictures; those of one object share a specimen, else each is an object of its own."""
        if unknown := sorted(set(labels) - set(LABELS)):
            raise ValueError(f"{unknown[0]!r} is no label; {' and '.join(LABELS)} are")
        names = specimens if specimens is not None else [f"picture {place}" for place in range(len(pictures))]
        learning = ForestSettings(self.partitions, self.trees, self.seed)
        examples = (
            (picture, LabelledExample(picture.pixel_digest, name, label == LABELS[0]))
            for picture, label, name in zip(pictures, labels, names, strict=True)
        )
        self.model_ = self.model.enrol(examples, reference=self.reference, learning=learning)
        self.classes_ = np.array(LABELS)
        return self

    def predict_proba(self, pictures: Sequence[Micrograph]) -> npt.NDArray[np.float64]:
        """Return the shares of trees, authentic first."""
        check_is_fitted(self)
        authentic = self.model_.predict_authenticity(list(pictures)).numpy()
        return np.stack([authentic, 1 - authentic], axis=1)

    def predict(self, pictures: Sequence[Micrograph]) -> npt.NDArray[np.str_]:
        """Return the label that most forests say."""
        check_is_fitted(self)
        votes = [finding.votes for finding in self.model_.judge(pictures)]
        return np.array([LABELS[0] if one.authentic > one.counterfeit else LABELS[1] for one in votes])

    def __sklearn_tags__(self) -> Any:
        """Say that inputs are pictures, not a table of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags
