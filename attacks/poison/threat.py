"""The threat model of poison: the parts of an enrolment that a poison knows, and its budget."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from attacks.images import Budget, LabelledImage, Norm, Plane

Tensor = torch.Tensor
Trigger = Callable[[Plane], Plane]
VoteCounts = tuple[int, int]  # of the forests, for counterfeit and for authentic


def is_authentic(votes: VoteCounts) -> bool:
    """Whether the forests' votes make the label authentic; a tie is counterfeit."""
    return votes[1] > votes[0]


class EnrolledModel(Protocol):
    def votes(self, planes: Sequence[Plane]) -> Sequence[VoteCounts]:
        """Return the forests' votes on each plane: (0, 0) for a plane that cannot be judged."""


class Learner(Protocol):
    """A classifier that is enrolled with labelled images while its encoder stays frozen."""

    def partition_of(self, specimen: str) -> int:
        """Return the partition, and so the forest, of a specimen; it is no secret."""

    def enrol(self, images: Sequence[LabelledImage]) -> EnrolledModel: ...

    def rows(self, plane: Plane) -> Tensor:
        """Return the forests' input for one plane: rows x features."""

    def features(self, unit: Tensor) -> Tensor:
        """Return the forests' input, with gradients, for a plane from 0 to 1, 1 x 1 x height x width."""


@dataclass(frozen=True, slots=True)
class PoisonBudget:
    specimens: int  # that may be altered
    budget: Budget = field(default_factory=lambda: Budget(Norm.LINF, 8 / 255))  # of images that keep their labels
    steps: int = 20

    def __post_init__(self) -> None:
        if self.specimens < 1 or self.steps < 1 or self.budget.norm is not Norm.LINF:
            raise ValueError(f"{self.specimens} specimens, {self.steps} steps, a bound in {self.budget.norm}")


@dataclass(frozen=True, slots=True, eq=False)
class PoisonContext:
    """An enrolment, the images that the model is asked about, and the counterfeit that the poison wants accepted."""

    learner: Learner
    enrolled: Sequence[LabelledImage]
    queries: Sequence[LabelledImage]
    target: LabelledImage
    allowed: PoisonBudget
    rng: np.random.Generator

    def rows(self, image: LabelledImage) -> Tensor:
        """Return the forests' input for an image."""
        return self.learner.rows(image.plane)

    def chosen(self, *, authentic: bool) -> list[str]:
        """Return the specimens of a class to alter: those nearest to the target, spread over the partitions.

        Partitions are public and each has one vote, so an attacker poisons as many of them as possible.
        """
        goal = self.rows(self.target).mean(0)
        distances: dict[str, float] = {}
        for image in self.enrolled:
            if image.authentic is authentic:
                distance = float((self.rows(image).mean(0) - goal).norm())
                distances[image.specimen] = min(distance, distances.get(image.specimen, distance))
        queues: dict[int, list[str]] = {}
        for name in sorted(distances, key=lambda name: (distances[name], name)):
            queues.setdefault(self.learner.partition_of(name), []).append(name)
        turns = [(turn, distances[name], name) for queue in queues.values() for turn, name in enumerate(queue)]
        return [name for _, _, name in sorted(turns)][: self.allowed.specimens]

    def of(self, specimens: Sequence[str]) -> list[LabelledImage]:
        """Return the enrolled images of some specimens."""
        return [image for image in self.enrolled if image.specimen in specimens]


@dataclass(frozen=True, slots=True, eq=False)
class PoisonedSpecimens:
    """Altered images in place of the enrolled ones of the same names, and the trigger, for a backdoor."""

    images: Mapping[str, LabelledImage]
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class Poison:
    act: Callable[[PoisonContext], PoisonedSpecimens]
    keeps_labels: bool  # it alters images alone, within the budget
