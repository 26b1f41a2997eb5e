"""Memory banks of feature-map cells: an image is as unlike the reference as its cells are far from enrolled cells.

In the manner of PatchCore (Roth et al., 2022: Euclidean distance, the furthest cell; without its reweighting) and of
AnomalyDINO (Damm et al., 2025: cosine distance, the mean of the furthest 1 % of cells; without rotated references).
Each enrolled specimen has as many cells of its own in the bank, chosen by greedy k-centre selection, so that a bank
without some specimens is the same bank without their cells. AnomalyDINO keeps every cell; a bank of all would be twenty
times as slow here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from benchmarks.cell_maps import Cells
from benchmarks.score_rule import ScoreRule, Scores, folds_of
from fusiondiff_audit.evaluation.open_set import FitRule, OpenSetSpecimen
from fusiondiff_audit.model.findings import Class

CELLS_OF_SPECIMEN = 256  # in the bank, of 5,120 in five images of 512 px
_LEAST_SQUARE = 1e-9


@dataclass(frozen=True, slots=True)
class BankStyle:
    """How cells are compared, and which of an image's cells count."""

    cosine: bool
    furthest: float  # the share of an image's cells whose distance is averaged; at least one cell


PATCHCORE = BankStyle(cosine=False, furthest=0.0)
ANOMALY_DINO = BankStyle(cosine=True, furthest=0.01)


def bank_rule(style: BankStyle, cells: Callable[[int], Cells]) -> FitRule:
    """Return a rule on the cells of a task's images, which are given by their places."""

    @cache
    def compared(place: int) -> Cells:
        of_image = cells(place)
        if style.cosine:
            of_image = of_image / np.maximum(np.linalg.norm(of_image, axis=1, keepdims=True), 1e-9)
        return of_image

    @cache
    def kept(images: tuple[int, ...]) -> Cells:
        return k_centres(np.concatenate([compared(place) for place in images]), CELLS_OF_SPECIMEN)

    def fit(enrolled: Sequence[OpenSetSpecimen]) -> ScoreRule:
        bank = _Bank(style, enrolled, [kept(specimen.images) for specimen in enrolled])
        return ScoreRule(enrolled, cache(lambda place: bank.scores(compared(place))))

    return fit


class _Bank:
    """The cells of enrolled specimens, in the order of class and fold."""

    def __init__(self, style: BankStyle, enrolled: Sequence[OpenSetSpecimen], cells: Sequence[Cells]) -> None:
        self._style = style
        folds = folds_of(enrolled)
        self._count = int(max(folds)) + 1
        group = np.array(
            [specimen.authentic * self._count + fold for specimen, fold in zip(enrolled, folds, strict=True)]
        )
        order = np.argsort(group, kind="stable")
        self._rows = np.concatenate([cells[place] for place in order])
        self._squares = (self._rows**2).sum(1)
        lengths = np.bincount(group, [len(of_specimen) for of_specimen in cells], len(Class) * self._count)
        self._starts = np.r_[0, np.cumsum(lengths)[:-1]].astype(np.intp)

    def scores(self, cells: Cells) -> Scores:
        """Return the log distance from each class without each pair of folds: folds x folds x classes."""
        squares = (cells**2).sum(1)[:, None] + self._squares - 2 * cells @ self._rows.T
        nearest = np.minimum.reduceat(squares, self._starts, axis=1).reshape(len(cells), len(Class), self._count)
        scores = np.zeros((self._count, self._count, len(Class)))
        for one in range(self._count):
            for other in range(one, self._count):
                rest = [fold for fold in range(self._count) if fold not in (one, other)]
                scores[one, other] = scores[other, one] = self._furthest(nearest[:, :, rest].min(2))
        return scores

    def _furthest(self, squares: npt.NDArray[np.float32]) -> Scores:
        """Return of each class the log of the mean distance of the furthest cells."""
        count = max(1, round(self._style.furthest * len(squares)))
        furthest = np.sort(squares, axis=0)[-count:].astype(np.float64)
        # Half the squared distance of two vectors of length one is their cosine distance.
        distances = furthest / 2 if self._style.cosine else np.sqrt(np.maximum(furthest, _LEAST_SQUARE))
        logs: Scores = np.log(np.maximum(distances, _LEAST_SQUARE).mean(0))
        return logs


def k_centres(cells: Cells, count: int) -> Cells:
    """Return so many cells, each the furthest from those before it; the first is the furthest from the mean."""
    squares = ((cells - cells.mean(0)) ** 2).sum(1)
    chosen = [int(squares.argmax())]
    nearest = np.full(len(cells), np.inf, np.float32)
    norms = (cells**2).sum(1)
    for _ in range(min(count, len(cells)) - 1):
        last = chosen[-1]
        nearest = np.minimum(nearest, norms + norms[last] - 2 * (cells @ cells[last]))
        chosen.append(int(nearest.argmax()))
    return cells[chosen]
