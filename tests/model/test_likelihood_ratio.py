"""Calibrated ratios: bounds by their published definition, known ratios recovered, no specimen judged by itself."""

from decimal import Decimal
from math import exp, log

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fusiondiff_audit.model.likelihood_ratio import (
    EnrolledScore,
    RatioSample,
    cross_fitted_ratios,
    elub,
    fit_calibrator,
    ratio_sample,
)
from fusiondiff_audit.model.ratio_metrics import Floats, LogRatios, calibration_quality
from reports.verdict.likelihood_ratio import Alternative, ratio_sentence

STEP = 0.01  # of decimal logarithms: the grid of the Netherlands Forensic Institute's `lir`
INFINITE = float("inf")


def ratios(reference: list[float], others: list[float]) -> LogRatios:
    with np.errstate(divide="ignore"):
        return LogRatios(np.log(np.array(reference)), np.log(np.array(others)))


def sample(reference: Floats, others: Floats) -> RatioSample:
    return RatioSample(Alternative.ENROLLED_MAKERS, reference, others)


def normal(seed: int, reference: int, others: int, mean: float) -> RatioSample:
    """Return standard normal scores, those of the reference shifted: log LR = mean * score - mean ** 2 / 2."""
    rng = np.random.default_rng(seed)
    return sample(rng.normal(mean, 1, reference), rng.normal(0, 1, others))


def excess(logs: LogRatios, t: float) -> float:
    """Return what the system costs at a threshold, over what a ratio of 1 for everything costs, less 1."""
    missed = (1 + np.sum(logs.reference <= log(t))) / (1 + logs.reference.size)
    accepted = (1 + np.sum(logs.others > log(t))) / (1 + logs.others.size)
    return float((missed + t * accepted) / min(1, t)) - 1


def on_grid(logs: LogRatios) -> tuple[float, float]:
    """Return floor and ceiling with thresholds on the grid."""
    up = next(power for power in range(1000) if excess(logs, 10 ** (power * STEP)) > 1e-12) - 1
    down = next(power for power in range(1000) if excess(logs, 10 ** (-power * STEP)) > 1e-12) - 1
    return 10 ** (-max(down, 0) * STEP), 10 ** (max(up, 0) * STEP)


@pytest.mark.parametrize("count", [1, 2, 9, 19, 25, 50, 100, 200, 1000])
def test_a_system_that_never_errs_supports_a_ratio_of_its_number_of_specimens(count: int) -> None:
    perfect = LogRatios(np.full(count, np.inf), np.full(count, -np.inf))
    floor, ceiling = elub(perfect)
    assert ceiling == count
    assert floor == 1 / count
    published = {9: 9, 19: 19, 25: 25, 50: 49, 100: 100, 200: 200, 1000: 1000}
    assert round(on_grid(perfect)[1]) == published.get(count, count)


# floor and ceiling on the grid, as `lir` has them in its own tests
PUBLISHED = [
    (ratios([INFINITE], [0]), 1, 1),
    (ratios([INFINITE] * 3, [0] * 3), 0.3388442, 2.9512092),
    (ratios([0.01, 0.1, 1], [10, 100]), 1, 1),
    (ratios([1, 10, 100], [0.01, 0.1]), 0.3801894, 1.4791084),
    (ratios([10, 100], [0.01, 0.1, 1]), 0.6760830, 2.6302680),
    (ratios([1], [1]), 1, 1),
    (ratios([10] * 9, [10]), 1, 1),
    (ratios([10] * 10, [1]), 1, 1.7782794),
    (ratios([1000] * 10, [1.1]), 1, 1),
]


@pytest.mark.parametrize(("logs", "floor", "ceiling"), PUBLISHED)
def test_the_bounds_are_the_published_ones_up_to_a_step_of_the_grid(
    logs: LogRatios, floor: float, ceiling: float
) -> None:
    assert on_grid(logs) == pytest.approx((floor, ceiling), abs=1e-7)
    exact_floor, exact_ceiling = elub(logs)
    assert floor * 10**-STEP < exact_floor <= floor + 1e-7
    assert ceiling - 1e-7 <= exact_ceiling < ceiling * 10**STEP


def test_bounds_equal_those_worked_out_by_hand() -> None:
    floor, ceiling = elub(ratios([1, 10, 100], [0.01, 0.1]))
    # 1 <= t < 10: one of three is rejected and none of two accepted, (1 + 1) / 4 + t * 1 / 3 <= 1 up to t = 3 / 2
    assert ceiling == 3 / 2
    # 1 / 10 <= t < 1: none is rejected and none accepted, 1 / 4 + t / 3 <= t from t = 3 / 8
    assert floor == 3 / 8
    # 1 <= t < 2: 1 / 4 + t / 4 <= 1 up to t = 3; at t = 2 all are rejected: no ratio beyond the largest that occurred
    assert elub(ratios([2, 2, 2], [0.1, 0.1, 0.1]))[1] == pytest.approx(2, rel=1e-15)


