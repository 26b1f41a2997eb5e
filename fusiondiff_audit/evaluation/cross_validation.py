"""Cross-validation by specimen, with bootstrap intervals.

Images of one specimen stay in one fold. Intervals come from a bootstrap over whole specimens, so that many images of
few specimens do not count as much evidence; with few specimens the interval is wide, and still too narrow.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from fusiondiff_audit.evaluation.metrics import THRESHOLD, ClassMetrics, Interval, Scores, Truth, class_metrics

# From training and test rows to the scores of the test rows.
FoldScorer = Callable[[npt.NDArray[np.intp], npt.NDArray[np.intp]], Scores]
_FOLDS = 5
_DRAWS = 1000
_LEAST = 0.9  # share of draws that must hold both classes


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Scores of all images, each by a model that was not trained on its specimen."""

    scores: Scores
    metrics: ClassMetrics
    balanced: Interval
    accuracy: Interval


def cross_validate(truth: Truth, groups: npt.NDArray[np.str_], learner: FoldScorer, *, seed: int = 0) -> CrossValidated:
    """Score every image in the test fold that holds its specimen."""
    fewest = min(len(np.unique(groups[truth])), len(np.unique(groups[~truth])))
    if fewest < 2:
        raise ValueError("each class needs two specimens, one to train on and one to test")
    scores = np.full(len(truth), np.nan)
    folds = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
    for train, test in folds.split(np.zeros(len(truth)), truth, groups):
        scores[test] = learner(train, test)
    return bootstrapped(truth, groups, scores, seed=seed)


def bootstrapped(truth: Truth, groups: npt.NDArray[np.str_], scores: Scores, *, seed: int = 0) -> CrossValidated:
    """Measure scores, with intervals from a bootstrap over specimens."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    right = (scores >= THRESHOLD) == truth
    accuracy: list[float] = []
    balanced: list[float] = []
    for _ in range(_DRAWS):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        authentic, right_rows = truth[rows], right[rows]
        accuracy.append(float(right_rows.mean()))
        if authentic.any() and not authentic.all():
            balanced.append(float((right_rows[authentic].mean() + right_rows[~authentic].mean()) / 2))
    metrics = class_metrics(truth, scores)
    return CrossValidated(
        scores,
        metrics,
        _interval(metrics.balanced if metrics.balanced is not None else np.nan, balanced, len(members)),
        _interval(metrics.accuracy, accuracy, len(members)),
    )


def _interval(value: float, draws: list[float], specimens: int) -> Interval:
    if len(draws) < _LEAST * _DRAWS:
        return Interval(value, 0.0, 1.0, specimens)
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(value, float(low), float(high), specimens)
