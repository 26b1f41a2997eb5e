"""Measuring on pictures of which there are few: each specimen is asked once, by a model that never saw it.

Images of one specimen stay on one side of every fold. The interval comes from drawing whole specimens with return, so
that many pictures of few objects do not look like much evidence; with few specimens it is wide, and still too narrow.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from fusiondiff_audit.evaluation.metrics import ClassMetrics, Interval, Scores, Truth, class_metrics

Learner = Callable[[npt.NDArray[np.intp], npt.NDArray[np.intp]], Scores]  # known and asked rows -> scores of the asked
_FOLDS = 5
_DRAWS = 1000
_LEAST = 0.9  # share of draws that must hold both classes


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """Scores of all images, none by a model that saw its specimen."""

    scores: Scores
    measured: ClassMetrics
    balanced: Interval
    accuracy: Interval


def cross_validate(truth: Truth, groups: npt.NDArray[np.str_], learner: Learner, *, seed: int = 0) -> CrossValidated:
    """Ask every image in the fold that holds its specimen."""
    fewest = min(len(np.unique(groups[truth])), len(np.unique(groups[~truth])))
    if fewest < 2:
        raise ValueError("each class needs two specimens, one to learn from and one to ask")
    scores = np.full(len(truth), np.nan)
    folds = StratifiedGroupKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
    for known, asked in folds.split(np.zeros(len(truth)), truth, groups):
        scores[asked] = learner(known, asked)
    return bootstrapped(truth, groups, scores, seed=seed)


def bootstrapped(truth: Truth, groups: npt.NDArray[np.str_], scores: Scores, *, seed: int = 0) -> CrossValidated:
    """Measure scores, with intervals from drawing specimens."""
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    drawn = [
        class_metrics(truth[rows], scores[rows])
        for rows in (
            np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]) for _ in range(_DRAWS)
        )
    ]
    whole = class_metrics(truth, scores)
    balanced = [one.balanced for one in drawn if one.balanced is not None]
    accuracy = [one.accuracy for one in drawn]
    return CrossValidated(
        scores,
        whole,
        _spread(whole.balanced if whole.balanced is not None else np.nan, balanced, len(members)),
        _spread(whole.accuracy, accuracy, len(members)),
    )


def _spread(value: float, drawn: list[float], specimens: int) -> Interval:
    if len(drawn) < _LEAST * _DRAWS:
        return Interval(value, 0.0, 1.0, specimens)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(value, float(low), float(high), specimens)