def test_the_bounds_of_many_systems_are_the_widest_that_cost_no_more() -> None:
    rng = np.random.default_rng(2)
    narrower = 0
    for _ in range(100):
        spread, mean = rng.uniform(0.2, 4), rng.uniform(-0.5, 2)
        logs = LogRatios(rng.normal(mean, spread, rng.integers(1, 30)), rng.normal(-mean, spread, rng.integers(1, 30)))
        floor, ceiling = elub(logs)
        steps = np.exp(np.concatenate((logs.reference, logs.others)))
        thresholds = np.concatenate((np.geomspace(floor, ceiling, 50), steps, steps * (1 - 1e-9), steps * (1 + 1e-9)))
        inside = thresholds[(floor * (1 + 1e-8) < thresholds) & (thresholds < ceiling * (1 - 1e-8))]
        assert max((excess(logs, t) for t in inside), default=0) <= 1e-12
        assert excess(logs, ceiling * (1 + 1e-8)) > 0
        assert excess(logs, floor * (1 - 1e-8)) > 0
        low, high = on_grid(logs)
        assert ceiling < high * 10**STEP * (1 + 1e-9)
        assert floor > low * 10**-STEP * (1 - 1e-9)
        narrower += ceiling < high * (1 - 1e-9) or floor > low * (1 + 1e-9)
    assert narrower < 15  # where the cost is exceeded between two points of the grid alone


def test_one_misleading_ratio_lowers_the_ceiling() -> None:
    right = ratios([1000] * 25, [0.001] * 25)
    assert elub(right) == (1 / 25, 25)
    assert elub(ratios([1000] * 25, [0.001] * 24 + [1000]))[1] == 12.5  # 25 / 26 * 26 / 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_known_log_ratios_are_recovered(seed: int) -> None:
    calibrator = fit_calibrator(normal(seed, 3000, 800, 2.0))  # unequal classes do not matter
    assert float(calibrator.slope) == pytest.approx(2, abs=0.25)
    assert float(calibrator.intercept) == pytest.approx(-2, abs=0.25)
    for score in (-0.3, 0.5, 1.0, 1.5, 2.3):
        assert log(calibrator.ratio(Decimal(score))) == pytest.approx(2 * score - 2, abs=0.3)


@pytest.mark.parametrize("mean", [0.3, 2.0, 40.0])
def test_the_line_is_that_of_a_penalised_balanced_logistic_regression(mean: float) -> None:
    for scale in (1e-6, 1.0, 1e6):
        scores = normal(4, 25, 60, mean)
        scores = sample(scale * scores.reference + scale, scale * scores.others + scale)
        both = np.concatenate((scores.reference, scores.others))
        model = LogisticRegression(C=100.0, class_weight="balanced", tol=1e-10, max_iter=1000)
        model.fit(((both - both.mean()) / both.std())[:, None], np.repeat((1, 0), (25, 60)))
        slope = model.coef_[0, 0] / both.std()
        calibrator = fit_calibrator(scores)
        assert float(calibrator.slope) == pytest.approx(slope, rel=1e-5)
        assert float(calibrator.intercept) == pytest.approx(model.intercept_[0] - slope * both.mean(), rel=1e-4)


def test_separable_classes_have_a_finite_slope_and_the_full_ceiling() -> None:
    calibrator = fit_calibrator(sample(np.linspace(0.9, 1, 25), np.linspace(0, 0.1, 25)))
    assert calibrator.slope.is_finite()
    assert (calibrator.ceiling, calibrator.floor) == (Decimal(25), Decimal("0.04"))
    assert "about 25 times" in ratio_sentence(calibrator, calibrator.ratio(Decimal("Infinity")))
    assert "about 25 times" in ratio_sentence(calibrator, calibrator.ratio(Decimal("-Infinity")))


@pytest.mark.parametrize("mean", [-1.0, 0.0, 0.5, 3.0, 30.0])
def test_every_calibrator_is_bounded_and_monotonic(mean: float) -> None:
    calibrator = fit_calibrator(normal(6, 21, 34, mean))
    scores = [Decimal(text) for text in ("-Infinity", "-1e300", "-1", "0", "0.5", "1", "1.1", "7", "1e300", "Infinity")]
    values = [calibrator.ratio(score) for score in scores]
    assert values == sorted(values)
    assert calibrator.floor <= values[0] <= 1 <= values[-1] <= calibrator.ceiling
    assert calibrator.ceiling <= 21 * Decimal(35) / 22


