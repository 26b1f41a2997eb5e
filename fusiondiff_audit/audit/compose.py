"""From rows to a report, whose header states everything that a repetition needs."""

import base64
from collections.abc import Iterable
from dataclasses import replace

from fusiondiff_audit.audit.order import RunSetting
from reports.identity import Key, Library
from reports.verdict.batch_check import batch_facts
from reports.verdict.enrolment import mark_enrolled
from reports.verdict.header import (
    BatchHeader,
    Header,
    PolicyHeader,
    RunHeader,
    TrustHeader,
    VerdictCounts,
    limit_notice,
)
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, image_verdict, specimen_rows
from reports.verdict.verdicts import Verdict, VerdictRules
from reports.verdict.versions import NEWEST
from signing import write_time

_LIMITS = (
    "AUTHENTIC means `authentic as` the reference above, compared with the enrolled specimens, and nothing else.",
    "A verdict says nothing of age, provenance or value, and nothing of parts of an object that no image shows.",
    "That images show the named specimens, and that their labels are right, is a claim of whoever signed them.",
)
_SAME_OBJECT = "Images without a specimen's name may show the same object."


def compose(image_rows: Iterable[ImageRow], setting: RunSetting) -> Report:
    """Return the report over all rows; images that the model was enrolled with get no answer."""
    order, identity, draws = setting.order, setting.identity, setting.draws
    batch, policy, root = order.batch, order.policy, order.trust.root
    rows = sorted(_uniquely_named(image_rows), key=lambda row: row.name)
    images = tuple(_settled(row, policy.rules) for row in mark_enrolled(rows, setting.enrolled))
    runtime, signer = identity.runtime, batch.signer
    specimens = specimen_rows(images, policy.rules)
    nameless = sum(row.specimen is None and row.verdict is not Verdict.REFUSED for row in images)
    header = Header(
        format=NEWEST,
        id=draws.report,
        issued=draws.issued,
        reference=identity.reference,
        demonstration=identity.demonstration,
        auditor=order.auditor,
        batch=BatchHeader(
            payload=batch.digest,
            signer=Key(signer.principal, signer.keyid),
            second=batch.second is not None,
            **batch_facts(batch.manifest),
        ),
        trust=TrustHeader(order.trust.fingerprint, root.version, write_time(root.expires)),
        model=identity.model,
        policy=PolicyHeader(
            policy.name,
            policy.digest,
            policy.text,
            policy.decide.error_rate,
            policy.rules.needs_scale,
            policy.rules.tolerance,
        ),
        run=RunHeader(
            code=order.origin.digest,
            released=order.origin.released,
            device=runtime.device,
            precision=runtime.precision,
            micro_batch=runtime.micro_batch,
            threads=runtime.threads,
            noise_seed=draws.noise_seed,
            limit=order.limit,
            libraries=tuple(Library(name, version) for name, version in runtime.libraries),
        ),
        robustness=order.robustness,
        admission=setting.admission,
        ledger=None if setting.ledger is None else base64.b64encode(setting.ledger).decode(),
        case=policy.case.text,
        limits=(
            *_LIMITS,
            *limit_notice(order.limit),
            *((_SAME_OBJECT,) if nameless > 1 else ()),
        ),
        specimens=VerdictCounts.of(row.verdict for row in specimens),
        images=VerdictCounts.of(row.verdict for row in images),
    )
    return Report.of(header, specimens, images, bytes.fromhex(draws.salt_key))


def _settled(row: ImageRow, rules: VerdictRules) -> ImageRow:
    """Return a row with the verdict that follows from its numbers."""
    if row.verdict is Verdict.REFUSED:
        return row
    verdict, reasons = image_verdict(row, rules)
    return replace(row, verdict=verdict, reasons=reasons)


def _uniquely_named(rows: Iterable[ImageRow]) -> Iterable[ImageRow]:
    """Yield rows whose names differ: the displayed name of an unsigned file may be the name of a signed one."""
    taken: set[str] = set()
    for row in sorted(rows, key=lambda row: (row.sha256 is None, row.name, row.reasons)):
        name, number = row.name, 1
        while name in taken:
            number += 1
            name = f"{row.name} ({number})"
        taken.add(name)
        yield replace(row, name=name)
