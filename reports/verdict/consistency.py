"""Refuses reports whose verdicts, counts and intervals do not follow from their numbers, when signing and verifying."""

from hashlib import sha256

from reports.arithmetic import MOST_SPECIMENS, error_bounds
from reports.verdict.coverage import header_coverage
from reports.verdict.embedded import EMBEDDED_BUNDLES
from reports.verdict.enrolment import unmarked_image
from reports.verdict.header import ERROR_RATES, Header, VerdictCounts, limit_notice
from reports.verdict.model_names import name_fault
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, image_verdict, specimen_rows
from reports.verdict.stress_claim import stress_claim_fault
from reports.verdict.verdicts import Verdict, VerdictRules
from reports.verdict.versions import rules_of
from signing import Reason, SigningError
from signing.fields import Fields, read_json
from signing.strict import MAX_TEXT

_MOST = 1000  # partitions
Ranked = list[int | None]  # specimens: counterfeit ones, authentic ones, all


def refuse_contradiction(report: Report, where: str) -> None:
    """Refuse a verdict, a specimen's row, a count or an interval that does not follow from the rest of the report."""
    header = report.header
    refuse_inconsistent_header(header, where)
    rules, ranked = header.rules, _ranked(header)
    for row in report.images:
        _refuse_row(row, header, rules, ranked, where)
    if (name := unmarked_image(report.images)) is not None:
        raise contradiction(where, f"{name!a} is of a specimen that was enrolled, and has no mark")
    if report.specimens != specimen_rows(report.images, rules):
        raise contradiction(where, "a specimen's row does not follow from its images")
    for kind, rows, counts in (
        ("specimens", report.specimens, header.specimens),
        ("images", report.images, header.images),
    ):
        if VerdictCounts.of(row.verdict for row in rows) != counts:
            raise contradiction(where, f"its {kind} are counted otherwise than they are")


def refuse_inconsistent_header(header: Header, where: str) -> None:
    """Refuse an interval that does not follow from its counts, and rules other than the quoted policy's."""
    _refuse_inconsistent_rates(header, where)
    _refuse_false_identity(header, where)
    _refuse_other_rules(header, where)
    if not set(limit_notice(header.run.limit)) <= set(header.limits):
        raise contradiction(where, f"it is of {header.run.limit} images, and does not state that these are not all")


def _refuse_inconsistent_rates(header: Header, where: str) -> None:
    """Refuse too many error rates, other names, intervals that do not follow, and rates of uncalibrated specimens."""
    model, version = header.model, rules_of(header.format)
    names = [rate.what for rate in model.error_rates]
    if len(names) > len(ERROR_RATES) or len(set(names)) != len(names):
        message = f"it has {len(names):,} error rates; each of {len(ERROR_RATES)} is there once at most"
        raise contradiction(where, message)
    if version.rates_are_known and names != [name for name in ERROR_RATES if name in names]:
        raise contradiction(where, f"it has error rates other than {' and '.join(ERROR_RATES)}, in this order")
    for rate in model.error_rates:
        if not 0 <= rate.errors <= rate.of <= MOST_SPECIMENS or rate.interval != error_bounds(rate.errors, rate.of):
            raise contradiction(where, f"the interval of an error rate does not follow: {rate.what}")
    # A class may have calibration specimens and no rate: images that the encoder was trained with are not counted.
    calibrated = dict(zip(ERROR_RATES, (model.calibrated_counterfeit, model.calibrated_authentic), strict=True))
    for rate in model.error_rates if version.rates_need_calibration else ():
        if not 1 <= rate.of <= calibrated[rate.what]:
            message = f"it states an error rate of {rate.of:,} specimens, and {calibrated[rate.what]:,} were calibrated"
            raise contradiction(where, f"{message}: {rate.what}")


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


def refuse_inconsistent_row(row: ImageRow, header: Header, where: str) -> None:
    """Refuse a row whose verdict does not follow from its numbers and its header."""
    _refuse_row(row, header, header.rules, _ranked(header), where)


def _refuse_row(row: ImageRow, header: Header, rules: VerdictRules, ranked: Ranked | None, where: str) -> None:
    """Refuse such a row, given rules and ranks that are computed once for all rows."""
    _refuse_votes(row, header, where)
    judged = row.judged
    if judged is not None and ranked is not None:
        ranks = [None if rank is None else rank.of for rank in (judged.counterfeit, judged.authentic, judged.familiar)]
        if ranks != ranked:
            raise contradiction(where, f"{row.name!a} has ranks among other specimens than there are, or lacks some")
    if row.verdict is Verdict.REFUSED:
        if row.judged is not None or not row.reasons:
            raise contradiction(where, f"{row.name!a} was refused, and has findings or no reason")
    elif (row.verdict, row.reasons) != image_verdict(row, rules):
        raise contradiction(where, f"{row.name!a} is {row.verdict}, which does not follow from its numbers")


def _refuse_votes(row: ImageRow, header: Header, where: str) -> None:
    """Refuse a row with more or fewer votes than forests, or with a tolerance that the policy did not ask for."""
    judged = row.judged
    if judged is None:
        return
    votes = judged.votes_authentic + judged.votes_counterfeit
    if rules_of(header.format).partitions_are_stated and votes != header.model.partitions:
        raise contradiction(where, f"{row.name!a} has {votes} votes of {header.model.partitions} forests")
    if (judged.tolerance is None) is not (header.policy.tolerance is None):
        raise contradiction(where, f"{row.name!a} has a tolerance that was not asked for, or lacks one that was")


def _ranked(header: Header) -> Ranked | None:
    """Return among how many specimens images are ranked; None where the version does not state it."""
    allowed = header_coverage(header)
    return None if allowed is None else [*(allowed.sets or (None, None)), allowed.familiar]


def _refuse_other_rules(header: Header, where: str) -> None:
    """Refuse rules other than those of the policy that the header quotes."""
    header_policy = header.policy
    if sha256(header_policy.text.encode()).hexdigest() != header_policy.digest:
        raise contradiction(where, "the policy that it quotes has another digest")
    quoted = read_json(header_policy.text.encode(), f"{where}: policy", limit=MAX_TEXT)
    rate, scale = quoted.fields("decide").text("error_rate"), quoted.fields("intake").text("scale")
    certify = quoted.fields("certify")
    least = certify.integer("tolerance", least=0, most=_MOST) if certify.text("poisoning") == "on" else None
    applied = (header_policy.alpha, header_policy.needs_scale, header_policy.name, header_policy.tolerance)
    if (rate, scale == "required", quoted.text("name"), least) != applied:
        raise contradiction(where, "it does not go by the policy that it quotes")
    version = rules_of(header.format)
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
