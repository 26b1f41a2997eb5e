"""The whole pipeline as something to attack: a plane goes in as a file, through the guarded decoder, like any other."""

from collections.abc import Sequence
from hashlib import sha256

import torch

from attacks.images import Plane, encode_png
from attacks.target import Prediction
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, Micrograph, decode
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.stress.surrogate import Surrogate

TEMPERATURE = 0.1  # of the forests' twin, in deviations of each feature


class Pipeline:
    """A model under attack. Its label is the majority of its forests; what it cannot judge has none."""

    def __init__(self, model: DiffusionModel, guard: Guard, *, temperature: float = TEMPERATURE) -> None:
        self._model, self._guard = model, guard
        self.twin = Surrogate(model, temperature=temperature)

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        """Return the label and the score of each plane."""
        answers = []
        for finding in self._model.judge_each(map(self.micrograph, planes)):
            known = finding.assessable and finding.score is not None
            answers.append(Prediction(finding.votes.label is Class.AUTHENTIC if known else None, finding.score))
        return answers

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        """Return the twin's logits."""
        return self.twin.logits(unit)

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of one plane's tiles."""
        return self.twin.features(unit[0, 0])

    def micrograph(self, plane: Plane) -> Micrograph:
        """Return a plane as the guarded decoder gives it, from a file."""
        data = encode_png(plane)
        return decode(LooseFile("attacked.png", sha256(data).hexdigest(), data), guard=self._guard)
