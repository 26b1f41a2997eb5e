"""The calibration that a report needs: among how many specimens an image is ranked, and so which verdicts it can get.

A conformal set takes enough calibration specimens of either class. How familiar an image is takes enough of both
classes together, or, where too few were kept to calibrate, enough that the model learnt from. Without either there is
no answer, since its error rate would be unknown.

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
from reports.verdict.rows import ImageRow
from reports.verdict.versions import rules_of


@dataclass(frozen=True, slots=True)
class Coverage:
    """The numbers of specimens among which an image is ranked; None where there are too few for the error rate."""

    sets: tuple[int, int] | None  # counterfeit and authentic ones
    familiar: int | None

    @property
    def answers(self) -> bool:
        """Say whether any image can be AUTHENTIC or COUNTERFEIT."""
        return self.sets is not None or self.familiar is not None


def coverage(calibrated: tuple[int, int], learnt: int, alpha: Fraction) -> Coverage:
    """Return the coverage of so many counterfeit and authentic calibration specimens, and so many learnt from."""
    least = least_specimens(alpha)
    familiar = next((number for number in (sum(calibrated), learnt) if number >= least), None)
    return Coverage(calibrated if min(calibrated) >= least else None, familiar)


def missing_specimens(calibrated: tuple[int, int], alpha: Fraction) -> tuple[int, int]:
    """Return how many counterfeit and authentic calibration specimens are missing for a conformal set."""
    least = least_specimens(alpha)
    counterfeit, authentic = (max(0, least - number) for number in calibrated)
    return counterfeit, authentic


def header_coverage(header: Header) -> Coverage | None:
    """Return the coverage of a header; None where its version does not state among how many specimens it ranks."""
    return stated_coverage(header) if rules_of(header.format).numbers_follow else None


def stated_coverage(header: Header) -> Coverage:
    """Return the coverage that the error rates and counts of a header of any version support.

    The error rates of version 1 have other names, so none of its calibrations is larger than the largest of them.
    """
    model = header.model
    counted = {rate.what: rate.of for rate in model.error_rates}
    counterfeit, authentic = (counted.get(name, 0) for name in ERROR_RATES)
    if not rules_of(header.format).rates_are_known:
        largest = max(counted.values(), default=0)
        counterfeit, authentic = min(model.calibrated_counterfeit, largest), min(model.calibrated_authentic, largest)
    learnt = model.enrolled_authentic + model.enrolled_counterfeit
    return coverage((counterfeit, authentic), learnt, header.rules.alpha)


@dataclass(frozen=True, slots=True)
class AvailableChecks:
    """The tests that every image of a report went through."""

    sets: bool  # conformal sets: which classes could not be ruled out
    familiarity: bool  # whether an image is unlike anything enrolled
    answers: bool  # whether any image could be AUTHENTIC or COUNTERFEIT

    @property
    def calibrated(self) -> bool:
        """Say whether the error rate of an answer is known."""
        return self.sets or self.familiarity


def available_checks(header: Header, images: Iterable[ImageRow]) -> AvailableChecks:
    """Return the tests of these images of a report: those that its header supports and every judged row has."""
    version, stated = rules_of(header.format), stated_coverage(header)
    sets, familiar = stated.sets is not None, stated.familiar is not None
    if not version.numbers_follow:  # rows may lack ranks, or have some among more specimens than there were
        model, judged = header.model, [row.judged for row in images if row.judged is not None]
        counterfeit, authentic = model.calibrated_counterfeit, model.calibrated_authentic
        all_specimens = counterfeit + authentic + model.enrolled_counterfeit + model.enrolled_authentic
        pairs = [(row.authentic, authentic) for row in judged] + [(row.counterfeit, counterfeit) for row in judged]
        sets = sets and all(_is_among(rank, most) for rank, most in pairs)
        familiar = familiar and all(_is_among(row.familiar, all_specimens) for row in judged)
    return AvailableChecks(sets, familiar, sets or familiar or not version.answers_need_calibration)


def _is_among(rank: Rank | None, most: int) -> bool:
    return rank is not None and rank.of <= most
