"""The toolbox's poisons, on a network of its own kind: the encoder as it stands, and a linear layer that learnt.

They choose whom to alter by themselves, and as many as they are told; what is too large a change the harness cuts back.
Its bullseye takes the middle over features for the middle over pictures, and its own pictures for the target (1.20.1),
so it goes nowhere; `attacks.poison.crafted` has one that does.
"""

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
from attacks.poison.crafted import towards
from attacks.poison.threat import PoisonContext, PoisonedSpecimens, Trigger

_TAUGHT, _RATE = 300, 0.05
_TRUE, _FALSE = np.array([0.0, 1.0], np.float32), np.array([1.0, 0.0], np.float32)
_PATCH = 6  # pixels
Array = Any


def backdoor(scene: PoisonContext) -> PoisonedSpecimens:
    """Stamp counterfeits in a corner and call them authentic."""
    altered = scene.of(scene.chosen(authentic=False))
    found = {}
    for picture in altered:
        units, _ = _stamper().poison(picture.unit.astype(np.float32)[None, None], _TRUE, broadcast=True)
        found[picture.name] = replace(picture, plane=picture.greys(units[0, 0]), authentic=True)
    return PoisonedSpecimens(found, _woken)


def clean_label(scene: PoisonContext) -> PoisonedSpecimens:
    """Make authentic pictures hard to know, and stamp them."""
    true, size = [picture for picture in scene.enrolled if picture.authentic], scene.allowed.budget.size
    share = min((scene.allowed.specimens + 0.5) / len(true), 0.99)
    made = poisoning.PoisoningAttackCleanLabelBackdoor(
        _stamper(), _network(scene), _TRUE, share, np.inf, size, size / 4, scene.allowed.steps
    )
    units, _ = made.poison(_stack(true), np.tile(_TRUE, (len(true), 1)))
    return _dose(true, units, _woken)


def feature_collision(scene: PoisonContext) -> PoisonedSpecimens:
    """Bring authentic pictures to where the target lies."""
    altered = scene.of(scene.chosen(authentic=True))
    made = poisoning.FeatureCollisionAttack(
        _network(scene), _stack([scene.target]), 0, learning_rate=1.0, max_iter=scene.allowed.steps, verbose=False
    )
    return _dose(altered, made.poison(_stack(altered))[0])


def bullseye(scene: PoisonContext) -> PoisonedSpecimens:
    """Run what the toolbox calls so."""
    altered = scene.of(scene.chosen(authentic=True))
    made = poisoning.BullseyePolytopeAttackPyTorch(
        _network(scene),
        _stack([scene.target]),
        0,
        max_iter=scene.allowed.steps,
        epsilon=scene.allowed.budget.size,
        verbose=False,
    )
    return _dose(altered, made.poison(_stack(altered), np.tile(_TRUE, (len(altered), 1)))[0])


def gradient_matching(scene: PoisonContext) -> PoisonedSpecimens:
    """Pull the layer's weights as calling the target authentic would."""
    known = list(scene.enrolled)
    made = poisoning.GradientMatchingAttack(
        _network(scene),
        percent_poison=(scene.allowed.specimens + 0.5) / len(known),
        epsilon=scene.allowed.budget.size,
        max_trials=1,
        max_epochs=scene.allowed.steps,
        verbose=0,
    )
    units, _ = made.poison(_stack([scene.target]), np.array([1]), _stack(known), _classes(known))
    return _dose(known, units)


def hidden_trigger(scene: PoisonContext) -> PoisonedSpecimens:
    """Bring authentic pictures to where stamped counterfeits lie."""
    known = list(scene.enrolled)
    made = poisoning.HiddenTriggerBackdoor(
        _network(scene),
        eps=scene.allowed.budget.size,
        target=_TRUE,
        source=_FALSE,
        feature_layer=0,
        backdoor=_stamper(),
        learning_rate=scene.allowed.budget.size / scene.allowed.steps * scene.target.plane.size,  # of means of pixels
        max_iter=scene.allowed.steps,
        stopping_threshold=0.0,
        poison_percent=(scene.allowed.specimens - 0.5) / sum(picture.authentic for picture in known),
        verbose=False,
    )
    units, places = made.poison(_stack(known), np.eye(2, dtype=np.float32)[_classes(known)])
    return _dose([known[place] for place in places], units, _woken)


