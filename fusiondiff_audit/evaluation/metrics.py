"""Metrics of a binary classifier, intervals over seeds, and the paired comparison of two classifiers.

Seeds are independent draws of specimens, so an interval over seeds covers training and test specimens; images of one
specimen are not independent, so counts of images are given without an interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from reports.stress.statistics import mcnemar

Truth = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]
THRESHOLD = 0.5  # a score at or above it is called AUTHENTIC


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
    """Metrics of one part of one seed."""

    right: int
    of: int
    called_authentic: int
    accuracy: float
    balanced: float | None  # None, as the next two, where the part holds one class alone
    f1: float | None
    auroc: float | None


def class_metrics(truth: Truth, scores: Scores) -> ClassMetrics:
    """Compare scores of being authentic with the truth."""
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
    """Return the mean over seeds with its interval."""
    array = np.asarray(values, dtype=float)
    mean = float(array.mean())
    if len(array) < 2:
        return Interval(mean, 0.0, 1.0, len(array))
    half = float(stats.t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array)))
    return Interval(mean, max(mean - half, 0.0), min(mean + half, 1.0), len(array))


def paired_test(truth: Truth, ours: Scores, theirs: Scores) -> tuple[int, int, float]:
    """Count the images that only we and only they have right, with the two-sided exact p of McNemar's test."""
    we = (ours >= THRESHOLD) == truth
    they = (theirs >= THRESHOLD) == truth
    only_we, only_they = int((we & ~they).sum()), int((they & ~we).sum())
    p = min(1.0, 2 * mcnemar(max(only_we, only_they), min(only_we, only_they)))
    return only_we, only_they, p
