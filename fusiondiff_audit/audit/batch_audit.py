"""An audit as somebody asks for it: from a folder, a model and a policy to a signed report and its page.

Whatever can be refused is refused before torch is imported, which takes seconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import signing
from fusiondiff_audit.audit.auditor import Auditor
from fusiondiff_audit.audit.journal import JOURNAL
from fusiondiff_audit.audit.order import AuditOrder
from fusiondiff_audit.audit.repeat import Comparison, Repetition, compare
from fusiondiff_audit.audit.requirement import require_robustness
from fusiondiff_audit.audit.run import AuditResult, WatchRows, audit, repeat
from fusiondiff_audit.inputs.folders import folder_if_filled
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from fusiondiff_audit.model.bundle_files import read_files
from fusiondiff_audit.origin import check_origin
from fusiondiff_audit.page.language import Language
from fusiondiff_audit.policy.audit import read_audit_policy
from fusiondiff_audit.policy.quoted import quoted_audit_policy
from reports.verdict.instructions import INSTRUCTIONS, INSTRUCTIONS_FILE
from reports.verdict.issue import REPORT_PAGE
from reports.verdict.verification import verify_report


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRequest:
    """A batch, the model that is to judge it, and the rules."""

    folder: Path
    model: str | Path  # an enrolled bundle: a folder, or a pinned name
    out: Path  # a new folder
    policy: Path | None = None  # None: the built-in one
    robustness: Path | None = None  # the signed result of a stress test
    ledger: Path | None = None  # None: the report says that replay was not checked
    certificates: tuple[str, ...] = ()
    device: str = "cpu"
    resume: bool = False
    repeated: Path | None = None  # a report, whose audit is repeated by its own policy, certificates and limit
    again: str | None = None  # the reason to admit a batch that the ledger knows
    limit: int | None = None
    language: Language = Language.ENGLISH  # of the page


@dataclass(frozen=True, slots=True)
class FinishedAudit:
    """A report that was written, and how it compares with the report that it repeats."""

    result: AuditResult
    comparison: Comparison | None


def audit_batch(
    request: AuditRequest, auditor: Auditor, trust: signing.TrustStore, *, watch: WatchRows
) -> FinishedAudit:
    """Audit a signed batch: write the signed report, how to verify it, and its page."""
    earlier = None if request.repeated is None else verify_report(request.repeated, trust=trust)
    repetition = None if earlier is None else Repetition.of(earlier, trust)
    policy = (
        read_audit_policy(request.policy)
        if earlier is None
        else quoted_audit_policy(earlier.header.policy.text, str(request.repeated))
    )
    batch = signing.open_batch(request.folder, trust=trust, both=policy.intake.second_signature)
    _refuse_taken(request)
    files = read_files(request.model, trust=trust, unverified=False)
    when = signing.now() if earlier is None else earlier.header.time  # a stress result is as fresh as it was then
    if repetition is not None:
        repetition.refuse_other(batch=batch.digest, model=files.digest)
        trust.judge(auditor.entry, when, "the auditor's key")  # the second report states the time of the first
    robustness = require_robustness(request.robustness, model=files.digest, policy=policy, trust=trust, now=when)
    policy = policy.certifying(request.certificates)

    from fusiondiff_audit.audit.judge import ModelJudge
    from fusiondiff_audit.certify.poisoning import refuse_uncertifiable
    from fusiondiff_audit.model.bundle import build_bundle
    from fusiondiff_audit.model.classifier import DiffusionModel
    from fusiondiff_audit.page.render import render

    model = DiffusionModel.from_bundle(build_bundle(files)).to(request.device)
    if policy.rules.tolerance is not None:
        refuse_uncertifiable(model.settings)
    order = AuditOrder(
        batch=batch,
        trust=trust,
        auditor=auditor.name,
        policy=policy,
        origin=check_origin(),
        out=request.out,
        again=request.again,
        limit=request.limit if earlier is None else earlier.header.run.limit,
        robustness=robustness,
    )
    judge = ModelJudge(model, policy.rules.alpha)
    with folder_if_filled(request.out), _opened(request.ledger, auditor.key, trust) as ledger:
        if repetition is None:
            result = audit(order, judge, key=auditor.key, ledger=ledger, watch=watch)
        else:
            result = repeat(repetition, order, judge, key=auditor.key, watch=watch)
    signing.create(request.out / INSTRUCTIONS_FILE, INSTRUCTIONS, force=True)
    page = render(result.report, result.thumbnails, language=request.language, origin=order.origin)
    signing.create(request.out / REPORT_PAGE, page, force=True)
    return FinishedAudit(result, None if earlier is None else compare(earlier, result.report))


def _refuse_taken(request: AuditRequest) -> None:
    """Refuse, before any work, an output that is inside the batch or exists."""
    out, folder = request.out, request.folder
    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        fault = f"{out}: inside {folder}, where the report would be an unsigned file"
        raise signing.SigningError(signing.Reason.BAD_REQUEST, fault)
    if request.resume:
        if not (out / JOURNAL).is_file():
            what = f"{out}: holds no interrupted run"
            raise signing.SigningError(signing.Reason.UNREADABLE, what, hint="leave --resume out")
        signing.refuse_existing(out / REPORT_PAGE)  # written last: where it exists, the run is complete
    elif (out / JOURNAL).is_file() and not (out / REPORT_PAGE).exists():
        hint = "give --resume to continue it"
        raise signing.SigningError(signing.Reason.EXISTS, f"{out}: holds an interrupted run", hint=hint)
    else:
        signing.refuse_existing(out)


@contextmanager
def _opened(folder: Path | None, key: signing.PrivateKey, trust: signing.TrustStore) -> Iterator[Ledger | None]:
    if folder is None:
        yield None
        return
    keys = CheckpointKeys.of_auditors(trust).with_key(key.public)
    with Ledger(folder, key=key, keys=keys, clock=signing.now) as ledger:
        yield ledger
