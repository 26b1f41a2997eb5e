"""Sentences for people about a report's typed facts: one wording for the command line and for pages.

No sentence is read back, so each may change.

    >>> scale_text(ScaleClaim("12.5", "manifest"))
    '12.5 nm, by manifest'
    >>> robustness_text(None)
    'not stress-tested'
"""

from collections.abc import Iterable
from decimal import Decimal

from reports.arithmetic import Rank, least_specimens
from reports.verdict.batch_statement import expected_exclusions_text
from reports.verdict.claims import RobustnessClaim, ScaleClaim
from reports.verdict.coverage import available_checks, is_calibrated, ratios_are_stated
from reports.verdict.error_rates import rated_maker
from reports.verdict.former_coverage import former_checks
from reports.verdict.former_header import FormerHeader
from reports.verdict.header import Header
from reports.verdict.likelihood_ratio import (
    Alternative,
    RatioCalibrator,
    StatedRatio,
    ratio_sentence,
    ratio_text,
    stated_ratio,
)
from reports.verdict.rows import ImageRow, SpecimenRow

UNCHECKED = "not checked"  # the result of a test that was not made is never shown as 0


def robustness_lines(claim: RobustnessClaim | None) -> tuple[str, ...]:
    """Return what a report states of a stress test, one digest in a line at most: a table cuts longer lines."""
    if claim is None:
        return ("not stress-tested",)
    stale = ", stale" if claim.stale else ""
    policy = () if claim.policy_digest is None else (f"policy sha256:{claim.policy_digest}",)
    return (
        f"{claim.outcome}{stale}, policy {claim.policy!a}",
        *policy,
        f"result of {claim.day}, sha256:{claim.digest}",
    )


def robustness_text(claim: RobustnessClaim | None) -> str:
    """Return what a report states of a stress test as one sentence."""
    return ", ".join(robustness_lines(claim))


def scale_text(scale: ScaleClaim) -> str:
    """Return the side of a pixel, and who states it."""
    return f"{scale.nm} nm, by {scale.source}"


def limitations(header: Header) -> tuple[str, ...]:
    """Return what a report does not prove, and what a reader must know of how its batch was admitted."""
    admission, sentences = header.admission, list(header.limits)
    if admission.again is not None:
        sentences.append(f"The ledger was told to admit this batch whatever it knew of it: {admission.again}")
    if admission.out_of_order:
        sentences.append("The batch came out of order: the ledger had admitted a later batch of its device.")
    return tuple(sentences)


def unchecked_tests(header: Header, specimens: Iterable[SpecimenRow], images: Iterable[ImageRow]) -> tuple[str, ...]:
    """Return the tests that some of these rows lack, and what they would need."""
    if isinstance(header, FormerHeader):
        return _former_unchecked(header, images)
    checks, model, sentences = available_checks(header, specimens, images), header.model, []
    if not checks.ranks:
        enrolled = f"{model.enrolled_authentic} authentic and {model.enrolled_counterfeit} counterfeit ones are there"
        needed = f"{least_specimens(header.policy.rate)} of each class are needed, {enrolled}"
        why = "the model ranks none" if is_calibrated(header) else needed
        sentences.append(f"which class can be ruled out, by ranks among enrolled specimens: {why}")
    if checks.unspread:
        of = f"{checks.unspread:,} specimen{'' if checks.unspread == 1 else 's'}"
        sentences.append(f"how far apart the images of {of} lie: too few enrolled specimens have several")
    if checks.without_ratios:
        of, fitted = (
            f"{checks.without_ratios:,} specimen{'' if checks.without_ratios == 1 else 's'}",
            model.enrolled_tiles,
        )
        design = f"{len(fitted)} image{'' if len(fitted) == 1 else 's'} of about {min(fitted)} tiles"
        sentences.append(f"likelihood ratios of {of}: they hold for {design} each, and fewer were compared")
    if not checks.confounding:
        sentences.append("whether facts about imaging predict the labels of the enrolled specimens")
    return tuple(sentences)


