"""The signed result of a stress test: an in-toto test result of a model, with every count that it came from.

in-toto knows passed, warned and failed tests. Ours has a third word, INCONCLUSIVE, which counts as failed there, so
that nobody who reads only in-toto's words takes a doubt for a pass. One form, as for reports: whoever reads a result
writes it again, and must come to the bytes that were signed.
"""

import base64
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from reports.stress.consistency import contradiction_of, is_recomputed
from reports.stress.details import StressDetails
from reports.stress.gates import GateOutcome, GateResult, Severity
from reports.stress.outcome import Outcome
from reports.stress.quoted_policy import read_quoted_policy
from reports.stress.records import CheckState
from reports.stress.versions import RESULT_V1, RESULT_V2, details_as_written, refuse_late_result, upgraded_details
from signing import PrivateKey, Reason, Role, Signer, SigningError, TrustStore
from signing.fields import Fields, read_json
from signing.records import read_record, write_record
from signing.sigstore_bundle import SigstoreBundle, bundle_limit, sign_payload, verify_bundle
from signing.statement import Statement, Subject, write_statement
from signing.strict import malformed, write_json

RESULT = "robustness.sigstore.json"
STRESS_PAGE = "robustness.html"  # beside it, for people
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
_MAX_PAYLOAD = 16 * 1024 * 1024  # bytes; ten thousand images under twenty attacks have about 14 MB
_TOKENS = 2_000_000


@dataclass(frozen=True, slots=True)
class StressResult(StressDetails):
    """What a stress test found; parts that contradict each other, or what they come to, raise `ValueError`."""

    def __post_init__(self) -> None:
        if self.format not in (RESULT_V1, RESULT_V2):
            raise ValueError(f"format {self.format[:100]!a}; {RESULT_V1} and {RESULT_V2} are read")
        if sha256(self.policy_text.encode()).hexdigest() != self.policy_digest:
            raise ValueError("the digest of another policy than the one that is quoted")
        if fault := contradiction_of(self):
            raise ValueError(fault)

    def explain(self, gate: GateResult) -> str:
        """Return by what a gate ended, and whether that could be decided again from what is signed."""
        return gate.said if is_recomputed(self, gate) else f"{gate.said}; not recomputable from a version 1 result"

    @property
    def waived_until(self) -> datetime | None:
        """Return when the first waiver ends without which a gate would have failed; None if none was waived."""
        pairs = zip(read_quoted_policy(self.policy_text).gates, self.gates, strict=True)
        waivers = (gate.waiver for gate, ended in pairs if ended.passed is GateOutcome.WAIVED)
        return min((waiver.until for waiver in waivers if waiver is not None), default=None)

    def to_payload(self) -> bytes:
        """Return the statement's bytes."""
        details = write_json(details_as_written(write_record(self)))
        named: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
        for gate in self.gates:
            named[_list_of(gate)].append(f"gate {gate.name}")
        for check in self.checks:
            if check.held is not CheckState.NOT_APPLICABLE or self.format == RESULT_V1:
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
        details = read_json(_content(entries[1], where), where, limit=_MAX_PAYLOAD, tokens=_TOKENS)
        result = read_record(cls, Fields(upgraded_details(details.value), where))
        if result.to_payload() != payload:
            raise malformed(where, "is not in the one form that results have")
        return result


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
    signer = trust.judge(opened.entry, result.time, where, proven=opened.proven)
    refuse_late_result(result.format, signer.time or result.time, where)
    return result, signer


MAX_RESULT_FILE = bundle_limit(_MAX_PAYLOAD)