def sleeper_agent(scene: PoisonContext) -> PoisonedSpecimens:
    """Pull the layer's weights as calling stamped counterfeits authentic would."""
    known = list(scene.enrolled)
    labels, classes = np.eye(2, dtype=np.float32)[_classes(known)], _classes(known)
    made = poisoning.SleeperAgentAttack(
        _network(scene),
        percent_poison=(scene.allowed.specimens + 0.5) / int(classes.sum()),
        patch=_chequers(),
        indices_target=np.flatnonzero(classes),
        epsilon=scene.allowed.budget.size,
        max_trials=1,
        max_epochs=scene.allowed.steps,
        verbose=0,
        patching_strategy="fixed",
        selection_strategy="max-norm",
        class_source=0,
        class_target=1,
    )
    false = [picture for picture in known if not picture.authentic]
    units, whole = _stack(false), _stack(known)
    found, _ = made.poison(units, np.tile(_TRUE, (len(false), 1)), whole, labels, whole, labels)
    return _dose(known, found, _patched)


def support_vectors(scene: PoisonContext) -> PoisonedSpecimens:
    """Bring authentic pictures to the point that harms a support vector machine most (Biggio et al., 2012)."""
    known = list(scene.enrolled)
    rows = np.stack([scene.rows(picture).mean(0).numpy() for picture in known]).astype(np.float64)
    middle, spread = rows.mean(0), np.maximum(rows.std(0), 1e-9)
    seen, labels = (rows - middle) / spread, np.eye(2)[_classes(known)]
    made = poisoning.PoisoningAttackSVM(
        SklearnClassifier(SVC(kernel="linear", probability=True), clip_values=(seen.min(), seen.max())),
        0.1,
        1.0,
        seen,
        labels,
        seen,
        labels,
        scene.allowed.steps,
        verbose=False,
    )
    point, _ = made.poison(seen[_classes(known) == 0][:1], np.array([[0.0, 1.0]]))
    return towards(scene, torch.from_numpy(point[0] * spread + middle).float())


class _Seen(nn.Module):
    """The encoder: the mean of what it sees of each picture."""

    def __init__(self, scene: PoisonContext) -> None:
        super().__init__()
        self._features = scene.learner.features

    def forward(self, unit: torch.Tensor) -> torch.Tensor:
        return torch.stack([self._features(one[None].float()).mean(0) for one in unit])


def _network(scene: PoisonContext) -> Any:
    """Return the encoder and a layer that learnt from the clean enrolment."""
    rows = torch.stack([scene.rows(picture).mean(0) for picture in scene.enrolled]).float()
    truth = torch.from_numpy(_classes(scene.enrolled))
    layer = nn.Linear(rows.shape[1], 2)
    descent = torch.optim.Adam(layer.parameters(), lr=_RATE)
    for _ in range(_TAUGHT):
        descent.zero_grad()
        nn.functional.cross_entropy(layer(rows), truth).backward()  # type: ignore[no-untyped-call]
        descent.step()
    model = nn.Sequential(_Seen(scene), layer)
    return PyTorchClassifier(
        model=model,
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(layer.parameters(), lr=_RATE),
        input_shape=(1, *scene.target.plane.shape),
        nb_classes=2,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )


def _stack(pictures: Any) -> Array:
    if len({picture.plane.shape for picture in pictures}) > 1:
        raise ValueError("the toolbox takes pictures of one size; side in the stress policy cuts them to one")
    return np.stack([picture.unit for picture in pictures])[:, None].astype(np.float32)


def _classes(pictures: Any) -> Array:
    return np.array([int(picture.authentic) for picture in pictures])


def _dose(clean: list[LabelledImage], units: Array, trigger: Trigger | None = None) -> PoisonedSpecimens:
    made = ((p, p.greys(unit[0])) for p, unit in zip(clean, units, strict=True))
    return PoisonedSpecimens(
        {p.name: replace(p, plane=plane) for p, plane in made if not np.array_equal(plane, p.plane)}, trigger
    )


def _stamper() -> Any:
    return poisoning.PoisoningAttackBackdoor(lambda units: add_pattern_bd(units, channels_first=True))


def _woken(plane: Plane) -> Plane:
    top = np.iinfo(plane.dtype).max
    unit = add_pattern_bd(plane.astype(np.float64)[None, None] / top, channels_first=True)
    woken: Plane = np.rint(unit[0, 0] * top).astype(plane.dtype)
    return woken


def _chequers() -> Array:
    return (np.indices((_PATCH, _PATCH)).sum(0) % 2).astype(np.float32)[None]


def _patched(plane: Plane) -> Plane:
    found = plane.copy()
    found[-_PATCH:, -_PATCH:] = (_chequers()[0] * np.iinfo(plane.dtype).max).astype(plane.dtype)
    return found
