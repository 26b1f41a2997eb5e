"""A target as ART sees it: a network with gradients, or a black box.

ART mixes single and double precision, so inputs are cast. Some attacks need probabilities, and some a third class,
which never wins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from art.estimators.classification import BlackBoxClassifierNeuralNetwork, PyTorchClassifier

from attacks.images import Budget, Norm, UnitPlane
from attacks.target import AttackSession

BLOCKS = 16  # each way
Floats = npt.NDArray[np.float32]


class AttackView(StrEnum):
    """The outputs that an attack gets."""

    LOGITS = "logits of the surrogate"
    SHARES = "probabilities of the surrogate"
    SCORES = "scores of the pipeline"
    LABELS = "labels of the pipeline"
    THREE_LABELS = "labels of the pipeline, and a third that never wins"


class BlockView:
    """An image as an attack sees it: whole, or as the means of blocks of pixels that change alike."""

    def __init__(self, unit: UnitPlane, *, blocks: bool = False) -> None:
        clean = torch.from_numpy(unit)[None, None]
        shape = (min(unit.shape[0], BLOCKS), min(unit.shape[1], BLOCKS))
        self._clean, self._blocks = clean, None
        if blocks and shape != unit.shape:
            self._blocks = torch.nn.functional.adaptive_avg_pool2d(clean, shape)
        self.visible: UnitPlane = (clean if self._blocks is None else self._blocks)[0, 0].numpy()

    def whole(self, visible: torch.Tensor) -> torch.Tensor:
        """Return the whole image with the changes that an attack made to `visible`."""
        if self._blocks is None:
            return visible
        change = visible - self._blocks.to(visible.dtype)
        spread = torch.nn.functional.interpolate(change, self._clean.shape[2:], mode="nearest")
        return (self._clean.to(visible.dtype) + spread).clamp(0, 1)


class _Surrogate(torch.nn.Module):
    """The target's surrogate as a module without weights that an attack could change."""

    def __init__(self, session: AttackSession, view: AttackView, blocks: BlockView) -> None:
        super().__init__()
        self._logits, self._view, self._blocks = session.logits, view, blocks
        self.anchor = torch.nn.Parameter(torch.zeros(1))  # some attacks read the device of a parameter

    def forward(self, units: torch.Tensor) -> torch.Tensor:
        logits = torch.cat([self._logits(self._blocks.whole(unit[None].float())) for unit in units])
        return logits.softmax(1) if self._view is AttackView.SHARES else logits


def art_estimator(session: AttackSession, view: AttackView, blocks: BlockView) -> Any:
    """Return the classifier that an ART attack takes."""
    shape = (1, *blocks.visible.shape)
    classes = 3 if view is AttackView.THREE_LABELS else 2
    if view in (AttackView.LOGITS, AttackView.SHARES):
        return PyTorchClassifier(
            _Surrogate(session, view, blocks),
            torch.nn.CrossEntropyLoss() if view is not AttackView.SHARES else torch.nn.NLLLoss(),
            input_shape=shape,
            nb_classes=classes,
            clip_values=(0.0, 1.0),
            device_type="cpu",
        )

    def predict(units: Floats) -> Floats:
        rows = np.zeros((len(units), classes), np.float32)
        right = session.log.image.authentic
        planes = blocks.whole(torch.from_numpy(units)).numpy()
        for row, plane, prediction in zip(rows, planes, session.predict_units(planes[:, 0]), strict=True):
            label = right if prediction.authentic is None else prediction.authentic  # no label is no success
            if view is AttackView.SCORES and prediction.score is not None:
                row[:2] = 1 - prediction.score, prediction.score
                if (wrong := float(row[1 - int(right)])) > session.log.best_margin:
                    session.keep_candidate(torch.from_numpy(plane)[None], wrong)  # it may return the clean image
            else:
                row[int(label)] = 1.0
        return rows

    return BlackBoxClassifierNeuralNetwork(
        predict, input_shape=shape, nb_classes=classes, clip_values=(0.0, 1.0), channels_first=True
    )


@dataclass(frozen=True, slots=True)
class ArtAttack:
    """One of ART's attacks, with the view and the inputs that it needs."""

    budget: Budget
    view: AttackView
    make: Callable[[Any], Any]  # takes an estimator, and returns ART's attack
    truth: bool = True  # pass the true class; some attacks take a target class under the same name
    starts: bool = False  # pass an image of the other class to start from
    blocks: bool = False  # show blocks of pixels to attacks that query once for each pixel

    def __call__(self, session: AttackSession) -> UnitPlane:
        image = session.log.image
        blocks = BlockView(image.unit, blocks=self.blocks)
        estimator = art_estimator(session, self.view, blocks)
        batch = blocks.visible.astype(np.float32)[None, None]
        inputs: dict[str, Any] = {}
        if self.truth:
            inputs["y"] = np.eye(estimator.nb_classes, dtype=np.float32)[[int(image.authentic)]]
        if self.starts:
            inputs["x_adv_init"] = session.starting_image().unit.astype(np.float32)[None, None]
        adversarial = torch.from_numpy(self.make(estimator).generate(x=batch, **inputs)).double()
        return blocks.whole(adversarial)[0, 0].numpy()


def art_norm(norm: Norm) -> float:
    """Return ART's name for a norm."""
    return float("inf") if norm is Norm.LINF else 2
