"""The calibration of reports of versions 1 and 2: among how many specimens an image was ranked.

A conformal set took enough calibration specimens of either class. How familiar an image is took enough of both classes
together, or, where too few were kept to calibrate, enough that the model learnt from.

    >>> from fractions import Fraction
    >>> former_coverage((19, 20), 50, Fraction("0.05"))
    FormerCoverage(sets=(19, 20), familiar=39)
    >>> former_coverage((5, 9), 16, Fraction("0.05"))
    FormerCoverage(sets=None, familiar=None)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from reports.arithmetic import Rank, least_specimens
from reports.verdict.former_header import FORMER_ERROR_RATES, FormerHeader
from reports.verdict.former_rows import former_images
from reports.verdict.rows import ImageRow
from reports.verdict.versions import rules_of


@dataclass(frozen=True, slots=True)
class FormerCoverage:
    """The numbers of specimens among which an image is ranked; None where there are too few for the error rate."""

    sets: tuple[int, int] | None  # counterfeit and authentic ones
    familiar: int | None


def former_coverage(calibrated: tuple[int, int], learnt: int, alpha: Fraction) -> FormerCoverage:
    """Return the coverage of so many counterfeit and authentic calibration specimens, and so many learnt from."""
    least = least_specimens(alpha)
    familiar = next((number for number in (sum(calibrated), learnt) if number >= least), None)
    return FormerCoverage(calibrated if min(calibrated) >= least else None, familiar)


def former_header_coverage(header: FormerHeader) -> FormerCoverage | None:
    """Return the coverage of a header; None where its version does not state among how many specimens it ranks."""
    return _stated_coverage(header) if rules_of(header.format).numbers_follow else None


def _stated_coverage(header: FormerHeader) -> FormerCoverage:
    """Return the coverage that the error rates and counts of a header support.

    The error rates of version 1 have other names, so none of its calibrations is larger than the largest of them.
    """
    model = header.model
    counted = {rate.what: rate.of for rate in model.error_rates}
    counterfeit, authentic = (counted.get(name, 0) for name in FORMER_ERROR_RATES)
    if not rules_of(header.format).rates_are_known:
        largest = max(counted.values(), default=0)
        counterfeit, authentic = min(model.calibrated_counterfeit, largest), min(model.calibrated_authentic, largest)
    learnt = model.enrolled_authentic + model.enrolled_counterfeit
    return former_coverage((counterfeit, authentic), learnt, header.policy.rate)


@dataclass(frozen=True, slots=True)
class FormerChecks:
    """The tests that every image of a report went through."""

    sets: bool  # conformal sets: which classes could not be ruled out
    familiarity: bool  # whether an image is unlike anything enrolled

    @property
    def calibrated(self) -> bool:
        """Say whether the error rate of an answer is known."""
        return self.sets or self.familiarity


def former_checks(header: FormerHeader, images: Iterable[ImageRow]) -> FormerChecks:
    """Return the tests of these images of a report: those that its header supports and every judged row has."""
    version, stated = rules_of(header.format), _stated_coverage(header)
    sets, familiar = stated.sets is not None, stated.familiar is not None
    if not version.numbers_follow:  # rows may lack ranks, or have some among more specimens than there were
        model, judged = header.model, [row.judged for row in former_images(images) if row.judged is not None]
        counterfeit, authentic = model.calibrated_counterfeit, model.calibrated_authentic
        all_specimens = counterfeit + authentic + model.enrolled_counterfeit + model.enrolled_authentic
        pairs = [(row.authentic, authentic) for row in judged] + [(row.counterfeit, counterfeit) for row in judged]
        sets = sets and all(_is_among(rank, most) for rank, most in pairs)
        familiar = familiar and all(_is_among(row.familiar, all_specimens) for row in judged)
    return FormerChecks(sets, familiar)


def _is_among(rank: Rank | None, most: int) -> bool:
    return rank is not None and rank.of <= most
