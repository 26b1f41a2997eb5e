"""The forecast before an enrolment says what the bundle states after it."""

from fractions import Fraction

import pytest

from fusiondiff_audit.model.enrolment import LabelledExample
from fusiondiff_audit.training.enrolment_forecast import EnrolmentForecast
from reports.arithmetic import least_specimens
from reports.verdict.likelihood_ratio import Alternative


def forecast(authentic: int, *makers: int | None, images: int = 1) -> EnrolmentForecast:
    """Return the forecast of authentic specimens by one maker, and one counterfeit for each number of a maker."""
    specimens = [(f"a{number}", True, "kiln") for number in range(authentic)]
    copies = [(f"c{place}", False, None if maker is None else f"w{maker}") for place, maker in enumerate(makers)]
    return EnrolmentForecast.of_examples(
        LabelledExample(f"{image:064x}", name, label, maker)
        for name, label, maker in [*specimens, *copies]
        for image in range(images)
    )


@pytest.mark.parametrize(("rate", "least"), [(Fraction(1, 10), 9), (Fraction(1, 20), 19), (Fraction(1, 100), 99)])
def test_answers_need_specimens_enough_of_either_class(rate: Fraction, least: int) -> None:
    assert least_specimens(rate) == least
    assert forecast(least, *[0] * least).answers(rate)
    assert forecast(least, *[0] * (least - 1), images=3).missing(rate) == (0, 1)
    assert not forecast(least, *[0] * (least - 1)).answers(rate)
    assert not forecast(least - 1, *[0] * least).answers(rate)


def test_what_is_missing_is_said() -> None:
    five, two = forecast(9, *[0] * 12).sentences()[1], forecast(19, *[0] * 12).sentences()[1]
    assert five.endswith("not-calibrated; 10 authentic and 7 counterfeit ones are missing")
    assert two.endswith("not-calibrated; 7 counterfeit ones are missing")
    each_its_own = [LabelledExample(f"{i:064x}", f"s{i}", i % 2 == 0, f"maker {i}") for i in range(20)]
    (ten, *_) = EnrolmentForecast.of_examples(each_its_own).sentences()
    assert ten.endswith("no maker has specimens enough to fit to")
    assert EnrolmentForecast.of_examples([]).data()["makersOfCounterfeits"] == 0


@pytest.mark.parametrize(
    ("makers", "measured", "sentence"),
    [
        ([0] * 9, 0, "not measured, counterfeits have 1 maker; name two"),
        ([None] * 9, 0, "not measured, counterfeits have 1 maker; name two"),
        ([0] * 5 + [1] * 5, 2, "measured by leaving out each of 2 makers"),
        ([0] * 8 + [1] * 2, 1, "measured by leaving out 1 of 2 makers"),  # without the first, two specimens remain
        ([0] * 4 + [1] * 4 + [2], 3, "measured by leaving out each of 3 makers"),
    ],
)
def test_makers_are_left_out_where_others_remain(makers: list[int | None], measured: int, sentence: str) -> None:
    result = forecast(9, *makers)
    assert result.measured == measured
    assert sentence in result.sentences()[3]
    another = result.largest_ratio(Alternative.ANOTHER_MAKER)
    assert (another is None) is (measured < 2)


def test_the_largest_ratio_is_that_of_the_bounds() -> None:
    result = forecast(25, *[number % 8 for number in range(25)])
    assert result.sentences()[4] == (
        "likelihood ratios: at most 25 against the enrolled counterfeiters, at most 8.6 against another maker"
    )
    assert result.data()["largestRatio"] == {"enrolled-makers": "25", "another-maker": "8.6"}
    assert forecast(2, 0, 0).sentences()[4].startswith("likelihood ratios: none against")
