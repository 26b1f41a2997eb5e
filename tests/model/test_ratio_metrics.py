"""Cllr, PAV and Tippett data equal what their definitions give by hand."""

from decimal import Decimal
from math import log2

import numpy as np
import pytest

from fusiondiff_audit.model.ratio_metrics import (
    LogRatios,
    calibration_quality,
    cllr,
    pav,
    pav_curve,
    tippett_curves,
)

INFINITE = float("inf")


def ratios(reference: list[float], others: list[float]) -> LogRatios:
    with np.errstate(divide="ignore"):
        return LogRatios(np.log(np.array(reference)), np.log(np.array(others)))


# In order: 0.1 o, 0.2 r, 0.5 o, 1 o, 3 r and 3 o, 8 r. Shares of r: 0, 1, 0, 0, 1/2 (of two), 1.
# The 1 and the two 0 after it violate the order and become 1/3. Prior odds of 3 r to 4 o: 3/4.
# Ratios after PAV: 0; (1/2) / (3/4) = 2/3 three times; 1 / (3/4) = 4/3 twice; infinite.
BY_HAND = ratios([0.2, 3, 8], [0.1, 0.5, 1, 3])


def test_cllr_is_its_definition() -> None:
    reference = (log2(1 + 1 / 0.2) + log2(1 + 1 / 3) + log2(1 + 1 / 8)) / 3
    others = (log2(1 + 0.1) + log2(1 + 0.5) + log2(1 + 1) + log2(1 + 3)) / 4
    assert cllr(BY_HAND) == pytest.approx((reference + others) / 2, rel=1e-14)


@pytest.mark.parametrize(("reference", "others"), [(1, 1), (3, 7), (19, 1000)])
def test_cllr_of_ratios_of_1_is_exactly_1(reference: int, others: int) -> None:
    assert cllr(LogRatios(np.zeros(reference), np.zeros(others))) == 1.0


def test_cllr_of_infinite_ratios_is_0_where_they_are_right_and_infinite_where_one_is_wrong() -> None:
    assert cllr(ratios([INFINITE, INFINITE], [0, 0])) == 0.0
    assert cllr(ratios([INFINITE, 0], [0, 0])) == INFINITE
    assert cllr(ratios([INFINITE, 1], [0, INFINITE])) == INFINITE


def test_pav_pools_adjacent_violators_and_ties() -> None:
    optimal = pav(BY_HAND)
    assert np.exp(optimal.reference) == pytest.approx([2 / 3, 4 / 3, INFINITE])
    assert np.exp(optimal.others) == pytest.approx([0, 2 / 3, 2 / 3, 4 / 3])
    curve = pav_curve(BY_HAND)
    assert 10**curve.log_ratio == pytest.approx([0.1, 0.2, 0.5, 1, 3, 8])
    assert 10**curve.pav == pytest.approx([0, 2 / 3, 2 / 3, 2 / 3, 4 / 3, INFINITE])


def test_pooled_ties_weigh_as_many_as_they_are() -> None:
    optimal = pav(ratios([1, 1], [1, 2]))  # 2/3 of three, then 0 of one: together 2/4, the prior
    assert np.exp(optimal.reference) == pytest.approx([1, 1])
    assert np.exp(optimal.others) == pytest.approx([1, 1])


def test_the_least_cllr_is_that_of_pav() -> None:
    reference = (log2(1 + 3 / 2) + log2(1 + 3 / 4) + 0) / 3
    others = (0 + log2(1 + 2 / 3) + log2(1 + 2 / 3) + log2(1 + 4 / 3)) / 4
    quality = calibration_quality(BY_HAND)
    assert float(quality.cllr_min) == pytest.approx((reference + others) / 2, abs=5.1e-5)
    assert float(quality.cllr) == pytest.approx(cllr(BY_HAND), abs=5.1e-5)
    assert quality.cllr_cal == quality.cllr - quality.cllr_min > 0
    assert (quality.reference, quality.others) == (3, 4)
    assert (quality.misleading_reference, quality.misleading_others) == (1, 1)  # 0.2 and 3; a 1 misleads nobody


def test_no_calibration_in_the_same_order_is_better_than_pav() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        sample = LogRatios(rng.normal(0.5, 1, 9).round(1), rng.normal(-0.5, 1, 13).round(1))
        least = cllr(pav(sample))
        for scale, shift in rng.normal(0, 2, (20, 2)) ** 2:
            assert least <= cllr(LogRatios(scale * sample.reference + shift, scale * sample.others + shift)) + 1e-12


def test_pav_of_its_own_ratios_changes_nothing() -> None:
    once = pav(BY_HAND)
    again = pav(once)
    assert np.exp(again.reference) == pytest.approx(np.exp(once.reference))
    assert np.exp(again.others) == pytest.approx(np.exp(once.others))


def test_separated_and_equal_ratios_have_the_extreme_qualities() -> None:
    separated = calibration_quality(ratios([9, 3], [1 / 3, 0.1, 0.2]))
    assert separated.cllr_min == 0
    assert separated.cllr_cal == separated.cllr > 0
    equal = calibration_quality(ratios([1, 1], [1, 1, 1]))
    assert equal.cllr == equal.cllr_min == 1
    assert equal.cllr_cal == 0
    wrong = calibration_quality(ratios([0.5, 0.5], [2, 2, 2]))  # in the wrong order throughout
    assert wrong.cllr_min == 1
    assert wrong.cllr == Decimal("1.5850")  # log2(3)


def test_tippett_curves_are_the_shares_of_no_smaller_ratios() -> None:
    curves = tippett_curves(ratios([0.2, 3, INFINITE], [0, 0.5, 3, 3]))
    assert 10**curves.log_ratio == pytest.approx([0, 0.2, 0.5, 3, INFINITE])
    assert curves.reference == pytest.approx([1, 1, 2 / 3, 2 / 3, 1 / 3])
    assert curves.others == pytest.approx([1, 3 / 4, 3 / 4, 2 / 4, 0])


def test_ratios_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="each proposition needs"):
        ratios([], [1])
    with pytest.raises(ValueError, match="each proposition needs"):
        ratios([1], [])
    with pytest.raises(ValueError, match="not a number"):
        LogRatios(np.array([np.nan]), np.zeros(1))
    with pytest.raises(ValueError, match="a cllr of"):
        calibration_quality(ratios([0], [1]))
