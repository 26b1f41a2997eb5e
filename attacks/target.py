"""The model under attack, and the session that counts an attack's queries and passes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from attacks.images import Budget, LabelledImage, Norm, Plane, UnitPlane, centre_crop, distance, norm_of
from attacks.isolation import isolated

Tensor = torch.Tensor
Shared = TypeVar("Shared")


@dataclass(frozen=True, slots=True)
class Prediction:
    """The full pipeline's label for a plane; `authentic` is None where the pipeline gives none."""

    authentic: bool | None
    score: float | None  # for authentic, from 0 to 1


class Target(Protocol):
    """A classifier of grey planes with two classes: counterfeit is 0, authentic is 1."""

    def predict(self, planes: Sequence[Plane]) -> Sequence[Prediction]:
        """Return the full pipeline's predictions; no plane's depends on another plane."""

    def logits(self, unit: Tensor) -> Tensor:
        """Return the surrogate's logits, n x 2 and differentiable, for planes n x 1 x height x width from 0 to 1."""

    def features(self, unit: Tensor) -> Tensor:
        """Return the classification head's input for one plane, 1 x 1 x height x width: rows x features."""


def margin(logits: Tensor, *, authentic: bool) -> Tensor:
    """Return by how much the wrong logit exceeds the right one; above 0 the surrogate is fooled."""
    right = int(authentic)
    return logits[:, 1 - right] - logits[:, right]


class QueriesSpentError(Exception):
    """The plan's queries for this image are spent; the attack's best plane is judged."""


class DeadlineError(Exception):
    """The run's clock ran out, so the attack is unfinished."""


@dataclass(frozen=True, slots=True)
class AttackLimits:
    """The queries for one image, and the deadline of the whole run."""

    queries: int = 1_000_000
    until: float = float("inf")  # by the monotonic clock


@dataclass(slots=True)
class AttackLog:
    """The cost of an attack on one image, and the best planes that the attack met."""

    image: LabelledImage
    budget: Budget
    queries: int = 0  # planes that the full pipeline judged
    passes: int = 0  # planes that went through the surrogate, forward or backward
    nearest_fooling: Plane | None = None  # the smallest change that fooled the pipeline, within the budget or not
    nearest_size: float = float("inf")
    start: str = ""  # the image of the other class that the attack started from
    margins: list[float] = field(default_factory=list)  # of each step of our gradient attacks
    best_plane: UnitPlane | None = None  # within the budget, of the largest margin that the surrogate gave
    best_margin: float = -float("inf")

    @property
    def fooled_within_budget(self) -> bool:
        return self.nearest_fooling is not None and self.nearest_size <= self.budget.size * (1 + 1e-9)


class AttackSession:
    """A target under attack on one image: it counts queries and passes, enforces limits, and keeps the best planes."""

    def __init__(
        self,
        target: Target,
        image: LabelledImage,
        budget: Budget,
        *,
        seed: int,
        limits: AttackLimits,
        pool: Sequence[LabelledImage],
        starts: Sequence[LabelledImage] = (),
        memory: dict[str, Any] | None = None,
    ) -> None:
        self._target, self._limits, self.pool, self._starts = target, limits, pool, starts
        self._memory = memory or {"seed": seed}
        self.log = AttackLog(image, budget)
        self.rng = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        """Query the full pipeline; raises where queries are spent or the deadline has passed."""
        log, allowed = self.log, self._limits.queries
        if time.monotonic() > self._limits.until:
            raise DeadlineError("the clock ran out")
        queried = planes[: max(0, allowed - log.queries)]
        log.queries += len(queried)
        predictions = list(self._target.predict(queried))
        for plane, prediction in zip(queried, predictions, strict=True):
            size = distance(log.image.plane, plane, log.budget.norm)
            if prediction.authentic is (not log.image.authentic) and size < log.nearest_size:
                log.nearest_fooling, log.nearest_size = plane, size
        if len(queried) < len(planes):
            raise QueriesSpentError(f"{allowed} queries are allowed for each image")
        return predictions

    def predict_units(self, units: npt.NDArray[np.floating]) -> list[Prediction]:
        """Query the full pipeline with planes from 0 to 1, rounded to the greys that files hold."""
        return self.predict([self.log.image.greys(unit) for unit in units])

    def logits(self, unit: Tensor) -> Tensor:
        """Return the surrogate's logits."""
        self._count(unit)
        logits = self._target.logits(unit)
        if len(unit) == 1 and unit.shape[2:] == self.log.image.plane.shape:
            value = float(margin(logits.detach(), authentic=self.log.image.authentic))
            if value > self.log.best_margin:
                self.keep_candidate(unit, value)
        return logits

    def features(self, unit: Tensor) -> Tensor:
        """Return the classification head's input for one plane."""
        self._count(unit)
        return self._target.features(unit)

    def _count(self, unit: Tensor) -> None:
        """Count a forward pass for each plane, and a backward pass where gradients are recorded."""
        if time.monotonic() > self._limits.until:
            raise DeadlineError("the clock ran out")
        self.log.passes += len(unit) * (2 if unit.requires_grad and torch.is_grad_enabled() else 1)

    def keep_candidate(self, unit: Tensor, value: float) -> None:
        """Keep a changed plane within the budget for the harness to judge: the attack may not return it."""
        plane, log = unit[0, 0].detach().double().cpu().numpy(), self.log
        change = plane - log.image.unit
        if not np.rint(change * log.image.top).any():
            return
        if norm_of(change, log.budget.norm) <= log.budget.size * (1 + 1e-5):
            log.best_plane, log.best_margin = plane.copy(), value

    def shared(self, name: str, make: Callable[[], Shared]) -> Shared:
        """Return a value that all images of a plan share, such as a trained surrogate, or raise what making it raised.

        The first image makes it.
        """
        if name not in self._memory:
            try:
                with isolated(self._memory["seed"]):
                    self._memory[name] = make()
            except ValueError as e:  # the plan's other images would raise the same
                self._memory[name] = e
        value: Shared | ValueError = self._memory[name]
        if isinstance(value, ValueError):
            raise value
        return value

    @property
    def known_images(self) -> list[LabelledImage]:
        """The images of the run that have a prediction, each with the predicted class."""
        return [*self.pool, *self._starts]

    def starting_image(self) -> LabelledImage:
        """Return the nearest image that is predicted as the other class, for attacks that cannot start from noise.

        Where none has this image's size and depth, it is the first that keeps its prediction when converted to both.
        """
        plane, authentic = self.log.image.plane, self.log.image.authentic
        others = [other for other in self.known_images if other.authentic is not authentic]
        alike = [o for o in others if (o.plane.shape, o.plane.dtype) == (plane.shape, plane.dtype)]
        if alike:
            start = min(alike, key=lambda other: (distance(plane, other.plane, Norm.L2), other.name))
        else:
            start = self._converted(others)
        self.log.start = start.name
        return start

    def _converted(self, others: Sequence[LabelledImage]) -> LabelledImage:
        image = self.log.image
        for other in sorted(others, key=lambda other: other.name):
            plane = centre_crop(image.greys(other.unit), *image.plane.shape)
            (prediction,) = self.predict([plane])
            if prediction.authentic is other.authentic:
                return replace(other, plane=plane)
        raise ValueError(f"{image.name}: no image of the other class to start from")
