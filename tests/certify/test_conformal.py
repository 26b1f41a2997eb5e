"""Conformal sets: the formula, the coverage, and no set from too few specimens."""

from fractions import Fraction

import numpy as np
import pytest

from fusiondiff_audit.certify.conformal import ConformalRanks, conformal_ranks
from fusiondiff_audit.model.calibration import Calibration
from fusiondiff_audit.model.findings import Class
from reports.arithmetic import Rank, count_at_least, least_specimens

TENTH = Fraction(1, 10)


def known(counterfeit: int, authentic: int, familiar: int = 0) -> Calibration:
    """Return calibration scores 0, 1/n, 2/n and so on."""
    first, second, third = (tuple(i / n for i in range(n)) for n in (counterfeit, authentic, familiar))
    return Calibration(first, second, third, ())


def classes(ranks: ConformalRanks, alpha: Fraction = TENTH) -> set[Class]:
    """Return the labels of the conformal set."""
    assert ranks.counterfeit is not None
    assert ranks.authentic is not None
    each = {Class.COUNTERFEIT: ranks.counterfeit, Class.AUTHENTIC: ranks.authentic}
    return {kind for kind, rank in each.items() if rank.p > alpha}


def test_p_values_count_ties_against_the_specimen() -> None:
    assert count_at_least([0.1, 0.2, 0.2, 0.4], 0.2) == 3
    assert Rank(3, 4).p == Fraction(4, 5)
    with pytest.raises(ValueError, match="5 of 4"):
        Rank(5, 4)


@pytest.mark.parametrize("alpha", [Fraction(1, 10), Fraction("0.05"), Fraction("0.3"), Fraction(1, 100)])
def test_the_least_number_is_the_first_that_can_leave_a_class_out(alpha: Fraction) -> None:
    least = least_specimens(alpha)
    assert Rank(0, least).p <= alpha
    assert least == 1 or Rank(0, least - 1).p > alpha


@pytest.mark.parametrize("alpha", [Fraction(0), Fraction(1), Fraction(-1, 2)])
def test_error_rates_that_are_none_are_refused(alpha: Fraction) -> None:
    with pytest.raises(ValueError, match="error rate"):
        least_specimens(alpha)


def test_too_few_specimens_of_one_class_make_no_set() -> None:
    for few in (known(9, 8), known(8, 9)):
        ranks = conformal_ranks([0.5], [0.0], few, TENTH)
        assert (ranks.counterfeit, ranks.authentic) == (None, None)
    assert conformal_ranks([0.5], [0.0], known(9, 9), TENTH).authentic is not None


@pytest.mark.parametrize(
    ("scores", "left"),
    [
        ([1.0], {Class.AUTHENTIC}),
        ([0.0], {Class.COUNTERFEIT}),
        ([0.5], {Class.AUTHENTIC, Class.COUNTERFEIT}),
        ([1.0, 0.0], set()),  # pictures of one specimen that contradict each other fit neither class
    ],
)
def test_a_specimen_is_ranked_by_its_worst_image(scores: list[float], left: set[Class]) -> None:
    assert classes(conformal_ranks(scores, [0.0], known(9, 9), TENTH)) == left


def test_leave_one_out_scores_stand_in_for_too_few_held_out_specimens() -> None:
    enrolled = tuple(i / 40 for i in range(40))
    few, enough = (Calibration((), (), (0.1,) * count, enrolled) for count in (8, 9))
    assert conformal_ranks([0.9], [2.0], few, TENTH).familiar == Rank(0, 40)
    assert conformal_ranks([0.9], [2.0], enough, TENTH).familiar == Rank(0, 9)


def test_the_true_class_is_excluded_no_more_often_than_the_error_rate() -> None:
    """Calibration and specimens are drawn alike, with many ties, as in forests of few trees."""
    rng = np.random.default_rng(5)
    left_out, draws = 0, 4000
    for _ in range(draws):
        scores = np.round(rng.beta(4, 2, 31), 1)
        calibration = Calibration(tuple(np.zeros(30)), tuple(1 - scores[1:]), (), ())
        ranks = conformal_ranks([float(scores[0])], [0.0], calibration, TENTH)
        left_out += Class.AUTHENTIC not in classes(ranks)
    assert left_out / draws < 0.1 + 3 * (0.09 / draws) ** 0.5
    assert left_out > 0


def test_an_unfamiliar_specimen_has_a_small_p_value() -> None:
    calibration = known(0, 0, 19)
    for strange, p in (([0.2, 5.0], Fraction(1, 20)), ([0.0], 1)):
        rank = conformal_ranks([0.5], strange, calibration, Fraction(1, 20)).familiar
        assert rank is not None
        assert rank.p == p
    assert conformal_ranks([0.5], [5.0], known(0, 0, 18), Fraction(1, 20)).familiar is None


def test_a_specimen_without_images_is_refused() -> None:
    for scores, strange in (([], [0.0]), ([0.5], [])):
        with pytest.raises(ValueError, match="without an image"):
            conformal_ranks(scores, strange, known(9, 9), TENTH)
