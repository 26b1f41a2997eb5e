"""Targets whose labels and boundaries can be calculated."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from attacks.checks.controls import ConstantModel
from attacks.images import Budget, LabelledImage, Norm, Plane, UnitPlane
from attacks.target import AttackSession, Prediction

__all__ = [
    "BUDGET",
    "ConstantModel",
    "Linear",
    "Masked",
    "Rough",
    "Scripted",
    "texture_images",
    "toy_images",
    "weighted_sum",
]
SIDE = 12
BUDGET = Budget(Norm.LINF, 2 / 255)
WEIGHTS = np.where(np.indices((SIDE, SIDE)).sum(0) % 2, 1.0, -1.0) * np.linspace(0.2, 1.0, SIDE * SIDE).reshape(
    SIDE, SIDE
)


@dataclass(frozen=True)
class Scripted:
    """An attack that calls `act`."""

    act: Callable[[AttackSession], UnitPlane]
    budget: Budget = BUDGET

    def __call__(self, session: AttackSession) -> UnitPlane:
        return self.act(session)


def weighted_sum(plane: Plane) -> float:
    """Return the weighted sum of greys; above 0 a plane is authentic."""
    return float((WEIGHTS * (plane / np.iinfo(plane.dtype).max - 0.5)).sum())


class Linear:
    """Authentic where the weighted sum of greys is above 0. A largest change of e moves the sum by e * sum |w|."""

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        self.asked += len(planes)
        return [Prediction(weighted_sum(plane) > 0, float(1 / (1 + np.exp(-weighted_sum(plane))))) for plane in planes]

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        height = Linear.features(self, unit)[:, 0]
        return torch.stack([-height / 2, height / 2], 1)

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        return (torch.from_numpy(WEIGHTS).float() * (unit[:, 0] - 0.5)).sum((1, 2))[:, None]


class Masked(Linear):
    """The linear model with a surrogate of right labels and nearly flat logits: gradients are masked."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        return torch.tanh(1e6 * super().logits(unit))


class Rough:
    """Authentic where neighbouring pixels differ, which blurring and compression reduce."""

    LIMIT = 0.08

    def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
        units = [plane / np.iinfo(plane.dtype).max for plane in planes]
        return [Prediction(bool(np.abs(np.diff(unit, axis=1)).mean() > self.LIMIT), None) for unit in units]

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        height = 50 * (self.features(unit)[:, 0] - self.LIMIT)
        return torch.stack([-height / 2, height / 2], 1)

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        return (unit[..., 1:] - unit[..., :-1]).abs().mean((1, 2, 3))[:, None]


def texture_images(count: int = 8, *, kind: type = np.uint8) -> list[LabelledImage]:
    """Return images of 48 pixels, smooth and rough in turn, for `Rough`."""
    made = []
    for number in range(count):
        rng = np.random.default_rng(number)
        noise = rng.normal(0, 1, (48, 48)) if number % 2 else ndimage.gaussian_filter(rng.normal(0, 1, (48, 48)), 2)
        plane: Plane = np.rint((0.5 + 0.12 * noise / noise.std()).clip(0, 1) * np.iinfo(kind).max).astype(kind)
        made.append(LabelledImage(f"texture-{number}", plane, authentic=bool(number % 2), specimen=f"pot {number}"))
    return made


def toy_images(count: int = 8, *, height: float = 0.5, kind: type = np.uint8) -> list[LabelledImage]:
    """Return images of either class in turn, at the distance `height` from the boundary but for rounding to greys."""
    made = []
    for number in range(count):
        rng, wanted = np.random.default_rng(number), height if number % 2 else -height
        unit = rng.uniform(0.3, 0.7, (SIDE, SIDE))
        unit += (wanted - (WEIGHTS * (unit - 0.5)).sum()) * WEIGHTS / (WEIGHTS**2).sum()
        plane: Plane = np.rint(unit * np.iinfo(kind).max).astype(kind)
        made.append(LabelledImage(f"toy-{number}", plane, authentic=bool(number % 2), specimen=f"pot {number}"))
    return made
