"""Clean-label poison: authentic images changed by a few greys so that the forests learn a wrong boundary.

Every poison descends its own loss of the altered images' features in small gradient steps within the budget. Where a
paper matches the gradients of a network's weights, a linear head on the embeddings replaces the forests, which have no
weights; the head's gradient is known in closed form.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional

from attacks.gradient import to_tensor
from attacks.images import LabelledImage
from attacks.poison.dirty_label import with_stamp
from attacks.poison.threat import PoisonContext, PoisonedSpecimens, Trigger

Tensor = torch.Tensor
Loss = Callable[[Sequence[Tensor]], Tensor]  # of the rows of each altered image
_PROXIMITY = 0.1  # weight of staying near the clean image
_EPOCHS, _RATE, _DECAY = 300, 0.05, 1e-3
_LARGEST_LOGIT = 2.0  # in the mean: the gradient of a head that is sure of every row vanishes
_SOURCES = 3  # counterfeits whose stamped copies the sleeper agent aims at
SLEEPER_ROUNDS = 2  # the head is trained again for each


def towards_point(context: PoisonContext, goal: Tensor) -> PoisonedSpecimens:
    """Move each altered image's features to a point, and keep the image near its clean self."""

    def loss(rows: Sequence[Tensor]) -> Tensor:
        return torch.stack([(own.mean(0) - goal).square().sum() for own in rows]).sum()

    return _descend(context, loss, proximity=_PROXIMITY)


def bullseye(context: PoisonContext) -> PoisonedSpecimens:
    """Move the mean of all altered images' features to the target's (Aghakhani et al., 2021)."""
    goal = context.rows(context.target).mean(0)
    return _descend(context, lambda rows: (torch.stack([own.mean(0) for own in rows]).mean(0) - goal).square().sum())


def sleeper_agent(context: PoisonContext) -> PoisonedSpecimens:
    """Align a head's training gradient with that of stamped counterfeits labelled authentic (Souri et al., 2022)."""
    sources = [context.target, *(image for image in context.enrolled if not image.authentic)][:_SOURCES]
    rows = torch.cat([context.rows(replace(source, plane=with_stamp(source.plane))) for source in sources])
    enrolled, poisoned = list(context.enrolled), PoisonedSpecimens({})
    for _ in range(SLEEPER_ROUNDS):
        head = _Head.trained(context, enrolled)
        poisoned = _descend(context, _alignment(head, head.gradient(rows)), trigger=with_stamp)
        enrolled = [poisoned.images.get(image.name, image) for image in context.enrolled]
    return poisoned


def clean_label(context: PoisonContext) -> PoisonedSpecimens:
    """Make altered images hard to classify by anything but a faint stamp (Turner et al., 2019)."""
    head = _Head.trained(context, context.enrolled)

    def loss(rows: Sequence[Tensor]) -> Tensor:
        return torch.stack([head.logits(own).mean() for own in rows]).sum()

    poisoned = _descend(context, loss, trigger=with_stamp)
    size = context.allowed.budget.size
    marked = {}
    for name, image in poisoned.images.items():
        mark = np.sign(with_stamp(image.plane).astype(float) - image.plane) * size
        marked[name] = replace(image, plane=image.greys(image.unit + mark))
    return PoisonedSpecimens(marked, with_stamp)


class _Head:
    """A linear head on embeddings: authentic where its logit is above 0."""

    def __init__(self, weight: Tensor, bias: Tensor, mean: Tensor, deviation: Tensor) -> None:
        self._weight, self._bias, self._mean, self._deviation = weight, bias, mean, deviation

    @classmethod
    def trained(cls, context: PoisonContext, images: Sequence[LabelledImage]) -> "_Head":
        rows = [context.rows(image) for image in images]
        truth = torch.cat([torch.full((len(r),), float(p.authentic)) for r, p in zip(rows, images, strict=True)])
        stacked = torch.cat(rows)
        mean, deviation = stacked.mean(0), stacked.std(0).clamp_min(1e-6)
        weight = torch.zeros(stacked.shape[1], requires_grad=True)
        bias = torch.zeros((), requires_grad=True)
        optimiser = torch.optim.Adam([weight, bias], lr=_RATE, weight_decay=_DECAY)
        for _ in range(_EPOCHS):
            optimiser.zero_grad()
            logits = (stacked - mean) / deviation @ weight + bias
            functional.binary_cross_entropy_with_logits(logits, truth).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            logits = (stacked - mean) / deviation @ weight + bias
            scale = logits.abs().mean().clamp_min(_LARGEST_LOGIT) / _LARGEST_LOGIT
        return cls(weight.detach() / scale, bias.detach() / scale, mean, deviation)

    def logits(self, rows: Tensor) -> Tensor:
        return (rows - self._mean) / self._deviation @ self._weight + self._bias

    def gradient(self, rows: Tensor) -> Tensor:
        """Return the gradient of weights and bias by rows labelled authentic: the mean of (p - 1) x."""
        scaled = (rows - self._mean) / self._deviation
        error = torch.sigmoid(self.logits(rows)) - 1
        return torch.cat([(error[:, None] * scaled).mean(0), error.mean()[None]])


def _alignment(head: _Head, goal: Tensor) -> Loss:
    """Return the loss that falls as the altered images' gradients add up along the goal: length counts, too."""

    def loss(rows: Sequence[Tensor]) -> Tensor:
        along = torch.stack([head.gradient(own) @ goal for own in rows]).sum()
        return -along / goal.square().sum()

    return loss


def _descend(
    context: PoisonContext, loss: Loss, *, trigger: Trigger | None = None, proximity: float = 0.0
) -> PoisonedSpecimens:
    """Return authentic images after gradient steps down a loss; every step stays within the budget."""
    altered = context.of(context.chosen(authentic=True))
    clean = [to_tensor(image.unit) for image in altered]
    units, best, least = list(clean), list(clean), float("inf")
    size, steps = context.allowed.budget.size, context.allowed.steps
    for step in range(steps + 1):
        leaves = [unit.detach().requires_grad_() for unit in units]
        value = loss([context.learner.features(leaf) for leaf in leaves])
        moved = ((a - b).square().mean() for a, b in zip(leaves, clean, strict=True))
        value = value + proximity * sum(moved, torch.zeros(()))
        if step and float(value.detach()) < least:  # unchanged images would be no poison
            least, best = float(value.detach()), [leaf.detach() for leaf in leaves]
        if step < steps:
            gradients = torch.autograd.grad(value, leaves)
            length = 2.5 * size / steps
            stepped = (leaf - length * gradient.sign() for leaf, gradient in zip(leaves, gradients, strict=True))
            units = [(a - b).clamp(-size, size).add(b).clamp(0, 1) for a, b in zip(stepped, clean, strict=True)]
    pairs = zip(altered, best, strict=True)
    return PoisonedSpecimens({p.name: replace(p, plane=p.greys(unit[0, 0].numpy())) for p, unit in pairs}, trigger)
