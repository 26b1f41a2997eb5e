"""Refuses reports whose verdicts, counts and intervals do not follow from their numbers, when signing and verifying."""

from hashlib import sha256

from reports.arithmetic import MOST_SPECIMENS
from reports.verdict.batch_statement import least_unlike_specimens, statement_place
from reports.verdict.coverage import is_calibrated
from reports.verdict.embedded import EMBEDDED_BUNDLES
from reports.verdict.enrolment import unmarked_image
from reports.verdict.error_rates import error_rate_fault
from reports.verdict.evidence_check import evidence_fault
from reports.verdict.former_consistency import former_rate_fault, former_report_fault, former_row_fault
from reports.verdict.former_header import FormerHeader
from reports.verdict.header import Header, VerdictCounts
from reports.verdict.limits import SAME_OBJECT, STANDARD_LIMITS, limit_notice
from reports.verdict.model_names import name_fault
from reports.verdict.report import MAX_ROWS, Report
from reports.verdict.rows import ImageRow, SpecimenEvidence
from reports.verdict.specimens import DecidedRows, by_specimen, decide_rows, key_of
from reports.verdict.stress_claim import stress_claim_fault
from reports.verdict.verdicts import Verdict
from reports.verdict.versions import rules_of
from signing import Reason, SigningError
from signing.fields import Fields, read_json
from signing.strict import MAX_TEXT

_MOST = 1000  # partitions


def refuse_contradiction(report: Report, where: str) -> None:
    """Refuse a verdict, a specimen's row, a count or an interval that does not follow from the rest of the report."""
    header = report.header
    refuse_inconsistent_header(header, where)
    for row in report.images:
        if (fault := _row_fault(row, header)) is not None:
            raise contradiction(where, fault)
    fault = former_report_fault(report) if isinstance(header, FormerHeader) else _report_fault(report)
    if fault is not None:
        raise contradiction(where, fault)
    if VerdictCounts.of(row.verdict for row in report.images) != header.images:
        raise contradiction(where, "its images are counted otherwise than they are")


def refuse_inconsistent_header(header: Header, where: str) -> None:
    """Refuse intervals and a statement that do not follow from counts, and rules other than the quoted policy's."""
    fault = former_rate_fault(header) if isinstance(header, FormerHeader) else _numbers_fault(header)
    if fault is not None:
        raise contradiction(where, fault)
    _refuse_false_identity(header, where)
    _refuse_other_rules(header, where)
    if not set(limit_notice(header.run.limit)) <= set(header.limits):
        raise contradiction(where, f"it is of {header.run.limit} images, and does not state that these are not all")
    if rules_of(header.format).specimens_decide:
        _refuse_other_limits(header, where)


def _refuse_other_limits(header: Header, where: str) -> None:
    """Refuse a header that lacks a sentence on what it does not prove, or has one of its auditor's own."""
    demanded = {*STANDARD_LIMITS, *limit_notice(header.run.limit)}
    if not demanded <= set(header.limits) <= {*demanded, SAME_OBJECT}:
        raise contradiction(where, "what it states that it does not prove is not what every report states")


def refuse_inconsistent_row(row: ImageRow, header: Header, where: str) -> None:
    """Refuse a row that does not follow from its numbers and its header; that of a named specimen tells more."""
    fault = _row_fault(row, header)
    if fault is None and not isinstance(header, FormerHeader) and row.specimen is None:
        fault = _evidence_fault(row.name, row.evidence, (row,), header)
        if fault is None and decide_rows((row,), {key_of(row): row.evidence}, header.rules).images != (row,):
            fault = f"{row.name!a} is {row.verdict}, which does not follow from its numbers"
    if fault is not None:
        raise contradiction(where, fault)


def _report_fault(report: Report) -> str | None:
    """Return what in the rows of a report, and in the header about them, does not follow; None if everything does."""
    header = report.header
    if (name := unmarked_image(report.images)) is not None:
        return f"{name!a} is of a specimen that was enrolled, and has no mark"
    stated = DecidedRows(report.specimens, report.images)
    evidence = stated.evidence
    for key, images in by_specimen(report.images).items():
        if (fault := _evidence_fault(key[0] or key[1], evidence.get(key), images, header)) is not None:
            return fault
    decided = decide_rows(report.images, evidence, header.rules)
    if decided != stated:
        return _first_difference(decided, stated)
    if VerdictCounts.of(decided.verdicts) != header.specimens:
        return "its specimens are counted otherwise than they are"
    if decided.statement(header.policy.rate) != header.statement:
        return "what it states of the whole batch does not follow from its specimens"
    return None


def _first_difference(decided: DecidedRows, stated: DecidedRows) -> str:
    if [row.specimen for row in decided.specimens] != [row.specimen for row in stated.specimens]:
        return "its specimens are others than those of its images"
    for own_specimen, specimen in zip(decided.specimens, stated.specimens, strict=True):
        if own_specimen != specimen:
            return (
                f"{specimen.specimen!a} is {specimen.verdict}: its row does not follow from its evidence and its images"
            )
    image = next(row for own, row in zip(decided.images, stated.images, strict=True) if own != row)
    return f"{image.name!a} is {image.verdict}, which does not follow from its numbers or its specimen"


