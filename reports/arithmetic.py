"""The formulas of the certificates, on whole numbers and fractions: the one implementation, for makers and checkers.

Conformal sets. A score says how strange a specimen is for a class. With n scores of specimens of that class, of which
`at_least` are as strange or stranger, p = (1 + at_least) / (n + 1), and the class is in the set if p > alpha. If the
specimen is of that class and was drawn like the others, it is left out of the set with a probability of at most alpha.
With n < 1 / alpha - 1 the class can never be left out, and the set says nothing: it is not available.

    >>> from fractions import Fraction
    >>> conformal_p(at_least=0, of=9)
    Fraction(1, 10)
    >>> least_specimens(Fraction(1, 10)), least_specimens(Fraction("0.05")), least_specimens(Fraction("0.01"))
    (9, 19, 99)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


def at_least(scores: Sequence[float], score: float) -> int:
    """Return how many scores are not below this one."""
    return sum(each >= score for each in scores)


def conformal_p(*, at_least: int, of: int) -> Fraction:
    """Return the p-value of a score that so many of so many calibration scores reach."""
    return Rank(at_least, of).p


def least_specimens(alpha: Fraction) -> int:
    """Return how many specimens of a class it takes before the class can be left out of a set."""
    if not 0 < alpha < 1:
        raise ValueError(f"an error rate of {alpha}")
    return math.ceil(1 / alpha - 1)


@dataclass(frozen=True, slots=True)
class Rank:
    """How many calibration specimens are as strange as this one, or stranger."""

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
