"""Fits the calibrators of likelihood ratios, with the bounds that the enrolment supports, and cross-fits their ratios.

The calibrator is a logistic regression of one score, both classes weighted equally, so that its log odds are log
likelihood ratios. A weak fixed penalty keeps the slope finite where the score separates the classes: 0.005 times the
squared slope of the standardised score, beside a loss in which a specimen weighs 1 on average. A slope is never
negative: where a larger score would count against the reference, every ratio is 1.

Scores come from outside, each by a model that did not learn from the specimen; for the proposition of another maker, by
a model that did not learn from the specimen's maker. There a maker counts once, by the specimen that is most like the
reference, because specimens of one maker say little about the next maker.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

import numpy as np
from scipy.special import expit

from fusiondiff_audit.model.ratio_metrics import Floats, LogRatios
from reports.verdict.likelihood_ratio import STORED_DIGITS, Alternative, RatioCalibrator

LEAST_OF_A_CLASS = 2  # one to judge, one to fit
_PENALTY = 0.01  # of the squared slope, halved
_STEPS, _CONVERGED = 100, 1e-10  # of Newton's method
_NEAREST, _DOWN, _UP = (Context(prec=STORED_DIGITS, rounding=way) for way in (None, ROUND_FLOOR, ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class EnrolledScore:
    """The score of an enrolled specimen; larger is more like the reference."""

    score: float
    authentic: bool
    maker: str = ""  # of a counterfeit; those without a name count as one maker


@dataclass(frozen=True, slots=True, eq=False)
class RatioSample:
    """Scores for which each proposition is true: of specimens, or, for another maker, one of each maker."""

    alternative: Alternative
    reference: Floats
    others: Floats


def ratio_sample(scores: Iterable[EnrolledScore], alternative: Alternative) -> RatioSample | None:
    """Return the scores that a calibrator is fitted to; None where there are fewer than two for a proposition."""
    scores = tuple(scores)
    if not all(math.isfinite(each.score) for each in scores):
        raise ValueError("a score that is not a finite number")
    reference = [each.score for each in scores if each.authentic]
    counterfeits = [each for each in scores if not each.authentic]
    others = [each.score for each in counterfeits]
    if alternative is Alternative.ANOTHER_MAKER:
        makers = {each.maker for each in counterfeits}
        others = [max(each.score for each in counterfeits if each.maker == maker) for maker in sorted(makers)]
    if min(len(reference), len(others)) < LEAST_OF_A_CLASS:
        return None
    return RatioSample(alternative, np.array(reference), np.array(others))


def fit_calibrator(sample: RatioSample) -> RatioCalibrator:
    """Return the calibrator for use, fitted to all scores."""
    intercept, slope = _logistic_regression(sample.reference, sample.others)
    floor, ceiling = elub(LogRatios(intercept + slope * sample.reference, intercept + slope * sample.others))
    return RatioCalibrator(
        sample.alternative,
        _decimal(intercept, _NEAREST),
        _decimal(slope, _NEAREST),
        _decimal(floor, _UP),
        _decimal(ceiling, _DOWN),
        sample.reference.size,
        sample.others.size,
    )


def cross_fitted_ratios(sample: RatioSample) -> LogRatios:
    """Return the log ratio of each score, by a calibrator whose line and bounds were fitted to all other scores."""
    reference, others, alternative = sample.reference, sample.others, sample.alternative
    return LogRatios(
        np.array(
            [
                _log_ratio(RatioSample(alternative, np.delete(reference, i), others), score)
                for i, score in enumerate(reference)
            ]
        ),
        np.array(
            [
                _log_ratio(RatioSample(alternative, reference, np.delete(others, i)), score)
                for i, score in enumerate(others)
            ]
        ),
    )


def _log_ratio(rest: RatioSample, score: float) -> float:
    return math.log(fit_calibrator(rest).ratio(Decimal(score)))


def elub(ratios: LogRatios) -> tuple[float, float]:
    """Return floor and ceiling: the range of ratios in which using them costs no more than not using them.

    A threshold t stands for every prior and utility: whoever accepts the first proposition where LR > t pays 1 for
    rejecting it wrongly and t for accepting it wrongly. With a ratio of 1 for everything that costs min(1, t). Of the
    system, to which one misleading ratio beyond every threshold is added on either side, it costs

        (1 + reference with LR <= t) / (1 + reference) + t * (1 + others with LR > t) / (1 + others)

    The ceiling is the largest threshold up to which, from 1, this is at most 1; the floor is the same with the
    propositions exchanged. Vergeer, van Es, de Jongh, Alberink and Stoel, Science and Justice 56 (2016) 482-491; there
    thresholds are a grid, here all real numbers.
    """
    return 1 / _ceiling(-ratios.others, -ratios.reference), _ceiling(ratios.reference, ratios.others)


def _ceiling(true: Floats, false: Floats) -> float:
    logs = np.concatenate((true, false))
    starts = np.unique(np.concatenate(((0.0,), logs[(logs > 0) & np.isfinite(logs)])))  # counts change there alone
    rejected = np.searchsorted(np.sort(true), starts, side="right")
    accepted = false.size - np.searchsorted(np.sort(false), starts, side="right")
    limits = (true.size - rejected) * (false.size + 1) / ((true.size + 1) * (accepted + 1))  # where the cost is 1
    with np.errstate(divide="ignore"):
        exceeded = np.log(limits) < np.append(starts[1:], np.inf)
    first = int(exceeded.argmax())
    return max(float(limits[first]), math.exp(starts[first]))


def _logistic_regression(true: Floats, false: Floats) -> tuple[float, float]:
    """Return intercept and slope; both 0 where all scores are equal, or a larger score would be less like the first."""
    scores = np.concatenate((true, false))
    if scores.min() == scores.max():
        return 0.0, 0.0
    mean, spread = float(scores.mean()), float(scores.std())
    sign = np.repeat((-1.0, 1.0), (true.size, false.size))
    weight = np.repeat((scores.size / (2 * true.size), scores.size / (2 * false.size)), (true.size, false.size))
    design = np.column_stack((np.ones(scores.size), (scores - mean) / spread))
    penalty = np.diag((0.0, _PENALTY))

    def loss(line: Floats) -> float:
        return float(weight @ np.logaddexp(0, sign * (design @ line)) + line @ penalty @ line / 2)

    line = np.zeros(2)
    for _ in range(_STEPS):  # Newton's method, damped: the loss is convex
        wrong = expit(sign * (design @ line))
        gradient = design.T @ (weight * sign * wrong) + penalty @ line
        curvature = (design.T * (weight * wrong * (1 - wrong))) @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        while loss(line - step) > loss(line) and np.abs(step).max() > _CONVERGED:
            step /= 2
        line = line - step
        if np.abs(step).max() <= _CONVERGED:
            break
    slope = float(line[1]) / spread
    return (float(line[0]) - slope * mean, slope) if slope > 0 else (0.0, 0.0)


def _decimal(number: float, rounding: Context) -> Decimal:
    return rounding.create_decimal(repr(number))
