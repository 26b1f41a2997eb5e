"""From rows to a report, whose header states everything that a repetition needs."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace

from fusiondiff_audit.auditing.order import RunSetting
from reports.identity import Key, Library
from reports.verdict.batch_check import batch_facts
from reports.verdict.enrolment import EnrolledSet, mark_enrolled
from reports.verdict.header import (
    BatchHeader,
    Header,
    PolicyHeader,
    RunHeader,
    TrustHeader,
    VerdictCounts,
    instrument_reasons,
)
from reports.verdict.limits import SAME_OBJECT, STANDARD_LIMITS, limit_notice
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenEvidence
from reports.verdict.specimens import SpecimenKey, decide_rows
from reports.verdict.verdicts import Verdict
from reports.verdict.versions import NEWEST
from signing import write_time


def arranged(rows: Iterable[ImageRow], enrolled: EnrolledSet) -> tuple[ImageRow, ...]:
    """Return rows in the order of a report, under names that differ, with marks of what the model was enrolled with."""
    return mark_enrolled(sorted(_uniquely_named(rows), key=lambda row: row.name), enrolled)


def compose(rows: Iterable[ImageRow], evidence: Mapping[SpecimenKey, SpecimenEvidence], setting: RunSetting) -> Report:
    """Return the report over arranged rows and the evidence of their specimens."""
    order, identity, draws = setting.order, setting.identity, setting.draws
    batch, policy, root = order.batch, order.policy, order.trust.root
    rules = replace(
        policy.rules,
        instrument=instrument_reasons(identity.model, batch.manifest.device),
        least_tiles=identity.model.least_tiles,
    )
    decided = decide_rows(rows, evidence, rules)
    runtime, signer = identity.runtime, batch.signer
    nameless = sum(row.specimen is None and row.verdict is not Verdict.REFUSED for row in decided.images)
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
            policy.rules.needs_instrument,
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
            *STANDARD_LIMITS,
            *limit_notice(order.limit),
            *((SAME_OBJECT,) if nameless > 1 else ()),
        ),
        specimens=VerdictCounts.of(decided.verdicts),
        images=VerdictCounts.of(row.verdict for row in decided.images),
        statement=decided.statement(policy.rules.alpha),
    )
    return Report.of(header, decided.specimens, decided.images, bytes.fromhex(draws.salt_key))


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
