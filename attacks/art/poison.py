"""ART's poisons, on a network of the kind that ART expects: the frozen encoder and a linear layer trained on it.

Each chooses the specimens to alter itself, up to the number allowed; the harness projects larger changes back into the
budget. All take images of one size.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from art.attacks import poisoning
from art.attacks.poisoning.perturbations import add_pattern_bd
from art.estimators.classification import PyTorchClassifier, SklearnClassifier
from sklearn.svm import SVC
from torch import nn

from attacks.images import LabelledImage, Plane
from attacks.poison.crafted import towards_point
from attacks.poison.threat import PoisonContext, PoisonedSpecimens, Trigger

_EPOCHS, _RATE = 300, 0.05
_AUTHENTIC, _COUNTERFEIT = np.array([0.0, 1.0], np.float32), np.array([1.0, 0.0], np.float32)
_Array = Any


def feature_collision(context: PoisonContext) -> PoisonedSpecimens:
    """Move authentic images to the target's features."""
    altered = context.of(context.chosen(authentic=True))
    attack = poisoning.FeatureCollisionAttack(
        _network(context), _stack([context.target]), 0, learning_rate=1.0, max_iter=context.allowed.steps, verbose=False
    )
    return _specimens(altered, attack.poison(_stack(altered))[0])


def gradient_matching(context: PoisonContext) -> PoisonedSpecimens:
    """Align the linear layer's training gradient with that of the target labelled authentic."""
    enrolled = list(context.enrolled)
    attack = poisoning.GradientMatchingAttack(
        _network(context),
        percent_poison=(context.allowed.specimens + 0.5) / len(enrolled),
        epsilon=context.allowed.budget.size,
        max_trials=1,
        max_epochs=context.allowed.steps,
        verbose=0,
    )
    units, _ = attack.poison(_stack([context.target]), np.array([1]), _stack(enrolled), _classes(enrolled))
    return _specimens(enrolled, units)


def hidden_trigger(context: PoisonContext) -> PoisonedSpecimens:
    """Move authentic images to the features of stamped counterfeits; no poisoned image shows the stamp."""
    enrolled, allowed = list(context.enrolled), context.allowed
    attack = poisoning.HiddenTriggerBackdoor(
        _network(context),
        eps=allowed.budget.size,
        target=_AUTHENTIC,
        source=_COUNTERFEIT,
        feature_layer=0,
        backdoor=poisoning.PoisoningAttackBackdoor(lambda units: add_pattern_bd(units, channels_first=True)),
        learning_rate=allowed.budget.size / allowed.steps * context.target.plane.size,  # the loss is a mean of pixels
        max_iter=allowed.steps,
        stopping_threshold=0.0,
        poison_percent=(allowed.specimens - 0.5) / sum(image.authentic for image in enrolled),
        verbose=False,
    )
    units, places = attack.poison(_stack(enrolled), np.eye(2, dtype=np.float32)[_classes(enrolled)])
    return _specimens([enrolled[place] for place in places], units, _with_corner_pattern)


def support_vectors(context: PoisonContext) -> PoisonedSpecimens:
    """Move authentic images to the point that harms a support vector machine most (Biggio et al., 2012)."""
    enrolled = list(context.enrolled)
    rows = np.stack([context.rows(image).mean(0).numpy() for image in enrolled]).astype(np.float64)
    mean, deviation = rows.mean(0), np.maximum(rows.std(0), 1e-9)
    features, labels = (rows - mean) / deviation, np.eye(2)[_classes(enrolled)]
    machine = SVC(kernel="linear", probability=True)
    attack = poisoning.PoisoningAttackSVM(
        SklearnClassifier(machine, clip_values=(features.min(), features.max())),
        0.1,
        1.0,
        features,
        labels,
        features,
        labels,
        context.allowed.steps,
        verbose=False,
    )
    point, _ = attack.poison(features[_classes(enrolled) == 0][:1], np.array([[0.0, 1.0]]))
    return towards_point(context, torch.from_numpy(point[0] * deviation + mean).float())


class _Encoder(nn.Module):
    """The encoder's mean embedding of each image."""

    def __init__(self, context: PoisonContext) -> None:
        super().__init__()
        self._features = context.learner.features

    def forward(self, units: torch.Tensor) -> torch.Tensor:
        return torch.stack([self._features(unit[None].float()).mean(0) for unit in units])


def _network(context: PoisonContext) -> Any:
    """Return the encoder with a linear layer that was trained on the clean enrolment."""
    rows = torch.stack([context.rows(image).mean(0) for image in context.enrolled]).float()
    truth = torch.from_numpy(_classes(context.enrolled))
    layer = nn.Linear(rows.shape[1], 2)
    optimiser = torch.optim.Adam(layer.parameters(), lr=_RATE)
    for _ in range(_EPOCHS):
        optimiser.zero_grad()
        nn.functional.cross_entropy(layer(rows), truth).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return PyTorchClassifier(
        model=nn.Sequential(_Encoder(context), layer),
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(layer.parameters(), lr=_RATE),
        input_shape=(1, *context.target.plane.shape),
        nb_classes=2,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )


def _stack(images: Sequence[LabelledImage]) -> _Array:
    if len({image.plane.shape for image in images}) > 1:
        raise ValueError("ART's poisons take images of one size; side in the stress policy crops images to one size")
    return np.stack([image.unit for image in images])[:, None].astype(np.float32)


def _classes(images: Sequence[LabelledImage]) -> _Array:
    return np.array([int(image.authentic) for image in images])


def _specimens(clean: Sequence[LabelledImage], units: _Array, trigger: Trigger | None = None) -> PoisonedSpecimens:
    planes = ((image, image.greys(unit[0])) for image, unit in zip(clean, units, strict=True))
    altered = {p.name: replace(p, plane=plane) for p, plane in planes if not np.array_equal(plane, p.plane)}
    return PoisonedSpecimens(altered, trigger)


def _with_corner_pattern(plane: Plane) -> Plane:
    top = np.iinfo(plane.dtype).max
    unit = add_pattern_bd(plane.astype(np.float64)[None, None] / top, channels_first=True)
    marked: Plane = np.rint(unit[0, 0] * top).astype(plane.dtype)
    return marked
