"""Ratios of a signed calibrator: within the bounds that counts allow, monotonic, the same digits for everybody."""

import re
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.verdict.likelihood_ratio import (
    Alternative,
    CalibrationQuality,
    RatioCalibrator,
    largest_ratio,
    ratio_sentence,
)
from signing.errors import SigningError
from signing.fields import Fields
from signing.records import read_record, write_record

CALIBRATOR = RatioCalibrator(
    Alternative.ENROLLED_MAKERS,
    Decimal("-0.5"),
    Decimal("2"),
    Decimal("0.0526315789474"),  # 1 / 19, rounded towards 1
    Decimal("25"),
    19,
    30,
)
LEVEL = replace(CALIBRATOR, slope=Decimal(0))
NUMBERS = st.decimals(allow_nan=False)
QUALITY = CalibrationQuality(Decimal("0.25"), Decimal("0.1"), 19, 30, 1, 2)


def test_a_ratio_is_the_exponential_of_the_line() -> None:
    assert CALIBRATOR.ratio(Decimal("0.25")) == 1
    exact = sum(Fraction("1.9") ** k / factorial(k) for k in range(60))  # of -0.5 + 2 * 1.2
    assert abs(Fraction(CALIBRATOR.ratio(Decimal("1.2"))) - exact) < Fraction("1e-19")


@given(NUMBERS)
def test_no_ratio_is_beyond_the_bounds(score: Decimal) -> None:
    assert CALIBRATOR.floor <= CALIBRATOR.ratio(score) <= CALIBRATOR.ceiling
    assert LEVEL.ratio(score) == LEVEL.ratio(Decimal(0))


def test_infinite_scores_reach_the_bounds_and_no_number_has_no_ratio() -> None:
    assert CALIBRATOR.ratio(Decimal("Infinity")) == 25
    assert CALIBRATOR.ratio(Decimal("-Infinity")) == CALIBRATOR.floor
    assert CALIBRATOR.ratio(Decimal("1e999999")) == 25
    for text in ("NaN", "-NaN", "sNaN"):
        with pytest.raises(ValueError, match="not a number"):
            CALIBRATOR.ratio(Decimal(text))


@given(NUMBERS, NUMBERS)
def test_a_larger_score_never_has_a_smaller_ratio(score: Decimal, other: Decimal) -> None:
    low, high = sorted((score, other))
    assert CALIBRATOR.ratio(low) <= CALIBRATOR.ratio(high)


@pytest.mark.parametrize("count", [1, 2, 19, 20_000])
def test_counts_bound_a_system_that_never_errs(count: int) -> None:
    assert largest_ratio(count, count) == count
    assert largest_ratio(count, 8) == Fraction(9 * count, count + 1)


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("ceiling", "29.5"),  # 19 * 31 / 20 = 29.45 at most
        ("ceiling", "0.99"),
        ("floor", "0.05166"),  # 31 / (30 * 20) = 0.051666.. at least
        ("floor", "1.01"),
        ("floor", "0"),
        ("slope", "-0.01"),
        ("slope", "NaN"),
        ("intercept", "Infinity"),
        ("intercept", "0.1234567890123"),  # 13 digits
        ("ceiling", "1E+999999999"),  # a fraction of it would fill the memory
        ("intercept", "1E-999999999"),
    ],
)
def test_a_calibrator_that_claims_too_much_is_refused(field: str, number: str) -> None:
    record = write_record(CALIBRATOR)
    assert read_record(RatioCalibrator, Fields(record, "c")) == CALIBRATOR
    with pytest.raises(SigningError, match=r"a ceiling of|a floor of|a slope of|not finite"):
        read_record(RatioCalibrator, Fields(record | {field: number}, "c"))


@pytest.mark.parametrize("field", ["reference", "others"])
@pytest.mark.parametrize("count", [0, -1, 20_001])
def test_a_calibrator_of_so_many_specimens_is_refused(field: str, count: int) -> None:
    with pytest.raises(SigningError, match=f"a calibrator of.* {count} "):
        read_record(RatioCalibrator, Fields(write_record(CALIBRATOR) | {field: count}, "c"))


def test_bounds_at_their_limit_are_admitted() -> None:
    assert replace(CALIBRATOR, ceiling=Decimal("29.45")).ceiling == Decimal("29.45")
    assert replace(CALIBRATOR, floor=Decimal("0.0516666666667")).floor < Decimal("0.0517")


def test_a_calibrator_gives_the_same_digits_after_signing() -> None:
    again = read_record(RatioCalibrator, Fields(write_record(CALIBRATOR), "c"))
    assert [str(again.ratio(Decimal(n) / 7)) for n in range(-9, 9)] == [
        str(CALIBRATOR.ratio(Decimal(n) / 7)) for n in range(-9, 9)
    ]


@pytest.mark.parametrize(
    ("ratio", "sentence"),
    [
        (
            "12.99",
            "the findings are about 12 times more probable if the specimen is of the reference than if the specimen is "
            "by one of the enrolled counterfeiters; this enrolment cannot support more than 25",
        ),
        (
            "0.0526315789474",
            "the findings are about 19 times more probable if the specimen is by one of the enrolled counterfeiters "
            "than if the specimen is of the reference; this enrolment cannot support more than 19",
        ),
        (
            "1.0999",
            "the findings are about as probable if the specimen is of the reference as if the specimen is by one of "
            "the enrolled counterfeiters; this enrolment cannot support more than 25",
        ),
    ],
)
def test_the_sentence_says_the_number_and_what_the_enrolment_can_support(ratio: str, sentence: str) -> None:
    assert ratio_sentence(CALIBRATOR, Decimal(ratio)) == sentence


@given(st.decimals(min_value=Decimal("0.001"), max_value=1000, places=9))
def test_the_number_of_a_sentence_is_never_overstated(ratio: Decimal) -> None:
    times, stated = max(ratio, 1 / ratio), re.search("about ([0-9.,]+) times", ratio_sentence(CALIBRATOR, ratio))
    number = Decimal(stated[1].replace(",", "")) if stated else Decimal(1)
    assert number <= times * (1 + Decimal("1e-8"))
    assert number > times * Decimal("0.909")  # two digits: 1.0 stands for 1.0999 at most


def test_another_maker_is_named_as_one_that_was_not_enrolled() -> None:
    other = replace(CALIBRATOR, alternative=Alternative.ANOTHER_MAKER)
    assert other.propositions[1] == "the specimen is by another maker, one that was not enrolled"
    assert "than if the specimen is by another maker" in ratio_sentence(other, Decimal(5))


def test_quality_has_two_parts_and_contradicting_numbers_are_refused() -> None:
    assert QUALITY.cllr_cal == Decimal("0.15")
    for cost, least in (("0.25", "0.3"), ("2", "1.1"), ("0.25", "-0.1"), ("Infinity", "0.1"), ("NaN", "0.1")):
        with pytest.raises(ValueError, match="a cllr of"):
            replace(QUALITY, cllr=Decimal(cost), cllr_min=Decimal(least))
    for count in (-1, 20):
        with pytest.raises(ValueError, match="misleading ratios of 19"):
            replace(QUALITY, misleading_reference=count)
    with pytest.raises(ValueError, match="31 misleading ratios of 30"):
        replace(QUALITY, misleading_others=31)
