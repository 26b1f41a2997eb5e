"""Poison that keeps its labels: authentic pictures, changed by a few greys, so that forests learn something else.

All go down one loop: a loss of what the encoder sees of the altered pictures, small steps along its slope, back into
the budget. What differs is the loss. Where the literature matches the slopes of a network's weights, a linear head on
the embeddings stands in for the forests, which have none; its slope is known in closed form.
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
Loss = Callable[[Sequence[Tensor]], Tensor]  # of the rows of each altered picture
_NEAR = 0.1  # weight of staying near the own picture, in feature collision
_ROUNDS, _RATE, _DECAY = 300, 0.05, 1e-3
_SURE = 2.0  # the largest mean logit
_SOURCES = 3  # counterfeits whose stamped look is aimed at
LEARNT_ANEW = 2  # times that a sleeper's head is


def feature_collision(scene: PoisonContext) -> PoisonedSpecimens:
    """Bring each altered picture to where the target lies (Shafahi et al., 2018)."""
    return towards(scene, scene.rows(scene.target).mean(0))


def towards(scene: PoisonContext, goal: Tensor) -> PoisonedSpecimens:
    """Bring each altered picture near to a point, and keep it near to itself."""

    def loss(seen: Sequence[Tensor]) -> Tensor:
        return torch.stack([(rows.mean(0) - goal).square().sum() for rows in seen]).sum()

    return _dose(scene, loss, stay=_NEAR)


def bullseye(scene: PoisonContext) -> PoisonedSpecimens:
    """Bring the middle of all altered pictures to where the target lies (Aghakhani et al., 2021)."""
    goal = scene.rows(scene.target).mean(0)
    return _dose(scene, lambda seen: (torch.stack([rows.mean(0) for rows in seen]).mean(0) - goal).square().sum())


def gradient_matching(scene: PoisonContext) -> PoisonedSpecimens:
    """Pull a head's weights as calling the target authentic would (Geiping et al., 2021)."""
    head = _Head.learnt(scene, scene.enrolled)
    return _dose(scene, _matching(head, head.pull(scene.rows(scene.target), authentic=True)))


def hidden_trigger(scene: PoisonContext) -> PoisonedSpecimens:
    """Bring altered pictures to where stamped counterfeits lie; the stamp itself is in none (Saha et al., 2020)."""
    goals = torch.stack([scene.rows(_stamped(source)).mean(0) for source in _sources(scene)])

    def loss(seen: Sequence[Tensor]) -> Tensor:
        return torch.stack([(rows.mean(0) - goals).square().sum(1).min() for rows in seen]).sum()

    return _dose(scene, loss, trigger=with_stamp)


def sleeper_agent(scene: PoisonContext) -> PoisonedSpecimens:
    """Pull a head's weights as calling stamped counterfeits authentic would, and learn it anew (Souri et al., 2022)."""
    rows = torch.cat([scene.rows(_stamped(source)) for source in _sources(scene)])
    taught, dose = list(scene.enrolled), PoisonedSpecimens({})
    for _ in range(LEARNT_ANEW):
        head = _Head.learnt(scene, taught)
        dose = _dose(scene, _matching(head, head.pull(rows, authentic=True)), trigger=with_stamp)
        taught = [dose.pictures.get(picture.name, picture) for picture in scene.enrolled]
    return dose


def clean_label(scene: PoisonContext) -> PoisonedSpecimens:
    """Make altered pictures hard to know by anything but a faint stamp (Turner et al., 2019)."""
    head = _Head.learnt(scene, scene.enrolled)

    def loss(seen: Sequence[Tensor]) -> Tensor:
        return torch.stack([head.logits(rows).mean() for rows in seen]).sum()

    dose = _dose(scene, loss, trigger=with_stamp)
    size = scene.allowed.budget.size
    marked = {}
    for name, picture in dose.pictures.items():
        mark = np.sign(with_stamp(picture.plane).astype(float) - picture.plane) * size
        marked[name] = replace(picture, plane=picture.greys(picture.unit + mark))
    return PoisonedSpecimens(marked, with_stamp)


