"""Toy learners for poisons: the label of the nearest specimen, or of a logistic regression."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from attacks.images import LabelledImage, Plane
from attacks.poison.threat import VoteCounts

SIDE = 48


class ToyModel:
    """An enrolled toy model: one vote for each partition; a partition without both classes votes counterfeit."""

    def __init__(self, rows: dict[int, list[tuple[np.ndarray, bool]]], learner: "ToyLearner") -> None:
        self._rows, self._learner = rows, learner

    def votes(self, planes: Sequence[Plane]) -> list[VoteCounts]:
        return [self._votes(self._learner.mean_row(plane)) for plane in planes]

    def _votes(self, mean_row: np.ndarray) -> VoteCounts:
        authentic = sum(
            self._authentic(self._rows.get(place, []), mean_row) for place in range(self._learner.partitions)
        )
        return self._learner.partitions - authentic, authentic

    def _authentic(self, labelled_rows: list[tuple[np.ndarray, bool]], mean_row: np.ndarray) -> bool:
        if len({authentic for _, authentic in labelled_rows}) < 2:
            return False
        if not self._learner.straight:
            return min(labelled_rows, key=lambda one: float(np.linalg.norm(one[0] - mean_row)))[1]
        rows, labels = zip(*labelled_rows, strict=True)
        middle, spread = np.mean(rows, 0), np.std(rows, 0)
        head = LogisticRegression().fit((np.array(rows) - middle) / spread, labels)
        return bool(head.predict((mean_row[None] - middle) / spread)[0])


class ToyLearner:
    """A learner whose features are the mean greys of four quarters, and the roughness."""

    def __init__(self, partitions: int = 1, *, straight: bool = False) -> None:
        self.partitions, self.straight = partitions, straight

    def partition_of(self, specimen: str) -> int:
        return int.from_bytes(sha256(specimen.encode()).digest()) % self.partitions

    def enrol(self, pictures: Sequence[LabelledImage]) -> ToyModel:
        rows: dict[int, list[tuple[np.ndarray, bool]]] = {}
        for picture in pictures:
            rows.setdefault(self.partition_of(picture.specimen), []).append(
                (self.mean_row(picture.plane), picture.authentic)
            )
        return ToyModel(rows, self)

    def rows(self, plane: Plane) -> torch.Tensor:
        with torch.no_grad():
            return self.features(torch.from_numpy(plane / np.iinfo(plane.dtype).max).float()[None, None])

    def mean_row(self, plane: Plane) -> np.ndarray:
        row: np.ndarray = self.rows(plane).numpy()[0]
        return row

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        quarters = torch.nn.functional.adaptive_avg_pool2d(unit, 2).flatten(1)
        rough = (unit[..., 1:] - unit[..., :-1]).abs().mean((1, 2, 3))
        return torch.cat([quarters, 2 * rough[:, None]], 1)


def toy_specimens(count: int, *, first: int = 0, apart: float = 0.05) -> list[LabelledImage]:
    """Return pictures of either class in turn, darker counterfeits and lighter authentic ones."""
    images = []
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        quarters = 0.5 + (apart if number % 2 else -apart) + rng.normal(0, 0.03, (2, 2))
        unit = (np.kron(quarters, np.ones((SIDE // 2, SIDE // 2))) + rng.normal(0, 0.02, (SIDE, SIDE))).clip(0, 1)
        plane = np.rint(unit * 255).astype(np.uint8)
        images.append(LabelledImage(f"ware-{number}", plane, authentic=bool(number % 2), specimen=f"pot {number}"))
    return images
