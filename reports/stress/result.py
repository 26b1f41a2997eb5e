"""The signed result of a stress test: an in-toto test result of a model, with every count that it came from.

in-toto knows passed, warned and failed tests. Ours has a third word, INCONCLUSIVE, which counts as failed there, so
that nobody who reads only in-toto's words takes a doubt for a pass. One form, as for reports: whoever reads a result
writes it again, and must come to the bytes that were signed.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from reports.identity import Key
from reports.stress.consistency import contradiction_of, outcome_of
from reports.stress.gates import GateOutcome, Severity
from reports.stress.outcome import Outcome
from reports.stress.records import (
    AttackResult,
    CheckResult,
    CheckState,
    DetectorResult,
    Environment,
    GateResult,
    PoisonResult,
)
from signing import PrivateKey, Reason, Role, Signer, SigningError, TrustStore
from signing.fields import Fields, read_json
from signing.records import read_record, write_record
from signing.sigstore_bundle import SigstoreBundle, bundle_limit, sign_payload, verify_bundle
from signing.statement import Statement, Subject, write_statement
from signing.strict import malformed, write_json
from signing.times import read_time

RESULT = "robustness.sigstore.json"
FORMAT = "fusiondiff-audit/robustness/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
_MAX_PAYLOAD = 16 * 1024 * 1024  # bytes; ten thousand pictures under twenty attacks have about 14 MB
_TOKENS = 2_000_000


@dataclass(frozen=True, slots=True)
class StressResult:
    """All that a stress test found."""

    format: str
    issued: str
    word: Outcome
    why: tuple[str, ...]
    auditor: Key
    model: str
    model_digest: str
    reference: str
    demonstration: bool
    policy: str
    policy_digest: str
    policy_text: str
    images: int
    missed: tuple[str, ...]  # judged wrongly before any attack
    attacks: tuple[AttackResult, ...]
    poisons: tuple[PoisonResult, ...]
    detectors: tuple[DetectorResult, ...]
    checks: tuple[CheckResult, ...]
    not_selected: tuple[str, ...]  # checks
    gates: tuple[GateResult, ...]
    outcome: str  # SHA-256 over what came of every picture: the same for the same seed
    taken: Environment

    def __post_init__(self) -> None:
        """Refuse a result whose parts contradict each other, or its word."""
        if self.format != FORMAT:
            raise ValueError(f"format {self.format[:100]!a}; {FORMAT} is read")
        if sha256(self.policy_text.encode()).hexdigest() != self.policy_digest:
            raise ValueError("the digest of another policy than the one that is quoted")
        fault = contradiction_of(self)
        if fault is not None:
            raise ValueError(fault)
        if outcome_of(self) is not self.word:
            raise ValueError(f"{self.word}, and yet its parts come to {outcome_of(self)}")

    @property
    def time(self) -> datetime:
        """Return when it was issued, as its signer says."""
        return read_time(self.issued, RESULT)

    def to_payload(self) -> bytes:
        """Return the statement's bytes."""
        details = write_json(write_record(self))
        named: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
        for gate in self.gates:
            named[_list_of(gate)].append(f"gate {gate.name}")
        for check in self.checks:
            named["failedTests" if check.held is CheckState.FAILED else "passedTests"].append(f"check {check.id}")
        passed = "WARNED" if named["warnedTests"] else "PASSED"
        predicate: dict[str, object] = {
            "result": passed if self.word is Outcome.PASSED else "FAILED",
            "configuration": [
                {"name": "policy", "digest": {"sha256": self.policy_digest}},
                {
                    "name": "details",
                    "mediaType": "application/json",
                    "content": base64.b64encode(details).decode(),
                },
            ],
            **named,
        }
        return write_statement((Subject(self.model, self.model_digest),), PREDICATE, predicate)

    @classmethod
    def from_payload(cls, payload: bytes, where: str) -> "StressResult":
        """Parse a verified payload."""
        statement = Statement.from_bytes(
            payload, where, predicate_type=PREDICATE, limit=_MAX_PAYLOAD, most=1, tokens=_TOKENS
        )
        entries = statement.predicate.list("configuration", least=2, most=2)
        found = read_record(cls, read_json(_content(entries[1], where), where, limit=_MAX_PAYLOAD, tokens=_TOKENS))
        if found.to_payload() != payload:
            raise malformed(where, "is not in the one form that results have")
        return found


def _list_of(gate: GateResult) -> str:
    """Return in which of in-toto's lists a gate stands."""
    if gate.passed is GateOutcome.PASSED:
        return "passedTests"
    lesser = gate.passed is GateOutcome.FAILED and gate.severity is not Severity.ERROR
    return "warnedTests" if lesser or gate.passed in (GateOutcome.WAIVED, GateOutcome.UNASKED) else "failedTests"


def _content(entry: Fields, where: str) -> bytes:
    try:
        return base64.b64decode(entry.raw("content", limit=_MAX_PAYLOAD), validate=True)
    except ValueError as e:
        raise malformed(where, "details that are no base64") from e


def sign_stress_result(result: StressResult, key: PrivateKey) -> bytes:
    """Return a signed result; one that would be read otherwise than it was meant is never signed."""
    payload = result.to_payload()
    if StressResult.from_payload(payload, RESULT) != result:
        raise SigningError(Reason.MALFORMED, f"{RESULT}: would be read otherwise than it was meant")
    return sign_payload(payload, key)


def read_stress_result(data: bytes, where: str) -> StressResult:
    """Return a result whoever signed it: of a file that is known by its digest."""
    return StressResult.from_payload(
        SigstoreBundle.from_bytes(data, where, payload_limit=_MAX_PAYLOAD).envelope.payload, where
    )


def open_stress_result(data: bytes, where: str, *, trust: TrustStore) -> tuple[StressResult, Signer]:
    """Return a result that a listed auditor signed, or refuse it."""
    bundle = SigstoreBundle.from_bytes(data, where, payload_limit=_MAX_PAYLOAD)
    opened = verify_bundle(bundle, where, trust=trust, roles=(Role.AUDITOR,))
    result = StressResult.from_payload(opened.payload, where)
    if result.auditor.keyid != opened.entry.keyid:
        raise SigningError(Reason.CONTRADICTION, f"{where}: names another auditor than the one who signed it")
    return result, trust.judge(opened.entry, result.time, where, proven=opened.proven)


MAX_FILE = bundle_limit(_MAX_PAYLOAD)