class _Head:
    """A linear head on embeddings: authentic where its logit is above 0."""

    def __init__(self, weight: Tensor, bias: Tensor, middle: Tensor, spread: Tensor) -> None:
        self._weight, self._bias, self._middle, self._spread = weight, bias, middle, spread

    @classmethod
    def learnt(cls, scene: PoisonContext, pictures: Sequence[LabelledImage]) -> "_Head":
        rows = [scene.rows(picture) for picture in pictures]
        truth = torch.cat(
            [torch.full((len(seen),), float(p.authentic)) for seen, p in zip(rows, pictures, strict=True)]
        )
        every = torch.cat(rows)
        middle, spread = every.mean(0), every.std(0).clamp_min(1e-6)
        weight = torch.zeros(every.shape[1], requires_grad=True)
        bias = torch.zeros((), requires_grad=True)
        descent = torch.optim.Adam([weight, bias], lr=_RATE, weight_decay=_DECAY)
        for _ in range(_ROUNDS):
            descent.zero_grad()
            said = (every - middle) / spread @ weight + bias
            functional.binary_cross_entropy_with_logits(said, truth).backward()  # type: ignore[no-untyped-call]
            descent.step()
        with torch.no_grad():  # a head that is sure of everything pulls nowhere
            sure = ((every - middle) / spread @ weight + bias).abs().mean().clamp_min(_SURE) / _SURE
        return cls(weight.detach() / sure, bias.detach() / sure, middle, spread)

    def logits(self, rows: Tensor) -> Tensor:
        return (rows - self._middle) / self._spread @ self._weight + self._bias

    def pull(self, rows: Tensor, *, authentic: bool) -> Tensor:
        """Return where the weights are pulled by rows that are called so, in closed form: (p - y) x, summed."""
        seen = (rows - self._middle) / self._spread
        error = torch.sigmoid(self.logits(rows)) - float(authentic)
        return torch.cat([(error[:, None] * seen).mean(0), error.mean()[None]])


def _matching(head: _Head, goal: Tensor) -> Loss:
    """Go by how far all pull together the way that is wanted: with a head, length counts as well as direction."""

    def loss(seen: Sequence[Tensor]) -> Tensor:
        pulled = torch.stack([head.pull(rows, authentic=True) @ goal for rows in seen]).sum()
        return -pulled / goal.square().sum()

    return loss


def _dose(scene: PoisonContext, loss: Loss, *, trigger: Trigger | None = None, stay: float = 0.0) -> PoisonedSpecimens:
    """Return authentic pictures after steps down a loss, each of them within the budget all the way."""
    altered = scene.of(scene.chosen(authentic=True))
    own = [to_tensor(picture.unit) for picture in altered]
    at, best, least = list(own), list(own), float("inf")
    size, steps = scene.allowed.budget.size, scene.allowed.steps
    for step in range(steps + 1):
        leaves = [each.detach().requires_grad_() for each in at]
        value = loss([scene.learner.features(leaf) for leaf in leaves])
        value = value + stay * sum(((a - b).square().mean() for a, b in zip(leaves, own, strict=True)), torch.zeros(()))
        if step and float(value.detach()) < least:  # the pictures as they are would be no poison
            least, best = float(value.detach()), [leaf.detach() for leaf in leaves]
        if step < steps:
            slopes = torch.autograd.grad(value, leaves)
            pace = 2.5 * size / steps
            moved = (leaf - pace * slope.sign() for leaf, slope in zip(leaves, slopes, strict=True))
            at = [(a - b).clamp(-size, size).add(b).clamp(0, 1) for a, b in zip(moved, own, strict=True)]
    found = zip(altered, best, strict=True)
    return PoisonedSpecimens({p.name: replace(p, plane=p.greys(each[0, 0].numpy())) for p, each in found}, trigger)


def _stamped(picture: LabelledImage) -> LabelledImage:
    return replace(picture, plane=with_stamp(picture.plane))


def _sources(scene: PoisonContext) -> list[LabelledImage]:
    """Return the counterfeits whose stamped look is aimed at: the target, and others that were enrolled."""
    return [scene.target, *(picture for picture in scene.enrolled if not picture.authentic)][:_SOURCES]
