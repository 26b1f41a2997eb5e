"""Conformal sets, class by class, and whether a picture is like anything that was enrolled.

Both hold a specimen's scores against those of specimens that the forests did not learn from, by rank alone
(`reports.arithmetic`). A specimen counts once, by its worst picture, in calibration and here.

    >>> from fractions import Fraction
    >>> from fusiondiff_audit.model.calibration import Calibration
    >>> known = Calibration(tuple(i / 10 for i in range(9)), tuple(i / 10 for i in range(9)), (), ())
    >>> found = ranks([0.95, 0.9], [1.0], known, Fraction(1, 10))
    >>> found.counterfeit, found.authentic, found.familiar
    (Rank(at_least=0, of=9), Rank(at_least=8, of=9), None)
    >>> ranks([0.95], [1.0], known, Fraction(1, 20)).authentic is None  # nine specimens of a class cannot tell 5 %
    True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from fusiondiff_audit.model.calibration import Calibration, class_nonconformity
from fusiondiff_audit.model.findings import Class
from reports.arithmetic import Rank, count_at_least, least_specimens


@dataclass(frozen=True, slots=True)
class ConformalRanks:
    """Where a specimen stands among the calibration specimens; None where too few of them could leave anything out."""

    counterfeit: Rank | None
    authentic: Rank | None
    familiar: Rank | None


def conformal_ranks(
    scores: Sequence[float], strange: Sequence[float], known: Calibration, alpha: Fraction
) -> ConformalRanks:
    """Return the ranks of a specimen, by the scores and the unfamiliarity of its pictures."""
    if not scores or not strange:
        raise ValueError("a specimen without a picture")
    least = least_specimens(alpha)

    def rank(others: Sequence[float], worst: float) -> Rank | None:
        return Rank(count_at_least(others, worst), len(others)) if len(others) >= least else None

    def of(kind: Class, others: Sequence[float]) -> Rank | None:
        return rank(others, max(class_nonconformity(score, kind) for score in scores))

    counterfeit, authentic = of(Class.COUNTERFEIT, known.counterfeit), of(Class.AUTHENTIC, known.authentic)
    if counterfeit is None or authentic is None:
        counterfeit = authentic = None
    others = known.held_out if len(known.held_out) >= least else known.leave_one_out
    return ConformalRanks(counterfeit, authentic, rank(others, max(strange)))
