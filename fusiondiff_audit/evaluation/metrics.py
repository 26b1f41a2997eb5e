"""How good an answer is, and how sure that is.

Seeds are independent draws of specimens, so an interval over seeds covers both what was learnt from and what was
tested; images of one specimen are not independent, so counts of images are given without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

Truth = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]
THRESHOLD = 0.5  # at or above: called AUTHENTIC


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds and its 95 % interval by Student's t."""

    mean: float
    low: float
    high: float
    seeds: int

    def __str__(self) -> str:
        return f"{100 * self.mean:.1f} ({100 * self.low:.1f} to {100 * self.high:.1f})"


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """One part of one seed, judged."""

    right: int
    of: int
    called_authentic: int
    accuracy: float
    balanced: float | None  # None where the part holds one class alone, as the next two
    f1: float | None
    auroc: float | None


def class_metrics(truth: Truth, scores: Scores) -> ClassMetrics:
    """Judge scores of being authentic against the truth."""
    called = scores >= THRESHOLD
    right = int((called == truth).sum())
    both = 0 < truth.sum() < len(truth)
    return ClassMetrics(
        right,
        len(truth),
        int(called.sum()),
        right / len(truth),
        float(balanced_accuracy_score(truth, called)) if both else None,
        float(f1_score(truth, called)) if both else None,
        float(roc_auc_score(truth, scores)) if both else None,
    )


def t_interval(values: Sequence[float]) -> Interval:
    """Return the mean of one value for each seed, with its interval."""
    seen = np.asarray(values, dtype=float)
    mean = float(seen.mean())
    if len(seen) < 2:
        return Interval(mean, 0.0, 1.0, len(seen))
    half = float(stats.t.ppf(0.975, len(seen) - 1) * seen.std(ddof=1) / np.sqrt(len(seen)))
    return Interval(mean, max(mean - half, 0.0), min(mean + half, 1.0), len(seen))


def mcnemar(truth: Truth, ours: Scores, theirs: Scores) -> tuple[int, int, float]:
    """Return how many only we and only they have right, and the exact two-sided p that this is chance."""
    we = (ours >= THRESHOLD) == truth
    they = (theirs >= THRESHOLD) == truth
    only_we, only_they = int((we & ~they).sum()), int((they & ~we).sum())
    p = float(stats.binomtest(only_we, only_we + only_they).pvalue) if only_we + only_they else 1.0
    return only_we, only_they, p
