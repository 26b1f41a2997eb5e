"""Conformal sets for each class, and whether a specimen is like any enrolled one.

Both rank a specimen's nonconformity among that of held-out specimens (`reports.arithmetic`). A specimen counts once, by
its worst image, in calibration and here.

    >>> from fractions import Fraction
    >>> from fusiondiff_audit.model.calibration import Calibration
    >>> tenths = tuple(i / 10 for i in range(9))
    >>> ranks = conformal_ranks([0.95, 0.9], [1.0], Calibration(tenths, tenths, (), ()), Fraction(1, 10))
    >>> ranks.counterfeit, ranks.authentic, ranks.familiar
    (Rank(at_least=0, of=9), Rank(at_least=8, of=9), None)

Nine specimens of each class are too few for an error rate of 5 %:

    >>> conformal_ranks([0.95], [1.0], Calibration(tenths, tenths, (), ()), Fraction(1, 20)).authentic is None
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
    """The ranks of a specimen among the calibration specimens; None where these are too few to exclude anything."""

    counterfeit: Rank | None
    authentic: Rank | None
    familiar: Rank | None


def conformal_ranks(
    scores: Sequence[float], unfamiliarities: Sequence[float], calibration: Calibration, alpha: Fraction
) -> ConformalRanks:
    """Return the ranks of a specimen, by the score and the unfamiliarity of each of its images."""
    if not scores or not unfamiliarities:
        raise ValueError("a specimen without an image")
    least = least_specimens(alpha)

    def rank(calibrated: Sequence[float], worst: float) -> Rank | None:
        return Rank(count_at_least(calibrated, worst), len(calibrated)) if len(calibrated) >= least else None

    def class_rank(kind: Class, calibrated: Sequence[float]) -> Rank | None:
        return rank(calibrated, max(class_nonconformity(score, kind) for score in scores))

    counterfeit = class_rank(Class.COUNTERFEIT, calibration.counterfeit)
    authentic = class_rank(Class.AUTHENTIC, calibration.authentic)
    if counterfeit is None or authentic is None:
        counterfeit = authentic = None
    familiar = calibration.held_out if len(calibration.held_out) >= least else calibration.leave_one_out
    return ConformalRanks(counterfeit, authentic, rank(familiar, max(unfamiliarities)))
