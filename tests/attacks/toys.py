"""Targets whose answers are known on paper."""

from collections.abc import Sequence

import numpy as np
import torch

from attacks.checks.controls import Constant
from attacks.pictures import Picture, Plane
from attacks.target import Answer

__all__ = ["Constant", "Linear", "Masked", "heights", "pictures"]
SIDE = 12
WEIGHTS = np.where(np.indices((SIDE, SIDE)).sum(0) % 2, 1.0, -1.0) * np.linspace(0.2, 1.0, SIDE * SIDE).reshape(
    SIDE, SIDE
)


def heights(plane: Plane) -> float:
    """Return by how much a plane is authentic."""
    return float((WEIGHTS * (plane / np.iinfo(plane.dtype).max - 0.5)).sum())


class Linear:
    """Authentic where the weighted sum of greys is above 0. A largest change of e moves the sum by e * sum |w|."""

    exact = True

    def __init__(self) -> None:
        self.asked = 0

    def decide(self, planes: Sequence[Plane]) -> list[Answer]:
        self.asked += len(planes)
        return [Answer(heights(plane) > 0, float(1 / (1 + np.exp(-heights(plane))))) for plane in planes]

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        height = (torch.from_numpy(WEIGHTS).float() * (unit[:, 0] - 0.5)).sum((1, 2))
        return torch.stack([-height / 2, height / 2], 1)


class Masked(Linear):
    """The same, with a twin that is right and tells nothing of where to go: its logits are all but flat."""

    def logits(self, unit: torch.Tensor) -> torch.Tensor:
        return torch.tanh(1e6 * super().logits(unit))


def pictures(count: int = 8, *, height: float = 0.5, kind: type = np.uint8) -> list[Picture]:
    """Return pictures of either class in turn, each exactly so far from the boundary, but for rounding to greys."""
    made = []
    for number in range(count):
        rng, wanted = np.random.default_rng(number), height if number % 2 else -height
        unit = rng.uniform(0.3, 0.7, (SIDE, SIDE))
        unit += (wanted - (WEIGHTS * (unit - 0.5)).sum()) * WEIGHTS / (WEIGHTS**2).sum()
        plane: Plane = np.rint(unit * np.iinfo(kind).max).astype(kind)
        made.append(Picture(f"toy-{number}", plane, authentic=bool(number % 2), specimen=f"pot {number}"))
    return made