def _row_fault(row: ImageRow, header: Header) -> str | None:
    """Return what about an image's row alone contradicts the header; None if nothing does."""
    judged = row.judged
    if row.verdict is Verdict.REFUSED and (judged is not None or not row.reasons):
        return f"{row.name!a} was refused, and has findings or no reason"
    if judged is not None:
        votes = judged.votes_authentic + judged.votes_counterfeit
        if rules_of(header.format).partitions_are_stated and votes != header.model.partitions:
            return f"{row.name!a} has {votes} votes of {header.model.partitions} forests"
        if (judged.tolerance is None) is not (header.policy.tolerance is None):
            return f"{row.name!a} has a tolerance that was not asked for, or lacks one that was"
    return former_row_fault(row, header) if isinstance(header, FormerHeader) else None


def _evidence_fault(
    name: str, evidence: SpecimenEvidence | None, images: tuple[ImageRow, ...], header: Header
) -> str | None:
    fault = evidence_fault(evidence, images, header)
    return None if fault is None else f"{name!a} {fault}"


def _numbers_fault(header: Header) -> str | None:
    """Return what in the numbers of specimens that a header states does not follow; None if everything does."""
    model = header.model
    enrolled = model.enrolled_authentic, model.enrolled_counterfeit
    if not 0 <= min(enrolled) <= max(enrolled) <= MOST_SPECIMENS:
        return f"{enrolled[0]:,} authentic and {enrolled[1]:,} counterfeit specimens, at most {MOST_SPECIMENS:,} each"
    if (model.ratios or model.error_rates) and not model.enrolled_tiles:
        return "it states likelihood ratios or error rates of a model that ranks nobody"
    for calibrator in model.ratios:
        if calibrator.reference > model.enrolled_authentic or calibrator.others > model.enrolled_counterfeit:
            return f"its likelihood ratios for {calibrator.alternative} are of more specimens than were enrolled"
    return error_rate_fault(model) or _statement_fault(header)


def _statement_fault(header: Header) -> str | None:
    """Return why the header's counts exclude its statement on the batch; whether rows give them, rows tell."""
    statement = header.statement
    if statement is None:
        return None
    calibration, specimens = header.model.enrolled_authentic, sum(header.specimens.by_verdict().values())
    of_others = not is_calibrated(header) or statement.calibration != calibration
    if of_others or statement.of > min(specimens, MAX_ROWS):
        return "it makes a statement on the batch by other specimens than there are"
    place = statement_place(calibration, header.policy.rate)
    if statement.place != place or not statement.approximate:
        return "it makes a statement on the batch by another score than the policy's error rate gives"
    least = least_unlike_specimens(statement.beyond, of=statement.of, calibration=calibration, place=place)
    return None if least == statement.least_unlike else "its statement on the batch does not follow from its counts"


def _refuse_false_identity(header: Header, where: str) -> None:
    """Refuse a header whose name, reference or mark of an embedded bundle is not that bundle's own.

    No other bundle has its name, and no name holds that of a base.
    """
    pin, model = EMBEDDED_BUNDLES.get(header.model.digest), header.model
    if rules_of(header.format).names_are_reserved and (fault := name_fault(model)):
        raise contradiction(where, fault)
    if pin is None:
        return
    if not header.demonstration:
        raise contradiction(where, f"it was made with {pin.name}, and is not marked DEMONSTRATION")
    if (model.name, model.base, header.reference) != (pin.name, None, pin.reference):
        raise contradiction(where, f"it was made with {pin.name}, and gives it another name or reference")


def _refuse_other_rules(header: Header, where: str) -> None:
    """Refuse rules other than those of the policy that the header quotes."""
    header_policy = header.policy
    if sha256(header_policy.text.encode()).hexdigest() != header_policy.digest:
        raise contradiction(where, "the policy that it quotes has another digest")
    quoted = read_json(header_policy.text.encode(), f"{where}: policy", limit=MAX_TEXT)
    rate, intake = quoted.fields("decide").text("error_rate"), quoted.fields("intake")
    certify = quoted.fields("certify")
    least = certify.integer("tolerance", least=0, most=_MOST) if certify.text("poisoning") == "on" else None
    version = rules_of(header.format)
    instrument = version.specimens_decide and intake.text("instrument") == "required"
    demanded = (rate, intake.text("scale") == "required", instrument, quoted.text("name"), least)
    applied = (header_policy.alpha, header_policy.needs_scale, header_policy.needs_instrument, header_policy.name)
    if demanded != (*applied, header_policy.tolerance):
        raise contradiction(where, "it does not go by the policy that it quotes")
    if version.numbers_follow:
        _refuse_disallowed(header, quoted, where)
    if version.stress_claim_follows and (fault := stress_claim_fault(header, quoted.fields("robustness"))):
        raise contradiction(where, fault)


def _refuse_disallowed(header: Header, quoted: Fields, where: str) -> None:
    """Refuse a header that the policy which it quotes does not allow."""
    if tuple(quoted.fields("case").texts("text", most=_MOST)) != header.case:
        raise contradiction(where, "its case is not that of the policy that it quotes")
    if quoted.fields("intake").boolean("second_signature") and not header.batch.second:
        raise contradiction(where, "the policy that it quotes asks for a second signature, and it saw none")
    claim = header.robustness
    if quoted.fields("robustness").text("result") == "required" and not (claim is not None and claim.is_pass):
        raise contradiction(where, "the policy that it quotes requires a stress test that was passed, and it has none")


def contradiction(where: str, fault: str) -> SigningError:
    """Return the refusal of a statement that does not follow from others of the same file."""
    return SigningError(Reason.CONTRADICTION, f"{where}: contradicts itself: {fault}")
