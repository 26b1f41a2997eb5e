"""Attacks along the gradient of the twin's margin: FGSM, PGD, and APGD (Croce and Hein, 2020).

The loss is the margin of the wrong logit over the right one. Cross entropy vanishes where a model is sure, and the
difference-of-logits ratio needs three classes; two leave the margin itself, which no scale can hide.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from attacks.images import Budget, Norm, UnitPlane
from attacks.target import AttackSession, margin

Tensor = torch.Tensor
_SMALL = 1e-12
_MOMENTUM = 0.75
_RISING = 0.75  # share of steps that must have raised the loss, or the step is halved


def margin_gradient(session: AttackSession, unit: Tensor) -> tuple[float, Tensor]:
    """Return the twin's margin at a plane, and where it rises."""
    height, gradient = value_and_gradient(
        lambda at: margin(session.logits(at), authentic=session.log.image.authentic), unit
    )
    session.log.margins.append(height)
    return height, gradient


def value_and_gradient(see: Callable[[Tensor], Tensor], unit: Tensor) -> tuple[float, Tensor]:
    """Return a number that is seen in a plane, and where it rises."""
    leaf = unit.detach().requires_grad_()
    height = see(leaf).sum()
    (gradient,) = torch.autograd.grad(height, leaf)
    return float(height.detach()), gradient


def to_tensor(unit: UnitPlane) -> Tensor:
    """Return a plane as a batch of one."""
    return torch.from_numpy(unit).float()[None, None]


def to_plane(tensor: Tensor) -> UnitPlane:
    """Return a batch of one as a plane."""
    return tensor[0, 0].detach().double().numpy()


def project(found: Tensor, centre: Tensor, budget: Budget) -> Tensor:
    """Return the nearest plane within the budget; cut to black and white afterwards, which only brings it nearer."""
    change = found - centre
    if budget.norm is Norm.LINF:
        change = change.clamp(-budget.size, budget.size)
    else:
        change = change * (budget.size / change.norm().clamp_min(_SMALL)).clamp_max(1)
    return (centre + change).clamp(0, 1)


def steepest_ascent(gradient: Tensor, norm: Norm) -> Tensor:
    """Return the direction of unit size in which the loss rises most."""
    return gradient.sign() if norm is Norm.LINF else gradient / gradient.norm().clamp_min(_SMALL)


def random_start(centre: Tensor, budget: Budget, generator: torch.Generator) -> Tensor:
    """Return a random plane within the budget."""
    if budget.norm is Norm.LINF:
        noise = (2 * torch.rand(centre.shape, generator=generator) - 1) * budget.size
    else:
        noise = torch.randn(centre.shape, generator=generator)
        noise *= budget.size * torch.rand((), generator=generator) / noise.norm().clamp_min(_SMALL)
    return (centre + noise).clamp(0, 1)


@dataclass(frozen=True, slots=True)
class Fgsm:
    """One step of the whole budget."""

    budget: Budget

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return a changed plane."""
        start = to_tensor(session.log.image.unit)
        _, gradient = margin_gradient(session, start)
        return to_plane(
            project(start + self.budget.size * steepest_ascent(gradient, self.budget.norm), start, self.budget)
        )


@dataclass(frozen=True, slots=True)
class Pgd:
    """Equal steps from random starts (Madry et al., 2018); of all that was seen, the largest margin is given.

    `pace` is the budget that starts and steps are measured by, where the picture may go further than that.
    """

    budget: Budget
    steps: int = 10
    restarts: int = 1
    pace: Budget | None = None

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return a changed plane."""
        return ascend(
            lambda at: margin_gradient(session, at), session, self.budget, self.steps, self.restarts, self.pace
        )


def ascend(
    see: Callable[[Tensor], tuple[float, Tensor]],
    session: AttackSession,
    budget: Budget,
    steps: int,
    restarts: int = 1,
    pace: Budget | None = None,
) -> UnitPlane:
    """Return the highest plane that equal steps meet, by what is seen of each plane: its height, and where it rises."""
    centre, pace = to_tensor(session.log.image.unit), pace or budget
    best, where = -float("inf"), centre
    for _ in range(restarts):
        at = random_start(centre, pace, session.generator)
        for step in range(steps + 1):
            height, gradient = see(at)
            best, where = max((best, where), (height, at), key=lambda seen: seen[0])
            if step < steps:
                at = project(at + 2.5 * pace.size / steps * steepest_ascent(gradient, budget.norm), centre, budget)
    return to_plane(where)


@dataclass(frozen=True, slots=True)
class Apgd:
    """Steps with momentum that halve, and begin again at the best plane, where the loss has stopped rising."""

    budget: Budget
    steps: int = 15
    restarts: int = 1

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return a changed plane."""
        return to_plane(max((self._climb(session) for _ in range(self.restarts)), key=lambda end: end[0])[1])

    def _climb(self, session: AttackSession) -> tuple[float, Tensor]:
        norm, centre = self.budget.norm, to_tensor(session.log.image.unit)
        at = before = random_start(centre, self.budget, session.generator)
        height, gradient = margin_gradient(session, at)
        best, where, there = height, at, gradient  # the best plane, and its gradient
        length, looks = 2 * self.budget.size, apgd_checkpoints(self.steps)
        rises, since, then = 0, 0, (best, length)  # since the last look
        for step in range(1, self.steps + 1):
            ahead = project(at + length * steepest_ascent(gradient, norm), centre, self.budget)
            if step > 1:
                ahead = at + _MOMENTUM * (ahead - at) + (1 - _MOMENTUM) * (at - before)
                ahead = project(ahead, centre, self.budget)
            before, at, low = at, ahead, height
            height, gradient = margin_gradient(session, at)
            rises, since = rises + (height > low), since + 1
            if height > best:
                best, where, there = height, at, gradient
            if step in looks:
                stuck = then == (best, length)  # the step was not halved last time, and nothing better was found
                then = (best, length)
                if rises < _RISING * since or stuck:
                    length /= 2
                    at, gradient, height = where, there, best
                rises = since = 0
        return best, where


def apgd_checkpoints(steps: int) -> set[int]:
    """Return after which steps APGD looks back: 0.22 of all, then at distances that shrink by 0.03 to 0.06."""
    places, gap = [0.0, 0.22], 0.22
    while places[-1] < 1:
        gap = max(gap - 0.03, 0.06)
        places.append(places[-1] + gap)
    return {min(steps, int(place * steps + 0.999)) for place in places[1:]}
