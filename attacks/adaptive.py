"""Attacks that go round the forests, which have no slope.

One goes towards what the head sees of the other class, two by way of a stand-in that learnt from answers.

What they learn from are the pictures of the run and what the pipeline said of them before anything was attacked; no
question is asked for it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from attacks.gradient import ascend, to_tensor, value_and_gradient
from attacks.images import Budget, UnitPlane
from attacks.target import AttackSession, margin

Tensor = torch.Tensor
PlaneObjective = Callable[[Tensor], Tensor]  # what shall rise, for one plane
_HIDDEN, _CHANNELS = 32, (16, 32, 32)
_ROUNDS, _BATCH, _RATE = 400, 16, 3e-3
_PATCH = 96  # pixels
_EXAM, _LEARNT = 16, 0.6  # batches to be asked about, and how many must be right, in the mean of both classes


@dataclass(frozen=True, slots=True)
class AdaptiveAttack:
    """Equal steps, from random starts, along the slope of something that is not the head."""

    budget: Budget
    by: Callable[[AttackSession], PlaneObjective]
    steps: int = 10
    restarts: int = 1

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return a changed plane."""
        see = self.by(session)
        return ascend(lambda at: value_and_gradient(see, at), session, self.budget, self.steps, self.restarts)


def other_class_features(session: AttackSession) -> PlaneObjective:
    """Go towards the middle of the other class as the head sees it.

    What comes nearest is handed in, and what went farthest that way is kept, too: where steps are large beside a class
    that lies near, the nearest plane may be one that stopped short of it.
    """
    rows, classes = session.shared("rows", lambda: _rows(session))
    others = rows[classes != int(session.log.image.authentic)]
    if not len(others):
        raise ValueError(f"{session.log.image.name}: no picture of the other class to go towards")
    with torch.no_grad():
        own = session.features(to_tensor(session.log.image.unit)).mean(0)
    goal, farthest = others.mean(0), [-float("inf")]

    def near(at: Tensor) -> Tensor:
        seen = session.features(at)
        if not len(seen):
            return 0 * at  # a plane without tiles leads nowhere
        gone = float(seen.detach().mean(0) @ (goal - own))
        if gone > farthest[0]:
            farthest[0] = gone
            session.keep_candidate(at, gone)
        return -(seen - goal).square().sum(1).mean()

    return near


def distilled_head(session: AttackSession) -> PlaneObjective:
    """Go along the slope of a small network that learnt the head's answers from what the head sees."""
    head = session.shared("head", lambda: _learnt_head(*_rows(session)))

    def wrong(at: Tensor) -> Tensor:
        seen = head(session.features(at))
        return margin(seen.mean(0, keepdim=True), authentic=session.log.image.authentic) if len(seen) else 0 * at

    return wrong


def surrogate_network(session: AttackSession) -> PlaneObjective:
    """Go along the slope of a small network that learnt from pictures and answers alone."""
    network = session.shared("network", lambda: _learnt_network(session))
    return lambda at: margin(network(at), authentic=session.log.image.authentic)


def _rows(session: AttackSession) -> tuple[Tensor, Tensor]:
    """Return what the head sees of every picture, and the class that each row was held for."""
    rows, classes = [], []
    with torch.no_grad():
        for picture in session.known_images:
            seen = session.features(to_tensor(picture.unit))
            rows.append(seen)
            classes.append(torch.full((len(seen),), int(picture.authentic)))
    return torch.cat(rows), torch.cat(classes)


def _learnt_head(rows: Tensor, classes: Tensor) -> nn.Module:
    """Return a network that tells the classes of rows apart."""
    middle, spread = rows.mean(0), rows.std(0).clamp_min(1e-6)
    head = nn.Sequential(nn.Linear(rows.shape[1], _HIDDEN), nn.Tanh(), nn.Linear(_HIDDEN, 2))
    _teach(head, lambda: ((rows - middle) / spread, classes))
    whole = nn.Sequential(_Standard(middle, spread), head)
    return _refuse_ignorant(whole, rows, classes)


class _Standard(nn.Module):
    def __init__(self, middle: Tensor, spread: Tensor) -> None:
        super().__init__()
        self._middle, self._spread = middle, spread

    def forward(self, rows: Tensor) -> Tensor:
        return (rows - self._middle) / self._spread


def _learnt_network(session: AttackSession) -> nn.Module:
    """Return a network that tells patches of the pictures apart; its answer is the mean over a plane."""
    layers: list[nn.Module] = []
    before = 1
    for channels in _CHANNELS:
        layers += [nn.Conv2d(before, channels, 5, stride=2, padding=2), nn.GELU()]
        before = channels
    network = nn.Sequential(_Contrast(), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 2))
    known = [(to_tensor(picture.unit)[0], int(picture.authentic)) for picture in session.known_images]
    _teach(network, lambda: _patches(known))
    asked = [_patches(known) for _ in range(_EXAM)]
    return _refuse_ignorant(network, torch.cat([a for a, _ in asked]), torch.cat([b for _, b in asked]))


def _refuse_ignorant(network: nn.Module, seen: Tensor, classes: Tensor) -> nn.Module:
    """Return a stand-in that tells the classes apart; one that learnt nothing would be an attack that tried nothing."""
    with torch.no_grad():
        right = network(seen).argmax(1) == classes
    shares = [float(right[classes == kind].float().mean()) if (classes == kind).any() else 0.0 for kind in (0, 1)]
    if sum(shares) / 2 < _LEARNT:
        raise ValueError(f"the stand-in learnt too little: {shares[0]:.0%} of one class, {shares[1]:.0%} of the other")
    return network


class _Contrast(nn.Module):
    """Takes a plane's own brightness and contrast away."""

    def forward(self, unit: Tensor) -> Tensor:
        middle, spread = unit.mean((1, 2, 3), keepdim=True), unit.std((1, 2, 3), keepdim=True)
        return (unit - middle) / spread.clamp_min(1e-3)


def _patches(known: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    """Return patches at random places, turned and mirrored at random, with their classes."""
    side = min(_PATCH, *(length for plane, _ in known for length in plane.shape[1:]))
    patches, classes = [], []
    for wanted in (0, 1) * (_BATCH // 2):  # either class as often: answers need not be balanced
        mine = [each for each in known if each[1] == wanted] or known
        plane, kind = mine[int(torch.randint(len(mine), ()))]
        top, left = (int(torch.randint(length - side + 1, ())) for length in plane.shape[1:])
        patch = plane[:, top : top + side, left : left + side]
        patch = torch.rot90(patch, int(torch.randint(4, ())), (1, 2))
        patches.append(patch.flip(2) if torch.rand(()) < 0.5 else patch)
        classes.append(kind)
    return torch.stack(patches), torch.tensor(classes)


def _teach(network: nn.Module, batch: Callable[[], tuple[Tensor, Tensor]]) -> None:
    steps = torch.optim.Adam(network.parameters(), lr=_RATE)
    for _ in range(_ROUNDS):
        seen, classes = batch()
        loss = nn.functional.cross_entropy(network(seen), classes)
        steps.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        steps.step()
    network.requires_grad_(False)
