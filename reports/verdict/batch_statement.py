"""What a report says of a whole batch: at least so many of its specimens are not like the reference.

A batch of N specimens is ranked among one set of n calibration specimens. Null hypothesis of a specimen: it is like
the reference, that is, exchangeable with the calibration specimens. (Another instrument makes it false as another maker
does.) N verdicts, each right at its own error rate, support no statement about their number: all share one set of
calibration specimens, and if its largest scores happen to be low, many of N specimens exceed them together. The law of
that number is exact, and closed testing (Marcus, Peritz and Gabriel 1976; Goeman and Solari 2011) makes a lower
confidence bound of it.

Statistic: how many of m specimens are beyond the j-th largest calibration score; ties count for the null hypothesis.

    >>> null_probability(1, of=1, calibration=19, place=1)  # of one specimen: its p-value
    Fraction(1, 20)
    >>> least_unlike_specimens(27, of=500, calibration=58, place=1)  # 500 / 59 = 8.5 are expected
    1
    >>> least_unlike_specimens(27, of=500, calibration=57, place=1)
    0

Simes' test needs 370 calibration specimens to say as much of 27: no p-value is below 1 / (n + 1).

The place j is floor(alpha (n + 1)), or 1 where that is 0. What is counted are then the specimens whose conformal set
leaves the reference out, which a reader of the rows can count again. Always taking j = 1 would find more where few
specimens are unlike the reference and all of these are extreme. But one calibration specimen that is mislabelled or
altered would hide all others, and specimens that are moderately unlike the reference do not exceed the largest of many
scores. Neither is always better, so j follows from n and alpha alone: a choice by the data would be two tests at one
level.

    >>> ranks = [Rank(0, 39)] * 7 + [Rank(1, 39)] + [Rank(20, 39)] * 12
    >>> statement = batch_statement(ranks, Fraction("0.05"), approximate=False)
    >>> statement
    BatchStatement(beyond=8, of=20, calibration=39, place=2, least_unlike=5, approximate=False)
    >>> statement.sentence().split(". ")[0]
    'At least 5 of 20 specimens are not like the reference, at 95 % confidence'
    >>> expected_exclusions(500, 39, Fraction("0.05"))
    Fraction(25, 1)
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, comb, floor

from reports.arithmetic import MOST_SPECIMENS, Rank

_LEVEL = Fraction(1, 20)  # of the statement, whatever the error rate of the conformal sets is
_CONFIDENCE = "95 % confidence"


@dataclass(frozen=True, slots=True)
class BatchStatement:
    """How many specimens of a batch are beyond a calibration score, and how many at least are unlike the reference.

    `place` says which score: 1 is the largest. `of` are the specimens with a rank. `approximate`: the law is not exact,
    because ranks are cross-conformal instead of among held-out specimens, or because specimens were ranked at different
    designs. Only counts that contradict each other are refused here; `batch_statement` makes the statement again.
    """

    beyond: int
    of: int
    calibration: int
    place: int
    least_unlike: int
    approximate: bool

    def __post_init__(self) -> None:
        """Refuse counts that contradict each other."""
        _check(self.beyond, self.of, self.calibration, self.place)
        if not 0 <= self.least_unlike <= self.beyond:
            raise ValueError(f"at least {self.least_unlike} specimens unlike the reference, {self.beyond} beyond")

    def sentence(self) -> str:
        """Return the statement for people."""
        confidence = ("approximately " if self.approximate else "") + _CONFIDENCE
        verb = "is" if self.least_unlike == 1 else "are"
        claim = f"At least {self.least_unlike} of {self.of} specimens {verb} not like the reference, at {confidence}"
        if not self.least_unlike:
            claim = f"It is not shown at {confidence} that any of {self.of} specimens is not like the reference"
        others = "each" if self.place == 1 else f"all but at most {self.place - 1}"
        verb = "is" if self.beyond == 1 else "are"
        return f"{claim}. {self.beyond} {verb} less like it than {others} of its {self.calibration} enrolled specimens."


def batch_statement(ranks: Sequence[Rank], alpha: Fraction, *, approximate: bool) -> BatchStatement:
    """Return the statement on specimens with these ranks as the reference, at the error rate of their conformal sets.

    Raises ValueError for no ranks, and for ranks among different numbers of calibration specimens.
    """
    sizes = sorted({rank.of for rank in ranks})
    if len(sizes) != 1:
        raise ValueError(f"ranks among {sizes} calibration specimens, where one number is needed")
    of, calibration = len(ranks), sizes[0]
    place = statement_place(calibration, alpha)
    beyond = sum(rank.at_least < place for rank in ranks)
    least = least_unlike_specimens(beyond, of=of, calibration=calibration, place=place)
    return BatchStatement(beyond, of, calibration, place, least, approximate)


def statement_place(calibration: int, alpha: Fraction) -> int:
    """Return the place of the calibration score that specimens are compared with."""
    return max(1, floor(alpha * (calibration + 1)))


def least_unlike_specimens(beyond: int, *, of: int, calibration: int, place: int) -> int:
    """Return how many specimens at least are unlike the reference, at 95 % confidence, if so many are beyond."""
    # Closed testing. B of N specimens are beyond, B(S) of a set S. The hypothesis that all m specimens of S are like
    # the reference is rejected if B(S) or more of m have a probability of at most the level.
    # 1. A set that its own test does not reject may be like the reference, with all its subsets. So the bound is N less
    #    the size of the largest set that its own test does not reject.
    # 2. Of all sets of N - k specimens, the one with the least B(S) is the hardest to reject. The k that it leaves out
    #    are beyond, as far as there are such: B(S) = max(0, B - k). If it is rejected, so are all of this size.
    # 3. So the bound is the least k whose hardest set is not rejected. Smaller sets, of m < N - k, do not matter: their
    #    tests may reject them or not, the largest set that is not rejected has N - k specimens. A count of 0 is never
    #    rejected, so k <= B, and max(0, B - k) is B - k.
    # Error rate. Let t specimens T be like the reference. If the bound is too high, above f = N - t, then f was
    # rejected: B - f or more of t have a probability of at most the level. At most f specimens are outside T, so
    # B(T) >= B - f, and the true hypothesis of T is rejected, which happens with a probability of at most the level.
    # Nothing is assumed of the specimens outside T.
    # Bisection is right: a set with one specimen less has at most one less beyond, so P(m - 1, b - 1) >= P(m, b).
    _check(beyond, of, calibration, place)

    def is_not_rejected(k: int) -> bool:
        return null_probability(beyond - k, of=of - k, calibration=calibration, place=place) > _LEVEL

    return bisect_left(range(beyond), True, key=is_not_rejected)


def null_probability(beyond: int, *, of: int, calibration: int, place: int) -> Fraction:
    """Return the probability that at least so many specimens are beyond, if all are like the reference.

    Exact for scores without ties; with ties the probability is no higher.
    """
    # At least b of m specimens are beyond the j-th largest of n calibration scores if and only if fewer than j of the
    # b + j - 1 largest of all n + m scores are of calibration. Each choice of n ranks among n + m is equally likely,
    # so that number is hypergeometric. For j = 1 the sum is the product of (m - i) / (n + m - i) over i < b.
    _check(beyond, of, calibration, place)
    largest = beyond + place - 1
    least = max(0, largest - of)
    ways = term = comb(largest, least) * comb(calibration + of - largest, calibration - least)
    for i in range(least, place - 1):  # from i of calibration to i + 1; computing each term anew takes minutes
        term = term * (largest - i) * (calibration - i) // ((i + 1) * (of - largest + i + 1))
        ways += term
    return Fraction(ways, comb(calibration + of, calibration))


def expected_exclusions(specimens: int, calibration: int, alpha: Fraction) -> Fraction:
    """Return how many of so many specimens like the reference are excluded from it by their sets, on average.

    Exact for scores without ties; with ties there are no more.
    """
    return Fraction(specimens * floor(alpha * (calibration + 1)), calibration + 1)


def expected_exclusions_tenths(specimens: int, calibration: int, alpha: Fraction) -> int:
    """Return the expected number of exclusions in tenths, rounded up."""
    return ceil(10 * expected_exclusions(specimens, calibration, alpha))


def expected_exclusions_text(specimens: int, calibration: int, alpha: Fraction, *, approximate: bool) -> str:
    """Return the expected number of exclusions as a sentence, rounded up to one decimal."""
    tenths = expected_exclusions_tenths(specimens, calibration, alpha)
    number = f"{'approximately' if approximate else 'at most'} {tenths // 10}.{tenths % 10}"
    return f"Of {specimens} specimens like the reference, {number} have the reference ruled out on average."


def _check(beyond: int, of: int, calibration: int, place: int) -> None:
    if not 0 <= beyond <= of:
        raise ValueError(f"{beyond} of {of} specimens are beyond")
    if not 1 <= place <= calibration <= MOST_SPECIMENS:
        raise ValueError(f"place {place} among {calibration} calibration specimens, at most {MOST_SPECIMENS}")
