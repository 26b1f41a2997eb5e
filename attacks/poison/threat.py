"""What a poison sees and what it may do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from attacks.images import Budget, LabelledImage, Norm, Plane

Tensor = torch.Tensor
Trigger = Callable[[Plane], Plane]
Votes = tuple[int, int]  # forests for counterfeit, and for authentic; a tie is counterfeit


def is_authentic(votes: Votes) -> bool:
    """Say which label votes give."""
    return votes[1] > votes[0]


class EnrolledModel(Protocol):
    """What a classifier says after it learnt."""

    def votes(self, planes: Sequence[Plane]) -> Sequence[Votes]:
        """Return the votes on each plane; none, where it cannot be judged."""
        ...


class Learner(Protocol):
    """A classifier that learns from labelled pictures on top of an encoder that stays as it is."""

    def home(self, specimen: str) -> int:
        """Return which forest learns from a specimen: anybody can compute that."""
        ...

    def learn(self, pictures: Sequence[LabelledImage]) -> EnrolledModel:
        """Learn from pictures and their labels alone."""
        ...

    def rows(self, plane: Plane) -> Tensor:
        """Return what the forests see of one plane: rows x features."""
        ...

    def features(self, unit: Tensor) -> Tensor:
        """Return the same of a plane from 0 to 1, 1 x 1 x height x width, with slopes."""
        ...


@dataclass(frozen=True, slots=True)
class PoisonBudget:
    """How far a poison may go."""

    specimens: int  # that may be altered
    budget: Budget = field(default_factory=lambda: Budget(Norm.LINF, 8 / 255))  # of pictures that keep their labels
    steps: int = 20

    def __post_init__(self) -> None:
        """Refuse poison that touches nothing."""
        if self.specimens < 1 or self.steps < 1 or self.budget.norm is not Norm.LINF:
            raise ValueError(f"{self.specimens} specimens, {self.steps} steps, a bound in {self.budget.norm}")


@dataclass(frozen=True, slots=True, eq=False)
class PoisonContext:
    """An enrolment, pictures that the model is asked about, and the counterfeit that shall pass for authentic."""

    learner: Learner
    enrolled: Sequence[LabelledImage]
    asked: Sequence[LabelledImage]
    target: LabelledImage
    allowed: PoisonBudget
    rng: np.random.Generator

    def rows(self, picture: LabelledImage) -> Tensor:
        """Return what the forests see of a picture."""
        return self.learner.rows(picture.plane)

    def chosen(self, *, authentic: bool) -> list[str]:
        """Return which specimens of a class to alter: those nearest to the target, of as many partitions as there are.

        Whoever knows the partitions spreads poison over them, since each has one vote.
        """
        goal = self.rows(self.target).mean(0)
        far: dict[str, float] = {}
        for picture in self.enrolled:
            if picture.authentic is authentic:
                seen = float((self.rows(picture).mean(0) - goal).norm())
                far[picture.specimen] = min(seen, far.get(picture.specimen, seen))
        queues: dict[int, list[str]] = {}
        for name in sorted(far, key=lambda name: (far[name], name)):
            queues.setdefault(self.learner.home(name), []).append(name)
        turns = [(turn, far[name], name) for queue in queues.values() for turn, name in enumerate(queue)]
        return [name for _, _, name in sorted(turns)][: self.allowed.specimens]

    def of(self, specimens: Sequence[str]) -> list[LabelledImage]:
        """Return the enrolled pictures of some specimens."""
        return [picture for picture in self.enrolled if picture.specimen in specimens]


@dataclass(frozen=True, slots=True, eq=False)
class PoisonedSpecimens:
    """What a poison hands in: pictures instead of those of the same names, and what wakes it up, if anything does."""

    pictures: Mapping[str, LabelledImage]
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class Poison:
    """A way to poison an enrolment."""

    act: Callable[[PoisonContext], PoisonedSpecimens]
    keeps_labels: bool  # it alters pictures alone, and those a little
