"""The whole pipeline as a target: planes are encoded as files and go through the guarded decoder."""

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

TEMPERATURE = 0.1  # of the soft forests, in deviations of each feature


class Pipeline:
    """A model under attack. Its label is the majority of its forests; a plane that it cannot judge has none."""

    def __init__(self, model: DiffusionModel, guard: Guard, *, temperature: float = TEMPERATURE) -> None:
        self._model, self._guard = model, guard
        self.surrogate = Surrogate(model, temperature=temperature)

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        predictions = []
        for finding in self._model.judge(map(self.micrograph, planes)):
            judged = finding.assessable and finding.score is not None
            predictions.append(Prediction(finding.votes.label is Class.AUTHENTIC if judged else None, finding.score))
        return predictions

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        return self.surrogate.logits(unit)

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        return self.surrogate.features(unit[0, 0])

    def micrograph(self, plane: Plane) -> Micrograph:
        """Return a plane as the guarded decoder decodes it."""
        data = encode_png(plane)
        return decode(LooseFile("attacked.png", sha256(data).hexdigest(), data), guard=self._guard)
