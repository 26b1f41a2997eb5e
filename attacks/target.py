"""What is attacked, and the counter that stands between an attack and it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from attacks.apart import apart
from attacks.pictures import Budget, Norm, Picture, Plane, Unit, distance, middle, size_of

Tensor = torch.Tensor
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the full pipeline says of a plane; `authentic` is None where it gives no answer."""

    authentic: bool | None
    score: float | None  # the share that holds it for authentic, from 0 to 1


class Target(Protocol):
    """A classifier of grey planes; two classes, counterfeit 0 and authentic 1."""

    @property
    def exact(self) -> bool:
        """Say whether the twin's slopes are its own, and no step lends another's."""
        ...

    def decide(self, planes: Sequence[Plane]) -> Sequence[Answer]:
        """Return what the full pipeline says, each plane by itself."""
        ...

    def logits(self, unit: Tensor) -> Tensor:
        """Return the differentiable twin's two logits for planes x 1 x height x width from 0 to 1."""
        ...

    def features(self, unit: Tensor) -> Tensor:
        """Return what the head sees of one plane, 1 x 1 x height x width: rows x features, with slopes."""
        ...


def margin(logits: Tensor, *, authentic: bool) -> Tensor:
    """Return by how much the wrong logit exceeds the right one: above 0, the twin is fooled."""
    right = int(authentic)
    return logits[:, 1 - right] - logits[:, right]


class SpentError(Exception):
    """All questions that the plan allows for a picture were asked: an ordinary end."""


class LateError(Exception):
    """The clock ran out: whatever was found, the attack did not end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an attack may spend on one picture, and when the whole run has to stop."""

    queries: int = 1_000_000
    until: float = float("inf")  # by the monotonic clock


@dataclass(slots=True)
class Watched:
    """The picture that is being attacked, what that cost, and the nearest plane yet that the pipeline fell for."""

    picture: Picture
    budget: Budget
    queries: int = 0  # planes that the full pipeline was asked about
    passes: int = 0  # planes that went through the twin, forward or backward
    nearest: Plane | None = None
    size: float = float("inf")
    start: str = ""  # the picture of the other class that an attack set out from
    heights: list[float] = field(default_factory=list)  # margins that steps of ours met
    peak: Unit | None = None  # the plane within the budget that seemed most wrong on the way
    height: float = -float("inf")  # by how much; below 0 it is not wrong yet

    @property
    def near(self) -> bool:
        """Say whether the nearest plane that the pipeline fell for is within the budget."""
        return self.nearest is not None and self.size <= self.budget.size * (1 + 1e-9)


class Aim:
    """A target under attack on one picture: it counts, stops answering when all is spent, and keeps what was found."""

    def __init__(
        self,
        target: Target,
        picture: Picture,
        budget: Budget,
        *,
        seed: int,
        limits: Limits,
        pool: Sequence[Picture],
        starts: Sequence[Picture] = (),
        memory: dict[str, Any] | None = None,
    ) -> None:
        self._target, self._limits, self.pool, self._starts = target, limits, pool, starts
        self._memory = memory or {"seed": seed}
        self.watched = Watched(picture, budget)
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def decide(self, planes: Sequence[Plane]) -> list[Answer]:
        """Ask the full pipeline."""
        watched, allowed = self.watched, self._limits.queries
        if time.monotonic() > self._limits.until:
            raise LateError("the clock ran out")
        asked = planes[: max(0, allowed - watched.queries)]
        watched.queries += len(asked)
        answers = list(self._target.decide(asked))
        for plane, answer in zip(asked, answers, strict=True):
            size = distance(watched.picture.plane, plane, watched.budget.norm)
            if answer.authentic is (not watched.picture.authentic) and size < watched.size:
                watched.nearest, watched.size = plane, size
        if len(asked) < len(planes):
            raise SpentError(f"{allowed} questions are allowed for each picture")
        return answers

    def ask(self, units: npt.NDArray[np.floating]) -> list[Answer]:
        """Ask the full pipeline about planes from 0 to 1, as files would hold them."""
        return self.decide([self.watched.picture.greys(unit) for unit in units])

    def logits(self, unit: Tensor) -> Tensor:
        """Ask the differentiable twin."""
        self._pass(unit)
        logits = self._target.logits(unit)
        self._remember(unit, logits)
        return logits

    def features(self, unit: Tensor) -> Tensor:
        """Ask the twin what the head sees of one plane."""
        self._pass(unit)
        return self._target.features(unit)

    def _pass(self, unit: Tensor) -> None:
        """Count planes that go through the twin, and the way back where slopes are asked for."""
        if time.monotonic() > self._limits.until:
            raise LateError("the clock ran out")
        self.watched.passes += len(unit) * (2 if unit.requires_grad and torch.is_grad_enabled() else 1)

    def _remember(self, unit: Tensor, logits: Tensor) -> None:
        """Keep the plane that the twin is furthest wrong about, or nearest to it: an attack may lose it again."""
        watched = self.watched
        if len(unit) != 1 or unit.shape[2:] != watched.picture.plane.shape:
            return
        height = float(margin(logits.detach(), authentic=watched.picture.authentic))
        if height <= watched.height:
            return
        self.keep(unit, height)

    def keep(self, unit: Tensor, height: float) -> None:
        """Keep a plane to be asked about in the end, if it is another one and within the budget."""
        plane, watched = unit[0, 0].detach().double().cpu().numpy(), self.watched
        change = plane - watched.picture.unit
        if not np.rint(change * watched.picture.top).any():
            return
        if size_of(change, watched.budget.norm) <= watched.budget.size * (1 + 1e-5):
            watched.peak, watched.height = plane.copy(), height

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """Return what was made for another picture of the same plan, or make it: what is learnt from all of them."""
        if name not in self._memory:
            with apart(self._memory["seed"]):
                self._memory[name] = make()
        found: Made = self._memory[name]
        return found

    @property
    def everyone(self) -> list[Picture]:
        """Return every picture that got an answer, each of the class that it was held for."""
        return [*self.pool, *self._starts]

    def opposite(self) -> Picture:
        """Return the nearest picture of the other class to set out from: noise may never meet that class.

        If none has the size and depth of this one, the first that is still of its class when it is brought to both.
        """
        mine, plane = self.watched.picture, self.watched.picture.plane
        others = [other for other in self.everyone if other.authentic is not mine.authentic]
        fit = [o for o in others if (o.plane.shape, o.plane.dtype) == (plane.shape, plane.dtype)]
        if fit:
            start = min(fit, key=lambda other: (distance(plane, other.plane, Norm.L2), other.name))
        else:
            start = self._brought(others)
        self.watched.start = start.name
        return start

    def _brought(self, others: Sequence[Picture]) -> Picture:
        mine = self.watched.picture
        for other in sorted(others, key=lambda other: other.name):
            plane = middle(mine.greys(other.unit), *mine.plane.shape)
            (answer,) = self.decide([plane])
            if answer.authentic is other.authentic:
                return replace(other, plane=plane)
        raise ValueError(f"{mine.name}: no picture of the other class to set out from")
