"""What somebody asks of an audit, and the inputs that were read for it.

Whatever can be refused is refused here, before numpy and torch are imported, which takes seconds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import signing
from fusiondiff_audit.auditing.auditor import Auditor
from fusiondiff_audit.auditing.requirement import require_robustness
from fusiondiff_audit.model.bundle_files import BundleFiles, read_files
from fusiondiff_audit.page.language import Language
from fusiondiff_audit.policy.audit import AuditPolicy, read_audit_policy
from fusiondiff_audit.policy.quoted import quoted_audit_policy
from reports.verdict.claims import RobustnessClaim
from reports.verdict.issue import JOURNAL, REPORT_PAGE
from reports.verdict.verification import verify_report

if TYPE_CHECKING:
    from fusiondiff_audit.auditing.repeat import Repetition


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


@dataclass(frozen=True, slots=True, eq=False)
class AuditInputs:
    """What was read for an audit and was not refused."""

    request: AuditRequest
    auditor: Auditor
    trust: signing.TrustStore
    policy: AuditPolicy
    batch: signing.Batch
    bundle: BundleFiles
    robustness: RobustnessClaim | None
    repetition: "Repetition | None"


def read_inputs(request: AuditRequest, auditor: Auditor, trust: signing.TrustStore) -> AuditInputs:
    """Read and check everything but the images."""
    repetition, when = None, signing.now()
    if request.repeated is None:
        policy = read_audit_policy(request.policy)
    else:
        from fusiondiff_audit.auditing.repeat import Repetition

        earlier = verify_report(request.repeated, trust=trust)
        repetition = Repetition.of(earlier, trust)
        policy = quoted_audit_policy(earlier.header.policy.text, str(request.repeated))
        when = earlier.header.time  # a stress result is as fresh as it was then
    batch = signing.open_batch(request.folder, trust=trust, both=policy.intake.second_signature)
    _refuse_taken(request)
    bundle = read_files(request.model, trust=trust, unverified=False)
    if repetition is not None:
        repetition.refuse_other(batch=batch.digest, model=bundle.digest)
        trust.judge(auditor.entry, when, "the auditor's key")  # the second report states the time of the first
    robustness = require_robustness(request.robustness, model=bundle.digest, policy=policy, trust=trust, now=when)
    policy = policy.certifying(request.certificates)
    return AuditInputs(request, auditor, trust, policy, batch, bundle, robustness, repetition)


def _refuse_taken(request: AuditRequest) -> None:
    """Refuse, before any work, an output that is inside the batch or exists."""
    out, folder = request.out, request.folder
    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        fault = f"{out}: inside {folder}, where the report would be an unsigned file"
        raise signing.SigningError(signing.Reason.BAD_REQUEST, fault)
    if request.resume:
        if not (out / JOURNAL).is_file():
            fault = f"{out}: holds no interrupted run"
            raise signing.SigningError(signing.Reason.UNREADABLE, fault, hint="leave --resume out")
        signing.refuse_existing(out / REPORT_PAGE)  # written last: where it exists, the run is complete
    elif (out / JOURNAL).is_file() and not (out / REPORT_PAGE).exists():
        hint = "give --resume to continue it"
        raise signing.SigningError(signing.Reason.EXISTS, f"{out}: holds an interrupted run", hint=hint)
    else:
        signing.refuse_existing(out)
