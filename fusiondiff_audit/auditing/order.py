"""The order of an audit (batch, policy, signer), the identity of its model, and the draws of its run."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from fusiondiff_audit.model.findings import Runtime
from fusiondiff_audit.origin import Origin
from fusiondiff_audit.policy.audit import AuditPolicy
from reports.identity import Key
from reports.verdict.claims import Admission, RobustnessClaim
from reports.verdict.header import ModelHeader
from signing import Batch, FileKind, TrustStore
from signing.records import write_record


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """A model as a report names it: its weights, what AUTHENTIC means with them, and where they run."""

    model: ModelHeader
    reference: str
    demonstration: bool
    runtime: Runtime


@dataclass(frozen=True, slots=True)
class AuditOrder:
    """A batch that is to be audited, the rules, and who signs."""

    batch: Batch
    trust: TrustStore
    auditor: Key
    policy: AuditPolicy
    origin: Origin
    out: Path
    again: str | None = None  # the reason to admit a batch that the ledger knows
    limit: int | None = None  # only so many of the batch's images
    robustness: RobustnessClaim | None = None  # None: not stress-tested

    @property
    def names(self) -> tuple[str, ...]:
        """Return the images that are to be judged."""
        images = tuple(entry.name for entry in self.batch.manifest.files if entry.kind is FileKind.IMAGE)
        return images if self.limit is None else images[: self.limit]

    def digest(self, identity: ModelIdentity, repeated: str | None = None) -> str:
        """Return a digest over what rows depend on beside their images; `repeated` is a report's root."""
        stress_test = None if self.robustness is None else self.robustness.digest
        names = (self.policy.digest, self.origin.digest, self.auditor.keyid, stress_test, repeated)
        settings = [write_record(identity), *names, self.limit]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Draws:
    """The values that are drawn once for a run; a repetition takes them from the report."""

    noise_seed: str
    salt_key: str
    report: str  # its id
    issued: str


@dataclass(frozen=True, slots=True)
class RunSetting:
    """Everything that a report states beside its rows."""

    order: AuditOrder
    identity: ModelIdentity
    draws: Draws
    ledger: bytes | None  # its checkpoint when the batch was admitted
    admission: Admission
