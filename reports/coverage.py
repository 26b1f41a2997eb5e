"""Among how many specimens a picture can be ranked, and so what a bundle's calibration lets a report say.

A conformal set takes enough calibration specimens of either class. How familiar a picture is takes enough of both
classes together, or, where too few were kept to calibrate, enough that were learnt from. Without either there is no
answer: nobody could tell how often it would be wrong.

    >>> from fractions import Fraction
    >>> coverage((19, 20), 50, Fraction("0.05"))
    Coverage(sets=(19, 20), familiar=39)
    >>> coverage((5, 9), 16, Fraction("0.05")).answers
    False
    >>> lacking((5, 9), Fraction("0.05")), lacking((5, 9), Fraction("0.1"))
    ((14, 10), (4, 0))
"""

from dataclasses import dataclass
from fractions import Fraction

from reports.arithmetic import least_specimens
from reports.header import RATES, Header
from reports.report import Report
from reports.versions import rules_of


@dataclass(frozen=True, slots=True)
class Coverage:
    """Among how many specimens a picture is ranked; None where too few of them could leave anything out."""

    sets: tuple[int, int] | None  # counterfeit and authentic ones
    familiar: int | None

    @property
    def answers(self) -> bool:
        """Say whether a picture can be called AUTHENTIC or COUNTERFEIT at all."""
        return self.sets is not None or self.familiar is not None


def coverage(calibrated: tuple[int, int], learnt: int, alpha: Fraction) -> Coverage:
    """Return what so many counterfeit and authentic calibration specimens allow, with so many learnt from."""
    least = least_specimens(alpha)
    familiar = next((number for number in (sum(calibrated), learnt) if number >= least), None)
    return Coverage(calibrated if min(calibrated) >= least else None, familiar)


def lacking(calibrated: tuple[int, int], alpha: Fraction) -> tuple[int, int]:
    """Return how many more counterfeit and authentic calibration specimens a conformal set takes."""
    least = least_specimens(alpha)
    counterfeit, authentic = (max(0, least - number) for number in calibrated)
    return counterfeit, authentic


def header_coverage(header: Header) -> Coverage | None:
    """Return what a header allows; None of version 1, which does not say among how many specimens it ranks."""
    if not rules_of(header.format).numbers_follow:
        return None
    model = header.model
    of = {rate.what: rate.of for rate in model.error_rates}
    counterfeit, authentic = (of.get(what, 0) for what in RATES)
    learnt = model.enrolled_authentic + model.enrolled_counterfeit
    return coverage((counterfeit, authentic), learnt, header.rules.alpha)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was asked of the pictures of a report."""

    sets: bool  # which classes could not be ruled out
    familiarity: bool  # whether they are unlike anything enrolled
    answers: bool  # whether AUTHENTIC or COUNTERFEIT could be said at all


def checked(report: Report) -> Checked:
    """Return what was asked of a report's pictures."""
    known = header_coverage(report.header)
    if known is not None:
        sets, familiar = known.sets is not None, known.familiar is not None
    else:
        rows = [row.judged for row in report.images if row.judged is not None]
        sets = any(row.authentic is not None and row.counterfeit is not None for row in rows)
        familiar = any(row.familiar is not None for row in rows)
    needed = rules_of(report.header.format).answers_need_calibration
    return Checked(sets, familiar, sets or familiar or not needed)