def test_scores_that_say_nothing_have_a_ratio_of_1() -> None:
    equal = sample(np.full(4, 0.3), np.full(6, 0.3))
    turned = sample(np.array([0.1, 0.2, 0.3]), np.array([0.7, 0.8, 0.9]))  # more like the reference: the others
    for scores in (equal, turned):
        calibrator = fit_calibrator(scores)
        assert calibrator.slope == calibrator.intercept == 0
        assert calibrator.floor == calibrator.ceiling == 1
        assert calibrator.ratio(Decimal("Infinity")) == 1
        quality = calibration_quality(cross_fitted_ratios(scores))
        assert quality.cllr == quality.cllr_min == 1


def test_no_specimen_is_judged_by_a_calibrator_that_was_fitted_with_it() -> None:
    scores = normal(8, 12, 9, 2.0)
    for place, outlier in ((0, 2.5), (0, -3.0), (0, -50.0), (11, 9.0)):
        reference = scores.reference.copy()
        reference[place] = outlier
        changed = sample(reference, scores.others)
        own = fit_calibrator(sample(np.delete(scores.reference, place), scores.others))  # whatever the outlier is
        ratio = float(own.ratio(Decimal(outlier)))
        assert exp(cross_fitted_ratios(changed).reference[place]) == pytest.approx(ratio, rel=1e-12)
        assert fit_calibrator(changed) != fit_calibrator(scores)
    others = scores.others.copy()
    others[3] = 60.0
    own = fit_calibrator(sample(scores.reference, np.delete(scores.others, 3)))
    assert exp(cross_fitted_ratios(sample(scores.reference, others)).others[3]) == pytest.approx(float(own.ceiling))


def test_cross_fitted_quality_of_known_ratios_is_near_the_truth() -> None:
    scores = normal(9, 60, 60, 2.0)
    quality = calibration_quality(cross_fitted_ratios(scores))
    true = calibration_quality(LogRatios(2 * scores.reference - 2, 2 * scores.others - 2))
    assert float(quality.cllr) == pytest.approx(float(true.cllr), abs=0.05)
    assert 0 <= quality.cllr_cal < Decimal("0.15")
    assert (quality.reference, quality.others) == (60, 60)


def enrolled(makers: int, specimens: int) -> list[EnrolledScore]:
    rng = np.random.default_rng(10)
    return [EnrolledScore(score, authentic=True) for score in rng.normal(9, 0.1, 25)] + [
        EnrolledScore(score, authentic=False, maker=f"maker {maker}")
        for maker in range(makers)
        for score in rng.normal(0, 0.1, specimens)
    ]


def test_for_another_maker_the_ceiling_counts_makers() -> None:
    scores = enrolled(8, 50)
    alternatives = {}
    for alternative in Alternative:
        drawn = ratio_sample(scores, alternative)
        assert drawn is not None
        alternatives[alternative] = fit_calibrator(drawn)
    assert alternatives[Alternative.ENROLLED_MAKERS].others == 400
    assert float(alternatives[Alternative.ENROLLED_MAKERS].ceiling) == pytest.approx(25 * 401 / 26)
    assert alternatives[Alternative.ANOTHER_MAKER].others == 8
    assert float(alternatives[Alternative.ANOTHER_MAKER].ceiling) == pytest.approx(25 * 9 / 26)


def test_a_maker_counts_by_its_specimen_that_is_most_like_the_reference() -> None:
    scores = [
        EnrolledScore(5.0, authentic=True),
        EnrolledScore(6.0, authentic=True, maker="ours"),
        EnrolledScore(1.0, authentic=False, maker="b"),
        EnrolledScore(3.0, authentic=False, maker="a"),
        EnrolledScore(2.0, authentic=False, maker="b"),
        EnrolledScore(0.0, authentic=False),
        EnrolledScore(0.5, authentic=False),
    ]
    drawn = ratio_sample(scores, Alternative.ANOTHER_MAKER)
    assert drawn is not None
    assert (drawn.reference.tolist(), drawn.others.tolist()) == ([5, 6], [0.5, 3, 2])


def test_too_few_specimens_or_makers_have_no_calibrator() -> None:
    scores = enrolled(1, 5)
    assert ratio_sample(scores, Alternative.ENROLLED_MAKERS) is not None
    assert ratio_sample(scores, Alternative.ANOTHER_MAKER) is None
    assert ratio_sample(scores[24:], Alternative.ENROLLED_MAKERS) is None
    assert ratio_sample(scores[:26], Alternative.ENROLLED_MAKERS) is None
    assert ratio_sample([], Alternative.ENROLLED_MAKERS) is None
    two = ratio_sample(scores[23:27], Alternative.ENROLLED_MAKERS)
    assert two is not None
    assert fit_calibrator(two).ceiling == 2
    assert cross_fitted_ratios(two).reference.size == 2


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        ratio_sample([*enrolled(2, 2), EnrolledScore(score, authentic=True)], Alternative.ENROLLED_MAKERS)
