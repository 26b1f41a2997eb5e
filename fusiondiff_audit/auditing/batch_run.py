"""An audit from its inputs to the signed report, how to verify it, and its page."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import signing
from fusiondiff_audit.auditing.batch_audit import AuditInputs
from fusiondiff_audit.auditing.judge import ModelJudge
from fusiondiff_audit.auditing.order import AuditOrder
from fusiondiff_audit.auditing.repeat import Comparison, compare
from fusiondiff_audit.auditing.run import AuditResult, WatchRows, repeat, run_audit
from fusiondiff_audit.certify.poisoning import refuse_uncertifiable
from fusiondiff_audit.inputs.folders import folder_if_filled
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from fusiondiff_audit.model.bundle import build_bundle
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.origin import check_origin
from fusiondiff_audit.page.render import render
from reports.verdict.instructions import INSTRUCTIONS, INSTRUCTIONS_FILE
from reports.verdict.issue import REPORT_PAGE


@dataclass(frozen=True, slots=True)
class FinishedAudit:
    """A report that was written, and how it compares with the report that it repeats."""

    result: AuditResult
    comparison: Comparison | None


def audit_batch(inputs: AuditInputs, *, watch: WatchRows) -> FinishedAudit:
    """Audit a signed batch."""
    request, auditor, policy, repetition = inputs.request, inputs.auditor, inputs.policy, inputs.repetition
    model = DiffusionModel.from_bundle(build_bundle(inputs.bundle)).to(request.device)
    if policy.rules.tolerance is not None:
        refuse_uncertifiable(model.settings)
    order = AuditOrder(
        batch=inputs.batch,
        trust=inputs.trust,
        auditor=auditor.name,
        policy=policy,
        origin=check_origin(),
        out=request.out,
        again=request.again,
        limit=request.limit if repetition is None else repetition.first.header.run.limit,
        robustness=inputs.robustness,
    )
    judge = ModelJudge(model, policy.rules.alpha)
    with folder_if_filled(request.out), _opened(request.ledger, auditor.key, inputs.trust) as ledger:
        if repetition is None:
            result = run_audit(order, judge, key=auditor.key, ledger=ledger, watch=watch)
        else:
            result = repeat(repetition, order, judge, key=auditor.key, watch=watch)
    signing.create(request.out / INSTRUCTIONS_FILE, INSTRUCTIONS, force=True)
    page = render(result.report, result.thumbnails, language=request.language, origin=order.origin)
    signing.create(request.out / REPORT_PAGE, page, force=True)
    return FinishedAudit(result, None if repetition is None else compare(repetition.first, result.report))


@contextmanager
def _opened(folder: Path | None, key: signing.PrivateKey, trust: signing.TrustStore) -> Iterator[Ledger | None]:
    if folder is None:
        yield None
        return
    keys = CheckpointKeys.of_auditors(trust).with_key(key.public)
    with Ledger(folder, key=key, keys=keys, clock=signing.now) as ledger:
        yield ledger
