"""Adaptive attacks: forests have no gradient, so these attacks follow the gradients of other objectives.

One objective moves the features towards the other class. The other two are margins of a surrogate, trained on the run's
images and their clean predictions, which costs no query.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from attacks.gradient import ascend, to_tensor, value_and_gradient
from attacks.images import Budget, UnitPlane
from attacks.target import AttackSession, margin

Tensor = torch.Tensor
PlaneObjective = Callable[[Tensor], Tensor]  # to be maximised, for one plane
_HIDDEN, _CHANNELS = 32, (16, 32, 32)
_EPOCHS, _BATCH, _RATE = 400, 16, 3e-3
_PATCH = 96  # pixels
_TEST_BATCHES, _LEAST_ACCURACY = 16, 0.6  # balanced accuracy, below which a surrogate is refused


@dataclass(frozen=True, slots=True)
class AdaptiveAttack:
    """Equal steps, from random starts, along the gradient of an objective other than the margin."""

    budget: Budget
    objective: Callable[[AttackSession], PlaneObjective]
    steps: int = 10
    restarts: int = 1

    def __call__(self, session: AttackSession) -> UnitPlane:
        objective = self.objective(session)
        return ascend(lambda unit: value_and_gradient(objective, unit), session, self.budget, self.steps, self.restarts)


def other_class_features(session: AttackSession) -> PlaneObjective:
    """Return the objective that moves features to the mean of the other class.

    The nearest plane is returned by the ascent. The plane that went farthest in that direction is kept as well: where a
    step is long compared with the classes' distance, the nearest plane may have stopped short of the boundary.
    """
    rows, classes = session.shared("rows", lambda: _rows(session))
    others = rows[classes != int(session.log.image.authentic)]
    if not len(others):
        raise ValueError(f"{session.log.image.name}: no image of the other class to move towards")
    with torch.no_grad():
        clean = session.features(to_tensor(session.log.image.unit)).mean(0)
    goal, farthest = others.mean(0), [-float("inf")]

    def objective(unit: Tensor) -> Tensor:
        features = session.features(unit)
        if not len(features):
            return 0 * unit  # a plane without tiles has no gradient
        progress = float(features.detach().mean(0) @ (goal - clean))
        if progress > farthest[0]:
            farthest[0] = progress
            session.keep_candidate(unit, progress)
        return -(features - goal).square().sum(1).mean()

    return objective


def distilled_head(session: AttackSession) -> PlaneObjective:
    """Return the margin of a small network that was trained on the head's inputs and predictions."""
    head = session.shared("head", lambda: _trained_head(*_rows(session)))

    def objective(unit: Tensor) -> Tensor:
        logits = head(session.features(unit))
        if not len(logits):
            return 0 * unit
        return margin(logits.mean(0, keepdim=True), authentic=session.log.image.authentic)

    return objective


def surrogate_network(session: AttackSession) -> PlaneObjective:
    """Return the margin of a small network that was trained on images and predictions alone."""
    network = session.shared("network", lambda: _trained_network(session))
    return lambda unit: margin(network(unit), authentic=session.log.image.authentic)


def _rows(session: AttackSession) -> tuple[Tensor, Tensor]:
    """Return the head's input for every image with a prediction, and the predicted class of each row."""
    rows, classes = [], []
    with torch.no_grad():
        for image in session.known_images:
            features = session.features(to_tensor(image.unit))
            rows.append(features)
            classes.append(torch.full((len(features),), int(image.authentic)))
    return torch.cat(rows), torch.cat(classes)


def _trained_head(rows: Tensor, classes: Tensor) -> nn.Module:
    mean, deviation = rows.mean(0), rows.std(0).clamp_min(1e-6)
    head = nn.Sequential(nn.Linear(rows.shape[1], _HIDDEN), nn.Tanh(), nn.Linear(_HIDDEN, 2))
    _train(head, lambda: ((rows - mean) / deviation, classes))
    return _accurate(nn.Sequential(_Standardised(mean, deviation), head), rows, classes)


class _Standardised(nn.Module):
    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self._mean, self._deviation = mean, deviation

    def forward(self, rows: Tensor) -> Tensor:
        return (rows - self._mean) / self._deviation


def _trained_network(session: AttackSession) -> nn.Module:
    """Return a network that was trained on patches; its logits are means over a plane."""
    layers: list[nn.Module] = []
    inputs = 1
    for channels in _CHANNELS:
        layers += [nn.Conv2d(inputs, channels, 5, stride=2, padding=2), nn.GELU()]
        inputs = channels
    network = nn.Sequential(_Normalised(), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 2))
    examples = [(to_tensor(image.unit)[0], int(image.authentic)) for image in session.known_images]
    _train(network, lambda: _patches(examples))
    batches = [_patches(examples) for _ in range(_TEST_BATCHES)]
    return _accurate(network, torch.cat([a for a, _ in batches]), torch.cat([b for _, b in batches]))


class _Normalised(nn.Module):
    """Removes a plane's own brightness and contrast."""

    def forward(self, unit: Tensor) -> Tensor:
        mean, deviation = unit.mean((1, 2, 3), keepdim=True), unit.std((1, 2, 3), keepdim=True)
        return (unit - mean) / deviation.clamp_min(1e-3)


def _accurate(network: nn.Module, inputs: Tensor, classes: Tensor) -> nn.Module:
    """Return the surrogate; raises where it does not separate the classes, since its gradients would be useless."""
    with torch.no_grad():
        right = network(inputs).argmax(1) == classes
    shares = [float(right[classes == label].float().mean()) if (classes == label).any() else 0.0 for label in (0, 1)]
    if sum(shares) / 2 < _LEAST_ACCURACY:
        raise ValueError(f"the surrogate learnt too little: {shares[0]:.0%} of one class, {shares[1]:.0%} of the other")
    return network


def _patches(examples: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    """Return random patches, rotated and mirrored, with their classes; both classes equally often."""
    side = min(_PATCH, *(length for plane, _ in examples for length in plane.shape[1:]))
    patches, classes = [], []
    for wanted in (0, 1) * (_BATCH // 2):
        candidates = [example for example in examples if example[1] == wanted] or examples
        plane, label = candidates[int(torch.randint(len(candidates), ()))]
        top, left = (int(torch.randint(length - side + 1, ())) for length in plane.shape[1:])
        patch = plane[:, top : top + side, left : left + side]
        patch = torch.rot90(patch, int(torch.randint(4, ())), (1, 2))
        patches.append(patch.flip(2) if torch.rand(()) < 0.5 else patch)
        classes.append(label)
    return torch.stack(patches), torch.tensor(classes)


def _train(network: nn.Module, batch: Callable[[], tuple[Tensor, Tensor]]) -> None:
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    for _ in range(_EPOCHS):
        inputs, classes = batch()
        loss = nn.functional.cross_entropy(network(inputs), classes)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    network.requires_grad_(False)
