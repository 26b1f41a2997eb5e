"""The law of counts and the bound against enumerations, the error rate of the statement against simulated batches."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import chain, combinations
from math import comb

import pytest
from scipy.stats import binom, binomtest

from reports.arithmetic import MOST_SPECIMENS, Rank, count_at_least, least_specimens
from reports.verdict.batch_statement import (
    BatchStatement,
    batch_statement,
    expected_exclusions,
    expected_exclusions_text,
    least_unlike_specimens,
    null_probability,
)

LEVEL = Fraction(1, 20)
ALPHA = Fraction("0.05")
STATEMENT = BatchStatement(beyond=8, of=20, calibration=39, place=2, least_unlike=5, approximate=False)


def orderings(calibration: int, audited: int) -> Iterator[list[int]]:
    """Yield, of each order of the scores of both kinds, how many calibration scores each audited one is below.

    Exchangeable scores have each of these orders with the same probability.
    """
    for drawn in combinations(range(calibration + audited), calibration):
        yield [sum(c > place for c in drawn) for place in range(calibration + audited) if place not in drawn]


def bound(beyond: int, of: int, calibration: int, place: int) -> int:
    return least_unlike_specimens(beyond, of=of, calibration=calibration, place=place)


SIZES = [(n, m, j) for n in range(1, 6) for m in range(6) for j in range(1, n + 1)]


def test_the_law_of_the_count_is_that_of_all_orderings() -> None:
    for calibration, audited, place in SIZES:
        counts = [sum(above < place for above in order) for order in orderings(calibration, audited)]
        for beyond in range(audited + 1):
            share = Fraction(sum(count >= beyond for count in counts), len(counts))
            assert null_probability(beyond, of=audited, calibration=calibration, place=place) == share


@pytest.mark.parametrize(("calibration", "audited"), [(1, 9), (19, 7), (58, 500), (385, 40)])
def test_the_law_beyond_all_scores_is_a_product(calibration: int, audited: int) -> None:
    product = Fraction(1)
    for beyond in range(audited + 1):
        assert null_probability(beyond, of=audited, calibration=calibration, place=1) == product
        product *= Fraction(audited - beyond, calibration + audited - beyond)


def test_the_law_of_one_specimen_is_its_p_value() -> None:
    for calibration in range(1, 41):
        for place in range(1, calibration + 1):
            p = Rank(place - 1, calibration).p
            assert null_probability(1, of=1, calibration=calibration, place=place) == p


def closed_testing(beyond: int, of: int, calibration: int, place: int) -> int:
    """Return the bound by its definition: every set is tested, and rejected if all sets that contain it are."""
    sets = list(chain.from_iterable(combinations(range(of), size) for size in range(of + 1)))
    counts = {members: sum(member < beyond for member in members) for members in sets}
    kept = [
        set(members)
        for members in sets
        if null_probability(counts[members], of=len(members), calibration=calibration, place=place) > LEVEL
    ]
    not_rejected = [members for members in sets if any(larger.issuperset(members) for larger in kept)]
    return of - max(len(members) for members in not_rejected)


def test_the_bound_is_that_of_closed_testing_with_every_set_tested() -> None:
    bounds = []
    for calibration, of, place in [(2, 6, 1), (4, 6, 1), (6, 6, 1), (19, 4, 1), (20, 5, 1), (9, 6, 2), (39, 4, 2)]:
        for beyond in range(of + 1):
            bounds.append(bound(beyond, of, calibration, place))
            assert bounds[-1] == closed_testing(beyond, of, calibration, place), (calibration, of, place, beyond)
    assert set(bounds) == {0, 1, 2, 3, 4, 5}


def test_bisection_finds_the_first_count_that_is_not_rejected() -> None:
    for calibration, place in [(19, 1), (58, 2), (99, 1), (99, 5)]:
        for of in (1, 7, 60):
            for beyond in range(of + 1):
                first = next(
                    k
                    for k in range(of + 1)
                    if null_probability(beyond - k, of=of - k, calibration=calibration, place=place) > LEVEL
                )
                assert bound(beyond, of, calibration, place) == first


def top(_above: list[int], false: int) -> int:
    """All false nulls are beyond every calibration score."""
    return false


def middle(_above: list[int], _false: int) -> int:
    """All false nulls are in the middle of the calibration scores, and none is beyond."""
    return 0


def where_nulls_are(above: list[int], false: int) -> int:
    """An adversary who knows the scores puts all false nulls beyond where a true one is, otherwise half of them."""
    return false if 0 in above else false // 2


@pytest.mark.parametrize("placed", [top, middle, where_nulls_are])
def test_the_statement_is_too_high_in_one_of_twenty_orderings_at_most(placed: Callable[[list[int], int], int]) -> None:
    highest = Fraction(0)
    for calibration, of, place in [(3, 6, 1), (5, 5, 1), (6, 6, 2), (8, 5, 2), (9, 4, 3)]:
        bounds = [bound(beyond, of, calibration, place) for beyond in range(of + 1)]
        for nulls in range(of + 1):
            too_high = 0
            for above in orderings(calibration, nulls):
                beyond = sum(count < place for count in above) + placed(above, of - nulls)
                too_high += bounds[beyond] > of - nulls
            rate = Fraction(too_high, comb(calibration + nulls, nulls))
            assert rate <= LEVEL, (calibration, of, place, nulls)
            highest = max(highest, rate)
    assert highest > Fraction(1, 25)  # the level is used, so that a bound which is higher by one would be seen


@cache
def binomial_bound(beyond: int, of: int, calibration: int, place: int) -> int:
    """Return the bound as if the p-values were independent, which one set of calibration specimens for all forbids."""
    rate = place / (calibration + 1)
    return next(k for k in range(beyond + 1) if binom.sf(beyond - k - 1, of - k, rate) > LEVEL)


@pytest.mark.parametrize(("calibration", "decimals"), [(19, 6), (59, 1)])  # 1: most scores are tied
def test_simulated_batches_are_overstated_no_more_often_than_the_level(calibration: int, decimals: int) -> None:
    batches, nulls, false = 2000, 80, 10
    drawn = random.Random(f"{calibration} {decimals}")
    too_high = 0
    too_high_if_independent = 0
    for _ in range(batches):
        scores = [round(drawn.gauss(0, 1), decimals) for _ in range(calibration)]
        ranks = false * [Rank(0, calibration)]
        for _ in range(nulls):
            ranks.append(Rank(count_at_least(scores, round(drawn.gauss(0, 1), decimals)), calibration))
        made = batch_statement(ranks, ALPHA, approximate=False)
        too_high += made.least_unlike > false
        too_high_if_independent += binomial_bound(made.beyond, made.of, calibration, made.place) > false
    # The exact binomial test of a rate of 1/20 against a higher one, at 1/1000. It sees a bound that is wrong.
    assert not rate_is_above_the_level(too_high, batches), too_high
    assert too_high > 0
    assert rate_is_above_the_level(too_high_if_independent, batches)


def rate_is_above_the_level(count: int, of: int) -> bool:
    return bool(binomtest(count, of, float(LEVEL), alternative="greater").pvalue < 0.001)


def test_bounds_that_were_computed_by_hand() -> None:
    assert (bound(1, 1, 19, 1), bound(1, 1, 18, 1)) == (1, 0)  # p = 1/20 and 1/19
    assert null_probability(3, of=3, calibration=3, place=1) == Fraction(1, 20)  # 3/6 2/5 1/4; without one of them 1/10
    assert [bound(beyond, 3, 3, 1) for beyond in range(4)] == [0, 0, 0, 1]
    assert null_probability(1, of=2, calibration=2, place=2) == Fraction(5, 6)  # all orders but one
    assert bound(500, 500, 1, 1) == 482  # one score is below m of m with 1 / (m + 1): rejected for m >= 19
    assert bound(20, 20, 39, 2) == 20  # one specimen below one of 39 has p = 2/40
    assert bound(0, 7, 3, 1) == 0


def test_27_of_500_specimens_need_58_calibration_specimens_and_370_by_simes_test() -> None:
    assert [bound(27, 500, calibration, 1) for calibration in (57, 58)] == [0, 1]
    assert bound(26, 500, 58, 1) == 0
    simes = next(n for n in range(1, 1000) if Rank(0, n).p <= LEVEL * Fraction(27, 500))
    assert simes == 370


def test_neither_place_is_always_better() -> None:
    moderate = [Rank(1, 39)] * 10 + [Rank(20, 39)] * 10  # one calibration specimen exceeds them all
    assert batch_statement(moderate, ALPHA, approximate=False).least_unlike == 8
    assert bound(0, 20, 39, 1) == 0
    extreme = 25 + 475 * Fraction(1, 100), 25 + 475 * Fraction(5, 100)  # beyond, on average, with 25 that are unlike
    assert [bound(round(count), 500, 99, place) for count, place in zip(extreme, (1, 5), strict=True)] == [15, 2]


@pytest.mark.parametrize(("calibration", "alpha"), [(39, "0.05"), (58, "0.05"), (19, "0.1"), (99, "0.01"), (4, "0.5")])
def test_beyond_are_the_specimens_whose_set_leaves_the_reference_out(calibration: int, alpha: str) -> None:
    rate = Fraction(alpha)
    ranks = [Rank(above, calibration) for above in range(calibration + 1)]
    made = batch_statement(ranks, rate, approximate=False)
    assert made.beyond == made.place == sum(not rank.above(rate) for rank in ranks)


def test_too_few_calibration_specimens_for_sets_allow_a_statement_on_many() -> None:
    few = least_specimens(ALPHA) - 1
    made = batch_statement([Rank(0, few)] * 5, ALPHA, approximate=True)
    assert made == BatchStatement(5, 5, few, 1, 4, approximate=True)


@pytest.mark.parametrize("ranks", [(), (Rank(0, 19), Rank(0, 20))])
def test_no_ranks_and_ranks_among_different_numbers_are_refused(ranks: tuple[Rank, ...]) -> None:
    with pytest.raises(ValueError, match="calibration specimens, where one number is needed"):
        batch_statement(ranks, ALPHA, approximate=False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("beyond", 21),
        ("beyond", 4),
        ("of", 7),
        ("place", 0),
        ("place", 40),
        ("calibration", 1),
        ("calibration", MOST_SPECIMENS + 1),
        ("least_unlike", 9),
        ("least_unlike", -1),
    ],
)
def test_counts_that_contradict_each_other_are_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=r"beyond|place"):
        replace(STATEMENT, **{field: value})  # type: ignore[arg-type]


def test_more_beyond_than_there_are_specimens_is_refused() -> None:
    with pytest.raises(ValueError, match="4 of 3 specimens are beyond"):
        null_probability(4, of=3, calibration=9, place=1)
    with pytest.raises(ValueError, match="place 0 among 9"):
        bound(3, 3, 9, 0)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            STATEMENT,
            "At least 5 of 20 specimens are not like the reference, at 95 % confidence. "
            "8 are less like it than all but at most 1 of its 39 enrolled specimens.",
        ),
        (
            BatchStatement(27, 500, 58, 1, 1, approximate=True),
            "At least 1 of 500 specimens is not like the reference, at approximately 95 % confidence. "
            "27 are less like it than each of its 58 enrolled specimens.",
        ),
        (
            BatchStatement(26, 500, 58, 1, 0, approximate=False),
            "It is not shown at 95 % confidence that any of 500 specimens is not like the reference. "
            "26 are less like it than each of its 58 enrolled specimens.",
        ),
    ],
)
def test_sentences(statement: BatchStatement, sentence: str) -> None:
    assert statement.sentence() == sentence


@pytest.mark.parametrize(
    ("calibration", "audited", "alpha"), [(4, 3, "0.2"), (5, 3, "0.5"), (3, 4, "0.2"), (5, 4, "0.4")]
)
def test_the_expected_number_of_exclusions_is_the_mean_of_all_orderings(
    calibration: int, audited: int, alpha: str
) -> None:
    rate = Fraction(alpha)
    orders = list(orderings(calibration, audited))
    excluded = sum(not Rank(above, calibration).above(rate) for order in orders for above in order)
    assert expected_exclusions(audited, calibration, rate) == Fraction(excluded, len(orders))


def test_the_expected_number_of_exclusions_is_rounded_up() -> None:
    assert expected_exclusions(500, 58, ALPHA) == Fraction(1000, 59)  # 16.949
    assert (
        expected_exclusions_text(500, 58, ALPHA, approximate=False)
        == "Of 500 specimens like the reference, at most 17.0 have the reference ruled out on average."
    )
    assert " approximately 25.0 have " in expected_exclusions_text(500, 39, ALPHA, approximate=True)
    assert " at most 0.6 have " in expected_exclusions_text(11, 19, ALPHA, approximate=False)  # 0.55
