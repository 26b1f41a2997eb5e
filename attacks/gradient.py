"""Attacks along the gradient of the surrogate's margin: FGSM, PGD, and APGD (Croce and Hein, 2020).

The loss is the margin of the wrong logit over the right one. Cross entropy vanishes where a model is sure, and the
ratio of differences (DLR) needs three classes; two leave the margin itself, which no scale can hide.
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
    """Return the surrogate's margin at a plane, and its gradient; the session logs the margin."""
    authentic = session.log.image.authentic
    value, gradient = value_and_gradient(lambda at: margin(session.logits(at), authentic=authentic), unit)
    session.log.margins.append(value)
    return value, gradient


def value_and_gradient(objective: Callable[[Tensor], Tensor], unit: Tensor) -> tuple[float, Tensor]:
    leaf = unit.detach().requires_grad_()
    value = objective(leaf).sum()
    (gradient,) = torch.autograd.grad(value, leaf)
    return float(value.detach()), gradient


def to_tensor(unit: UnitPlane) -> Tensor:
    """Return a plane as a batch of one."""
    return torch.from_numpy(unit).float()[None, None]


def to_plane(tensor: Tensor) -> UnitPlane:
    """Return a batch of one as a plane."""
    return tensor[0, 0].detach().double().numpy()


def project(unit: Tensor, centre: Tensor, budget: Budget) -> Tensor:
    """Return the nearest plane within the budget, clipped to black and white, which only brings it nearer."""
    change = unit - centre
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
        start = to_tensor(session.log.image.unit)
        _, gradient = margin_gradient(session, start)
        step = self.budget.size * steepest_ascent(gradient, self.budget.norm)
        return to_plane(project(start + step, start, self.budget))


@dataclass(frozen=True, slots=True)
class Pgd:
    """Equal steps from random starts (Madry et al., 2018); returns the plane of the largest margin that it met.

    `step_budget` scales starts and steps where it is smaller than the budget.
    """

    budget: Budget
    steps: int = 10
    restarts: int = 1
    step_budget: Budget | None = None

    def __call__(self, session: AttackSession) -> UnitPlane:
        return ascend(
            lambda at: margin_gradient(session, at), session, self.budget, self.steps, self.restarts, self.step_budget
        )


def ascend(
    evaluate: Callable[[Tensor], tuple[float, Tensor]],
    session: AttackSession,
    budget: Budget,
    steps: int,
    restarts: int = 1,
    step_budget: Budget | None = None,
) -> UnitPlane:
    """Return the best plane that equal steps meet; `evaluate` gives an objective's value and its gradient."""
    centre, scale = to_tensor(session.log.image.unit), step_budget or budget
    best, best_unit = -float("inf"), centre
    for _ in range(restarts):
        unit = random_start(centre, scale, session.generator)
        for step in range(steps + 1):
            value, gradient = evaluate(unit)
            best, best_unit = max((best, best_unit), (value, unit), key=lambda pair: pair[0])
            if step < steps:
                length = 2.5 * scale.size / steps
                unit = project(unit + length * steepest_ascent(gradient, budget.norm), centre, budget)
    return to_plane(best_unit)


@dataclass(frozen=True, slots=True)
class Apgd:
    """Steps with momentum that halve, and begin again at the best plane, where the loss has stopped rising."""

    budget: Budget
    steps: int = 15
    restarts: int = 1

    def __call__(self, session: AttackSession) -> UnitPlane:
        return to_plane(max((self._ascend(session) for _ in range(self.restarts)), key=lambda end: end[0])[1])

    def _ascend(self, session: AttackSession) -> tuple[float, Tensor]:
        norm, centre = self.budget.norm, to_tensor(session.log.image.unit)
        unit = previous = random_start(centre, self.budget, session.generator)
        value, gradient = margin_gradient(session, unit)
        best, best_unit, best_gradient = value, unit, gradient
        length, checkpoints = 2 * self.budget.size, apgd_checkpoints(self.steps)
        rises, since, at_checkpoint = 0, 0, (best, length)
        for step in range(1, self.steps + 1):
            ahead = project(unit + length * steepest_ascent(gradient, norm), centre, self.budget)
            if step > 1:
                ahead = unit + _MOMENTUM * (ahead - unit) + (1 - _MOMENTUM) * (unit - previous)
                ahead = project(ahead, centre, self.budget)
            previous, unit, last_value = unit, ahead, value
            value, gradient = margin_gradient(session, unit)
            rises, since = rises + (value > last_value), since + 1
            if value > best:
                best, best_unit, best_gradient = value, unit, gradient
            if step in checkpoints:
                stuck = at_checkpoint == (best, length)  # no halving at the last checkpoint, and no better plane since
                at_checkpoint = (best, length)
                if rises < _RISING * since or stuck:
                    length /= 2
                    unit, gradient, value = best_unit, best_gradient, best
                rises = since = 0
        return best, best_unit


def apgd_checkpoints(steps: int) -> set[int]:
    """Return the steps after which APGD adapts its length: 0.22 of all, then at distances that shrink to 0.06."""
    places, gap = [0.0, 0.22], 0.22
    while places[-1] < 1:
        gap = max(gap - 0.03, 0.06)
        places.append(places[-1] + gap)
    return {min(steps, int(place * steps + 0.999)) for place in places[1:]}
