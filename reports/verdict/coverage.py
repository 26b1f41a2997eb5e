"""Among how many specimens a picture can be ranked, and so what a bundle's calibration lets a report say.

A conformal set takes enough calibration specimens of either class. How familiar a picture is takes enough of both
classes together, or, where too few were kept to calibrate, enough that were learnt from. Without either there is no
answer: nobody could tell how often it would be wrong.

    >>> from fractions import Fraction
    >>> coverage((19, 20), 50, Fraction("0.05"))
    Coverage(sets=(19, 20), familiar=39)
    >>> coverage((5, 9), 16, Fraction("0.05")).answers
    False
    >>> missing_specimens((5, 9), Fraction("0.05")), missing_specimens((5, 9), Fraction("0.1"))
    ((14, 10), (4, 0))
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from reports.arithmetic import Rank, least_specimens
from reports.verdict.header import ERROR_RATES, Header
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow
from reports.verdict.versions import rules_of


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


def missing_specimens(calibrated: tuple[int, int], alpha: Fraction) -> tuple[int, int]:
    """Return how many more counterfeit and authentic calibration specimens a conformal set takes."""
    least = least_specimens(alpha)
    counterfeit, authentic = (max(0, least - number) for number in calibrated)
    return counterfeit, authentic


def header_coverage(header: Header) -> Coverage | None:
    """Return what a header allows; None of version 1, which does not say among how many specimens it ranks."""
    return stated_coverage(header) if rules_of(header.format).numbers_follow else None


def stated_coverage(header: Header) -> Coverage:
    """Return what the error rates and counts of a header of any version allow.

    The error rates of version 1 have other names, so none of its calibrations is larger than the largest of them.
    """
    model = header.model
    of = {rate.what: rate.of for rate in model.error_rates}
    counterfeit, authentic = (of.get(what, 0) for what in ERROR_RATES)
    if not rules_of(header.format).rates_are_known:
        most = max(of.values(), default=0)
        counterfeit, authentic = min(model.calibrated_counterfeit, most), min(model.calibrated_authentic, most)
    learnt = model.enrolled_authentic + model.enrolled_counterfeit
    return coverage((counterfeit, authentic), learnt, header.rules.alpha)


@dataclass(frozen=True, slots=True)
class AvailableChecks:
    """What was asked of the pictures of a report."""

    sets: bool  # which classes could not be ruled out
    familiarity: bool  # whether they are unlike anything enrolled
    answers: bool  # whether AUTHENTIC or COUNTERFEIT could be said at all

    @property
    def calibrated(self) -> bool:
        """Say whether it is known how often an answer would be wrong."""
        return self.sets or self.familiarity


def available_checks(report: Report) -> AvailableChecks:
    """Return what was asked of a report's pictures."""
    return available_checks_of(report.header, report.images)


def available_checks_of(header: Header, images: Iterable[ImageRow]) -> AvailableChecks:
    """Return what was asked of these pictures of a report: what its header supports, and all that were judged have."""
    version, known = rules_of(header.format), stated_coverage(header)
    sets, familiar = known.sets is not None, known.familiar is not None
    if not version.numbers_follow:  # rows may lack ranks, or have some among more specimens than there were
        model, judged = header.model, [row.judged for row in images if row.judged is not None]
        counterfeit, authentic = model.calibrated_counterfeit, model.calibrated_authentic
        every = counterfeit + authentic + model.enrolled_counterfeit + model.enrolled_authentic
        pairs = [(row.authentic, authentic) for row in judged] + [(row.counterfeit, counterfeit) for row in judged]
        sets = sets and all(_is_among(rank, most) for rank, most in pairs)
        familiar = familiar and all(_is_among(row.familiar, every) for row in judged)
    return AvailableChecks(sets, familiar, sets or familiar or not version.answers_need_calibration)


def _is_among(rank: Rank | None, most: int) -> bool:
    return rank is not None and rank.of <= most
