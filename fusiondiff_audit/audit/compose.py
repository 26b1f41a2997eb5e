"""From rows to a report: the header says all that it takes to repeat what was done."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fusiondiff_audit.audit.journal import Sealed
from fusiondiff_audit.ledger import Admitted
from fusiondiff_audit.model.findings import Runtime
from fusiondiff_audit.origin import Origin
from fusiondiff_audit.policy.policy import Policy
from reports.identity import Key, Library
from reports.verdict.enrolment import EnrolledSet, mark_enrolled
from reports.verdict.header import (
    NOT_TESTED,
    BatchHeader,
    Header,
    ModelHeader,
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
from signing import Batch, Kind, TrustStore, write_time

_LIMITS = (
    "AUTHENTIC means `authentic as` the reference above, by the specimens that it was taught with, and nothing else.",
    "It tells nothing of age, provenance or value, and nothing of parts of an object that no picture shows.",
    "Who labelled the specimens, and who took the pictures, vouches for what they are of; no picture proves that.",
)
_SAME_OBJECT = "Pictures without a specimen's name may show the same object."
_AGAIN = "The ledger was told to admit this batch whatever it knew of it: "
_OUT_OF_ORDER = "The batch came out of order: the ledger had admitted a later one of its device."


@dataclass(frozen=True, slots=True)
class Looked:
    """Who looked: the model, what it is for, and where it ran."""

    model: ModelHeader
    reference: str
    demonstration: bool
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for, of what, and by whom."""

    batch: Batch
    trust: TrustStore
    auditor: Key
    policy: Policy
    origin: Origin
    out: Path
    again: str | None = None
    limit: int | None = None
    first: Report | None = None  # an audit that this one repeats
    robustness: str = NOT_TESTED

    @property
    def names(self) -> tuple[str, ...]:
        """Return the images that are to be judged."""
        images = tuple(entry.name for entry in self.batch.manifest.files if entry.kind is Kind.IMAGE)
        return images if self.limit is None else images[: self.limit]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a report is made under."""

    order: Order
    looked: Looked
    sealed: Sealed
    ledger: bytes | None  # its checkpoint when the batch was admitted
    admitted: tuple[str, ...]  # what a reader must know of how it was
    enrolled: EnrolledSet  # what the model was enrolled with


def admission(entry: Admitted) -> tuple[str, ...]:
    """Return what a reader must know of how a batch was admitted."""
    again = () if entry.again is None else (f"{_AGAIN}{entry.again}",)
    return (*again, *((_OUT_OF_ORDER,) if entry.out_of_order else ()))


def admission_of(first: Report) -> tuple[str, ...]:
    """Return the same as a report says it that is repeated."""
    return tuple(text for text in first.header.limits if text.startswith((_AGAIN, _OUT_OF_ORDER)))


def compose(found: Iterable[ImageRow], setting: Setting) -> Report:
    """Return the report over all rows; pictures that the model was enrolled with get no answer."""
    order, looked, sealed = setting.order, setting.looked, setting.sealed
    batch, policy, root = order.batch, order.policy, order.trust.root
    rows = sorted(_named_apart(found), key=lambda row: row.name)
    images = tuple(_settled(row, policy.rules) for row in mark_enrolled(rows, setting.enrolled))
    runtime, manifest, signer = looked.runtime, batch.manifest, batch.signer
    specimens = specimen_rows(images, policy.rules)
    header = Header(
        format=NEWEST,
        id=sealed.report,
        issued=sealed.issued,
        reference=looked.reference,
        demonstration=looked.demonstration,
        auditor=order.auditor,
        batch=BatchHeader(
            payload=batch.digest,
            signer=Key(signer.principal, signer.keyid),
            device=manifest.device,
            lab=manifest.lab,
            captured=write_time(manifest.captured),
            sequence=str(manifest.sequence),
            nonce=manifest.nonce,
            files=len(manifest.files),
            second=batch.second is not None,
        ),
        trust=TrustHeader(order.trust.fingerprint, root.version, write_time(root.expires)),
        model=looked.model,
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
            noise_seed=sealed.noise_seed,
            limit=order.limit,
            libraries=tuple(Library(name, version) for name, version in runtime.libraries),
        ),
        robustness=order.robustness,
        ledger=None if setting.ledger is None else base64.b64encode(setting.ledger).decode(),
        case=policy.case.text,
        limits=(
            *_LIMITS,
            *limit_notice(order.limit),
            *((_SAME_OBJECT,) if _nameless(images) else ()),
            *setting.admitted,
        ),
        specimens=VerdictCounts.of(row.verdict for row in specimens),
        images=VerdictCounts.of(row.verdict for row in images),
    )
    return Report.of(header, specimens, images, bytes.fromhex(sealed.salt_key))


def _settled(row: ImageRow, rules: VerdictRules) -> ImageRow:
    """Return a row with the verdict that follows from what it says."""
    if row.verdict is Verdict.REFUSED:
        return row
    verdict, reasons = image_verdict(row, rules)
    return replace(row, verdict=verdict, reasons=reasons)


def _nameless(images: tuple[ImageRow, ...]) -> bool:
    return sum(row.specimen is None and row.verdict is not Verdict.REFUSED for row in images) > 1


def _named_apart(rows: Iterable[ImageRow]) -> Iterable[ImageRow]:
    """Yield rows whose names differ: a stranger's file may be called as ours is shown."""
    taken: set[str] = set()
    for row in sorted(rows, key=lambda row: (row.sha256 is None, row.name, row.reasons)):
        name, number = row.name, 1
        while name in taken:
            number += 1
            name = f"{row.name} ({number})"
        taken.add(name)
        yield replace(row, name=name)
