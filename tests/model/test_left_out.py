"""What an enrolment says of itself: makers that are left out stand for makers that nobody enrolled."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from fusiondiff_audit.model.cross_conformal import CrossConformal
from fusiondiff_audit.model.left_out import measure_enrolment
from reports.verdict.likelihood_ratio import Alternative
from tests.model.test_cross_conformal import PROJECTION, enrolment, fitted, toy

ALPHA = Fraction(1, 10)  # at 5 % too few copies remain beside a maker that is left out


@pytest.fixture(scope="module")
def conformal() -> CrossConformal:
    return fitted(np.random.default_rng(3), 8)


def test_each_maker_of_copies_is_left_out_in_turn(conformal: CrossConformal) -> None:
    fitted_without: list[str] = []

    def progress(maker: str) -> Callable[[int, int], None]:
        fitted_without.append(maker)
        return lambda done, of: None

    figures = measure_enrolment(conformal, trees=3, seed=0, progress=progress)
    ranks, ratios = figures.ranks, figures.ratios
    assert ranks is not None
    assert len(figures.ratio_quality) == len(ratios)
    assert fitted_without == [maker.maker for maker in ranks.left_out] == ["copies", "others"]
    assert [len(maker.specimens) for maker in ranks.left_out] == [13, 12]
    assert {pair.counterfeit.of for pair in ranks.left_out[0].specimens} == {12}  # those of the other maker
    assert {pair.authentic.of for pair in ranks.left_out[0].specimens} == {25}
    assert [(ratio.alternative, ratio.reference, ratio.others) for ratio in ratios] == [
        (Alternative.ENROLLED_MAKERS, 25, 25),
        (Alternative.ANOTHER_MAKER, 25, 2),
    ]
    rates = ranks.error_rates(ALPHA)
    assert [rate.of for rate in rates] == [25, 25, *sorted((13, 12), key=lambda n: [r.of for r in rates[2:]].index(n))]
    shares = [Fraction(rate.errors, rate.of) for rate in rates[2:]]
    assert shares == sorted(shares, reverse=True)


def test_ware_of_a_maker_that_is_left_out_is_judged_by_models_that_never_saw_it(conformal: CrossConformal) -> None:
    others = [specimen for specimen in conformal.specimens if specimen.maker != "copies"]
    without = CrossConformal.fit(others, PROJECTION, trees=3, seed=0)
    ware = [specimen for specimen in conformal.specimens if specimen.maker == "copies"]
    ranks = measure_enrolment(conformal, trees=3, seed=0).ranks
    assert ranks is not None
    expected = [without.ranks(specimen.images, specimen.name, b"left out") for specimen in ware]
    assert [pair.authentic for pair in ranks.left_out[0].specimens] == [each.authentic for each in expected]


def test_one_maker_of_copies_cannot_be_left_out() -> None:
    rng = np.random.default_rng(4)
    specimens = [one for one in enrolment(rng, 8, of_each=9) if one.maker == "reference"]
    specimens += [toy(f"copies {i}", "copies", 8, rng=rng) for i in range(9)]
    figures = measure_enrolment(CrossConformal.fit(specimens, PROJECTION, trees=3, seed=0), trees=3, seed=0)
    assert figures.ranks is not None
    assert figures.ranks.left_out == ()
    assert [ratio.alternative for ratio in figures.ratios] == [Alternative.ENROLLED_MAKERS]
    assert [rate.what for rate in figures.ranks.error_rates(Fraction(1, 5))] == [
        "known copies accepted",
        "own specimens rejected",
    ]
