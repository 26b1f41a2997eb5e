"""The formulas of the certificates, on whole numbers and fractions: the one implementation, for makers and verifiers.

Conformal sets. A score is the nonconformity of a specimen with a class. With n scores of specimens of that class, of
which `at_least` are no smaller, p = (1 + at_least) / (n + 1), and the class is in the set if p > alpha. If the specimen
is of that class and was drawn like the others, it is left out of the set with a probability of at most alpha.
With n < 1 / alpha - 1 the class can never be left out, and the set is not available.

    >>> from fractions import Fraction
    >>> Rank(at_least=0, of=9).p
    Fraction(1, 10)
    >>> least_specimens(Fraction(1, 10)), least_specimens(Fraction("0.05")), least_specimens(Fraction("0.01"))
    (9, 19, 99)

Error rates. With so many errors of so many independent specimens, the rate is within Clopper and Pearson's (1934)
bounds with a probability of at least 95 %, whatever it is.

    >>> error_bounds(0, 24), error_bounds(2, 24)
    ('0.0 to 14.3 %', '1.0 to 27.0 %')

Poisoning. Specimens are dealt to partitions by their names alone, and each partition has one vote, so whoever alters r
partitions turns r votes at most (deep partition aggregation, Levine and Feizi 2021). A specimen that is altered in
place, its label included, alters one; one that is swapped for a specimen of another name alters two. An earlier class
wins ties.

    >>> tolerance((0, 5)), tolerance((5, 0)), tolerance((2, 3))
    (2, 2, 0)
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

MOST_SPECIMENS = 20_000  # of an error rate: its bounds are summed up term by term
_CLASSES = 2  # at least
_TAIL = 0.025  # on either side of an interval
_HALVINGS = 40
_DIGITS = 6  # of thousandths, which the halvings reach


def count_at_least(scores: Sequence[float], score: float) -> int:
    """Return how many scores are not below this one."""
    return sum(other >= score for other in scores)


def least_specimens(alpha: Fraction) -> int:
    """Return the least number of calibration specimens with which a class can be left out of a set."""
    if not 0 < alpha < 1:
        raise ValueError(f"an error rate of {alpha}")
    return math.ceil(1 / alpha - 1)


def error_bounds(errors: int, of: int) -> str:
    """Return the 95 % interval of an error rate, rounded outwards."""
    if not 0 <= errors <= of:
        raise ValueError(f"{errors} errors of {of}")
    low = 0.0 if errors == 0 else _crossing(lambda p: _at_most(errors - 1, of, p) < 1 - _TAIL)
    high = 1.0 if errors == of else _crossing(lambda p: _at_most(errors, of, p) <= _TAIL)
    low, high = (round(1000 * end, _DIGITS) for end in (low, high))
    return f"{math.floor(low) / 10:.1f} to {math.ceil(high) / 10:.1f} %"


def _at_most(errors: int, of: int, rate: float) -> float:
    """Return the probability of no more than so many errors."""
    log, rest = math.log(rate), math.log1p(-rate)
    whole = math.lgamma(of + 1)
    terms = (
        whole - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * log + (of - k) * rest for k in range(errors + 1)
    )
    return math.fsum(map(math.exp, terms))


def _crossing(beyond: Callable[[float], bool]) -> float:
    """Return the rate at which a monotonic condition becomes true, to more digits than are shown."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high


def tolerance(votes: Sequence[int]) -> int:
    """Return how many partitions may be altered without another class winning; `votes` are of each class."""
    if len(votes) < _CLASSES or min(votes) < 0:
        raise ValueError(f"votes {list(votes)}")
    winner = votes.index(max(votes))
    others = [place for place in range(len(votes)) if place != winner]
    return min((votes[winner] - votes[place] - (place < winner)) // 2 for place in others)


@dataclass(frozen=True, slots=True)
class Rank:
    """How many of the calibration specimens have a nonconformity of at least this specimen's."""

    at_least: int
    of: int

    def __post_init__(self) -> None:
        """Refuse counts that contradict each other."""
        if not 0 <= self.at_least <= self.of:
            raise ValueError(f"{self.at_least} of {self.of} scores")

    def above(self, alpha: Fraction) -> bool:
        """Say whether the p-value is above an error rate, so that the class is in the set."""
        return (1 + self.at_least) * alpha.denominator > (1 + self.of) * alpha.numerator

    @property
    def p(self) -> Fraction:
        """Return the p-value."""
        return Fraction(1 + self.at_least, 1 + self.of)
