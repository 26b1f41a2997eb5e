"""The formulas agree with a library that nobody needs to verify a report."""

from itertools import product

import pytest
from scipy.stats import binomtest

from reports.arithmetic import error_bounds, tolerance


@pytest.mark.parametrize("of", [1, 2, 24, 59, 300, 5000])
def test_bounds_of_an_error_rate_are_clopper_and_pearson_s(of: int) -> None:
    for errors in sorted({0, 1, of // 7, of // 2, of - 1, of}):
        exact = binomtest(errors, of).proportion_ci(0.95, method="exact")
        low, high = (float(text) for text in error_bounds(errors, of).removesuffix(" %").split(" to "))
        assert 100 * exact.low - 0.1001 < low <= 100 * exact.low + 1e-6, (errors, of)
        assert 100 * exact.high - 1e-6 <= high < 100 * exact.high + 0.1001, (errors, of)


def test_more_errors_than_specimens_are_refused() -> None:
    with pytest.raises(ValueError, match="3 errors of 2"):
        error_bounds(3, 2)


def winner(votes: tuple[int, ...]) -> int:
    return votes.index(max(votes))


def turned(votes: tuple[int, ...]) -> set[tuple[int, ...]]:
    """Return all votes that one touched partition may make of these."""
    found = {votes}
    for one, other in product(range(len(votes)), repeat=2):
        if votes[one] and one != other:
            changed = list(votes)
            changed[one] -= 1
            changed[other] += 1
            found.add(tuple(changed))
    return found


def test_tolerance_is_exact_for_every_vote_of_two_to_four_classes() -> None:
    known = 0
    for classes in (2, 3, 4):
        for votes in product(range(10), repeat=classes):
            if not 1 <= sum(votes) <= 9:
                continue
            known += 1
            reached, touched = {votes}, 0
            while {winner(each) for each in reached} == {winner(votes)} and touched <= sum(votes):
                reached = set().union(*map(turned, reached))
                touched += 1
            assert tolerance(votes) == touched - 1, votes
    assert known == 987


def test_tolerance_of_unanimous_votes() -> None:
    assert [tolerance((0, k)) for k in (5, 11, 21)] == [tolerance((k, 0)) for k in (5, 11, 21)] == [2, 5, 10]
    assert (tolerance((10, 0)), tolerance((0, 10))) == (5, 4)


@pytest.mark.parametrize("votes", [(), (3,), (-1, 2)])
def test_votes_that_are_none_are_refused(votes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="votes"):
        tolerance(votes)
