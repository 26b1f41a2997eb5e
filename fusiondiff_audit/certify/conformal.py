"""Conformal sets, class by class, and whether a picture is like anything that was enrolled.

Both hold a specimen's scores against those of specimens that the forests did not learn from, by rank alone
(`reports.arithmetic`). A specimen counts once, by its worst picture, in calibration and here.

    >>> from fractions import Fraction
    >>> from fusiondiff_audit.model.calibration import Calibration
    >>> known = Calibration(tuple(i / 10 for i in range(9)), tuple(i / 10 for i in range(9)), (), left_out=False)
    >>> conformal_set([0.95, 0.9], known, Fraction(1, 10))
    ConformalSet(counterfeit=Fraction(1, 10), authentic=Fraction(9, 10), alpha=Fraction(1, 10))
    >>> conformal_set([0.95], known, Fraction(1, 20)) is None  # nine specimens of a class cannot tell 5 %
    True
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from fusiondiff_audit.model.calibration import Calibration, nonconformity
from fusiondiff_audit.model.enrolment import Class
from reports.arithmetic import at_least, conformal_p, least_specimens


@dataclass(frozen=True, slots=True)
class ConformalSet:
    """The p-value of either class, and the classes that are left in at this error rate."""

    counterfeit: Fraction
    authentic: Fraction
    alpha: Fraction

    @property
    def classes(self) -> frozenset[Class]:
        """Return what the specimen may be: both mean "not sure", none "unlike either"."""
        each = {Class.COUNTERFEIT: self.counterfeit, Class.AUTHENTIC: self.authentic}
        return frozenset(kind for kind, p in each.items() if p > self.alpha)


def conformal_set(scores: Sequence[float], known: Calibration, alpha: Fraction) -> ConformalSet | None:
    """Return the set for a specimen by the scores of its pictures, or None where too few specimens calibrate it."""
    if not scores:
        raise ValueError("a specimen without a picture")
    p = {}
    for kind, others in ((Class.COUNTERFEIT, known.counterfeit), (Class.AUTHENTIC, known.authentic)):
        if len(others) < least_specimens(alpha):
            return None
        worst = max(nonconformity(score, kind) for score in scores)
        p[kind] = conformal_p(at_least=at_least(others, worst), of=len(others))
    return ConformalSet(p[Class.COUNTERFEIT], p[Class.AUTHENTIC], alpha)


def familiarity(strange: Sequence[float], known: Calibration, alpha: Fraction) -> Fraction | None:
    """Return the p-value of a specimen's worst unfamiliarity; None where too few specimens could show it.

    A specimen is unfamiliar if it is at most alpha.
    """
    if not strange:
        raise ValueError("a specimen without a picture")
    if len(known.unfamiliarity) < least_specimens(alpha):
        return None
    return conformal_p(at_least=at_least(known.unfamiliarity, max(strange)), of=len(known.unfamiliarity))