def _former_unchecked(header: FormerHeader, images: Iterable[ImageRow]) -> tuple[str, ...]:
    checks, least = former_checks(header, images), least_specimens(header.policy.rate)
    sentences = []
    if not checks.sets:
        sentences.append(f"which class can be ruled out: {least} calibration specimens of each are needed")
    if not checks.familiarity:
        sentences.append(f"whether an image is unlike anything enrolled: {least} specimens are needed")
    if not checks.calibrated:
        sentences.append("how often an answer is wrong: answers were given without calibration")
    sentences.append("whether the model was enrolled with an image: the format has no mark for it")
    sentences.append("whether the instrument was enrolled: the format does not state it")
    return tuple(sentences)


def p_text(rank: Rank | None) -> str:
    """Return a p-value to three digits, rounded up: rounded down it would overstate the evidence."""
    if rank is None:
        return UNCHECKED
    thousandths = -(-rank.p.numerator * 1000 // rank.p.denominator)
    return f"{thousandths / 1000:.3f}"


def ratio_sentences(row: ImageRow | SpecimenRow, header: Header) -> tuple[str, ...]:
    """Return a sentence for each likelihood ratio that is stated of a specimen."""
    return tuple(ratio_sentence(calibrator, ratio) for calibrator, ratio in _ratios(row, header))


def stated_ratios(row: ImageRow | SpecimenRow, header: Header) -> tuple[StatedRatio, ...]:
    """Return the likelihood ratios that are stated of a specimen, as people read them."""
    return tuple(stated_ratio(calibrator, ratio) for calibrator, ratio in _ratios(row, header))


def ratio_values(row: ImageRow | SpecimenRow, header: Header) -> dict[Alternative, Decimal]:
    """Return the likelihood ratios that are stated of a specimen, by alternative."""
    return {calibrator.alternative: ratio for calibrator, ratio in _ratios(row, header)}


def _ratios(row: ImageRow | SpecimenRow, header: Header) -> list[tuple[RatioCalibrator, Decimal]]:
    """Return the likelihood ratios that are stated of a specimen, each with its calibrator."""
    if row.evidence is None or not ratios_are_stated(row.evidence, header):
        return []
    score = Decimal(row.evidence.score)
    return [(calibrator, calibrator.ratio(score)) for calibrator in header.model.ratios]


def ratio_texts(row: ImageRow | SpecimenRow, header: Header) -> tuple[str, ...]:
    """Return the likelihood ratios of a specimen, to two digits and in the order of the header's calibrators."""
    stated = tuple(ratio_text(ratio) for _, ratio in _ratios(row, header))
    return stated or tuple("-" for _ in header.model.ratios)


def rate_lines(header: Header) -> tuple[str, ...]:
    """Return the error rates as sentences; that of makers who were left out of the enrolment begins with the worst."""
    rates = list(header.model.error_rates)
    makers = [rate for rate in rates if rated_maker(rate) is not None]
    lines = [f"{rate.errors} of {rate.of} {rate.what} ({rate.interval})" for rate in rates if rate not in makers]
    if makers:
        worst, others = makers[0], makers[1:]
        most = f"{worst.errors} of {worst.of} specimens of {rated_maker(worst)} ({worst.interval})"
        rest = "".join(f", {rate.errors} of {rate.of} of {rated_maker(rate)}" for rate in others)
        lines.append(f"accepted if their maker had never been enrolled: {most}, the worst{rest}")
    return tuple(lines)


def instrument_lines(header: Header) -> tuple[str, ...]:
    """Return what a report states of the instrument and of those that its model was enrolled with."""
    model, device = header.model, header.batch.device
    if isinstance(header, FormerHeader):
        return (f"{device}; those enrolled are not stated",)
    state = "enrolled" if device in model.devices else "NOT ENROLLED"
    states = {True: "IMAGING PREDICTS THE LABELS", False: "imaging was not found to predict the labels", None: ""}
    listed = f"enrolled: {', '.join(model.devices)}" if model.devices else "the enrolled ones are not stated"
    return tuple(filter(None, (f"{device}, {state}; {listed}", states[model.confounded])))


def statement_lines(header: Header) -> tuple[str, ...]:
    """Return what follows for the batch as a whole, and how much of it chance explains."""
    statement = header.statement
    if statement is None:
        return ()
    expected = expected_exclusions_text(
        statement.of, statement.calibration, header.policy.rate, approximate=statement.approximate
    )
    return statement.sentence(), expected
