"""A target as ART sees it: a network with a gradient, or a box that answers.

ART mixes single and double precision, so everything is cast on its way in. Some attacks want probabilities, and some a
third class: that one never wins.
"""

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
    """What an attack gets to see."""

    LOGITS = "logits of the twin"
    SHARES = "probabilities of the twin"
    SCORES = "scores of the pipeline"
    LABELS = "labels of the pipeline"
    THREE_LABELS = "labels of the pipeline, and a third that is never given"


class BlockView:
    """A picture as an attack sees it: whole, or in blocks of pixels that change alike."""

    def __init__(self, unit: UnitPlane, *, blocks: bool = False) -> None:
        clean = torch.from_numpy(unit)[None, None]
        shape = (min(unit.shape[0], BLOCKS), min(unit.shape[1], BLOCKS))
        self._clean, self._blocks = clean, None
        if blocks and shape != unit.shape:
            self._blocks = torch.nn.functional.adaptive_avg_pool2d(clean, shape)
        self.seen: UnitPlane = (clean if self._blocks is None else self._blocks)[0, 0].numpy()

    def whole(self, seen: torch.Tensor) -> torch.Tensor:
        """Return the picture with the changes of what was seen."""
        if self._blocks is None:
            return seen
        change = seen - self._blocks.to(seen.dtype)
        spread = torch.nn.functional.interpolate(change, self._clean.shape[2:], mode="nearest")
        return (self._clean.to(seen.dtype) + spread).clamp(0, 1)


class _Twin(torch.nn.Module):
    """The differentiable twin as a module; it has no weights that an attack could change."""

    def __init__(self, session: AttackSession, view: AttackView, lens: BlockView) -> None:
        super().__init__()
        self._ask, self._view, self._lens = session.logits, view, lens
        self.anchor = torch.nn.Parameter(torch.zeros(1))  # some ask a network's parameters where they are

    def forward(self, unit: torch.Tensor) -> torch.Tensor:
        logits = torch.cat([self._ask(self._lens.whole(one[None].float())) for one in unit])
        return logits.softmax(1) if self._view is AttackView.SHARES else logits


def art_estimator(session: AttackSession, view: AttackView, lens: BlockView) -> Any:
    """Return what an ART attack takes for its classifier."""
    shape = (1, *lens.seen.shape)
    classes = 3 if view is AttackView.THREE_LABELS else 2
    if view in (AttackView.LOGITS, AttackView.SHARES):
        return PyTorchClassifier(
            _Twin(session, view, lens),
            torch.nn.CrossEntropyLoss() if view is not AttackView.SHARES else torch.nn.NLLLoss(),
            input_shape=shape,
            nb_classes=classes,
            clip_values=(0.0, 1.0),
            device_type="cpu",
        )

    def answer(units: Floats) -> Floats:
        found = np.zeros((len(units), classes), np.float32)
        right = session.log.image.authentic
        planes = lens.whole(torch.from_numpy(units)).numpy()
        for row, plane, said in zip(found, planes, session.predict_units(planes[:, 0]), strict=True):
            truth = right if said.authentic is None else said.authentic  # no answer is no success
            if view is AttackView.SCORES and said.score is not None:
                row[:2] = 1 - said.score, said.score
                if (wrong := float(row[1 - int(right)])) > session.log.best_margin:
                    session.keep_candidate(torch.from_numpy(plane)[None], wrong)  # it may hand in what it set out from
            else:
                row[int(truth)] = 1.0
        return found

    return BlackBoxClassifierNeuralNetwork(
        answer, input_shape=shape, nb_classes=classes, clip_values=(0.0, 1.0), channels_first=True
    )


@dataclass(frozen=True, slots=True)
class ArtAttack:
    """One of ART's attacks: how it is made, what it sees, and what it takes besides."""

    budget: Budget
    view: AttackView
    make: Any  # takes the estimator and the budget, and returns ART's attack
    truth: bool = True  # it takes the true class; some take a class to aim at under the same name
    starts: bool = False  # it sets out from a picture of the other class
    blocks: bool = False  # it asks once for every pixel, so that it sees a coarse picture, whose pixels are blocks

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return a changed plane."""
        picture = session.log.image
        lens = BlockView(picture.unit, blocks=self.blocks)
        seen = art_estimator(session, self.view, lens)
        batch = lens.seen.astype(np.float32)[None, None]
        more: dict[str, Any] = {}
        if self.truth:
            more["y"] = np.eye(seen.nb_classes, dtype=np.float32)[[int(picture.authentic)]]
        if self.starts:
            more["x_adv_init"] = session.starting_image().unit.astype(np.float32)[None, None]
        found = torch.from_numpy(self.make(seen, self.budget).generate(x=batch, **more)).double()
        return lens.whole(found)[0, 0].numpy()


def art_norm(norm: Norm) -> float:
    """Return ART's name for a norm."""
    return float("inf") if norm is Norm.LINF else 2
