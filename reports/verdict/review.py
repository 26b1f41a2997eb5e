"""A second person's review of a report: a decision on specimens, with reasons, signed over the report's payload.

A review stands beside the report and alters nothing in it. Its subject is the report's payload by its SHA-256, so it
cannot be moved to another report, and stays valid when a timestamp is added to the report's file. It is signed by a key
that the trust store lists as an auditor's.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from reports.identity import Key
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from signing import PrivateKey, Reason, Role, Signer, SigningError, TrustStore, write_time
from signing.fields import Fields, read_json
from signing.records import read_record, write_record
from signing.sigstore_bundle import SigstoreBundle, bundle_limit, sign_payload, verify_bundle
from signing.statement import PREDICATES, Statement, Subject, write_statement
from signing.strict import malformed
from signing.times import read_time

REVIEW = "review.sigstore.json"
REVIEW_ENDING = f".{REVIEW}"  # of further reviews beside a report, such as `doe.review.sigstore.json`
DECISIONS_FORMAT, REVIEW_FORMAT = "fusiondiff-audit/decisions/v1", "fusiondiff-audit/review/v1"
_PREDICATE = f"{PREDICATES}review/v1"
_MAX_PAYLOAD, _TOKENS = 16 * 1024 * 1024, 2_000_000
MAX_REVIEW_FILE = bundle_limit(_MAX_PAYLOAD)
_LONGEST_REASON = 1000  # characters


class Decision(StrEnum):
    """What a reviewer says of a verdict."""

    AGREE = "agree"
    DISAGREE = "disagree"
    LOOK_AGAIN = "look-again"


@dataclass(frozen=True, slots=True)
class SpecimenDecision:
    """A decision on a specimen, or on an image that names none."""

    specimen: str
    decision: Decision
    reason: str | None = None

    def __post_init__(self) -> None:
        """Refuse a decision against a verdict that states no reason."""
        if self.decision is not Decision.AGREE and self.reason is None:
            raise ValueError(f"{self.specimen[:100]!a}: {self.decision} without a reason")
        if len(self.reason or "") > _LONGEST_REASON:
            raise ValueError(f"{self.specimen[:100]!a}: a reason of more than {_LONGEST_REASON:,} characters")


@dataclass(frozen=True, slots=True)
class Review:
    """Decisions on a report's specimens; field names are those of the signed statement."""

    format: str
    report: str  # its id
    digest: str  # SHA-256 of its payload
    reviewer: Key
    issued: str
    decisions: tuple[SpecimenDecision, ...]  # in the order of names

    def __post_init__(self) -> None:
        """Refuse another format, and names that are not in order, each once."""
        if self.format != REVIEW_FORMAT:
            raise ValueError(f"format {self.format[:100]!a}; {REVIEW_FORMAT} is read")
        names = [decided.specimen for decided in self.decisions]
        if not names or names != sorted(set(names)):
            raise ValueError("no decision, or specimens that are not in the order of their names, each once")

    @property
    def time(self) -> datetime:
        return read_time(self.issued, "the review")

    @property
    def counts(self) -> str:
        """How many specimens each decision is of, such as `7 agree, 1 look-again`."""
        found = Counter(decided.decision for decided in self.decisions)
        return ", ".join(f"{found[decision]:,} {decision}" for decision in Decision if found[decision])

    def to_payload(self) -> bytes:
        subject = Subject(REPORT, self.digest)
        return write_statement((subject,), _PREDICATE, {"review": write_record(self)})

    @classmethod
    def from_payload(cls, payload: bytes, where: str) -> "Review":
        """Parse a verified payload."""
        statement = Statement.from_bytes(
            payload, where, predicate_type=_PREDICATE, limit=_MAX_PAYLOAD, most=1, tokens=_TOKENS
        )
        review = read_record(cls, statement.predicate.closed("review").fields("review"))
        if review.to_payload() != payload:
            raise malformed(where, "is not in the one form that reviews have")
        return review


def read_decisions(data: bytes, where: str) -> tuple[str, tuple[SpecimenDecision, ...]]:
    """Return the digest of the report that a file of decisions is about, and the decisions, ordered by name."""
    fields = read_json(data, where, limit=_MAX_PAYLOAD, tokens=_TOKENS).closed("decisions", "format", "report")
    fields.constant("format", DECISIONS_FORMAT)
    listed: Iterable[Fields] = fields.list("decisions", least=1, most=_TOKENS)
    decisions = sorted((read_record(SpecimenDecision, item) for item in listed), key=lambda decided: decided.specimen)
    return fields.sha256("report"), tuple(decisions)


def report_digest(report: Report) -> str:
    """Return the SHA-256 of a report's payload, which a review is about."""
    return sha256(report.to_payload()).hexdigest()


def sign_review(
    report: Report,
    decisions: tuple[SpecimenDecision, ...],
    *,
    reviewer: Key,
    time: datetime,
    key: PrivateKey,
) -> bytes:
    """Return a signed review; decisions on what the report does not have are refused."""
    try:
        review = Review(REVIEW_FORMAT, report.header.id, report_digest(report), reviewer, write_time(time), decisions)
    except ValueError as e:
        raise SigningError(Reason.BAD_REQUEST, f"the decisions: {e}") from e
    refuse_other_report(review, report, "the decisions")
    return sign_payload(review.to_payload(), key)


def open_review(data: bytes, where: str, *, report: Report, trust: TrustStore) -> tuple[Review, Signer]:
    """Return the review of this very report by a listed auditor, or refuse it."""
    bundle = SigstoreBundle.from_bytes(data, where, payload_limit=_MAX_PAYLOAD)
    opened = verify_bundle(bundle, where, trust=trust, roles=(Role.AUDITOR,))
    review = Review.from_payload(opened.payload, where)
    if review.reviewer.keyid != opened.entry.keyid:
        raise SigningError(Reason.CONTRADICTION, f"{where}: names another reviewer than the one who signed it")
    refuse_other_report(review, report, where)
    return review, trust.judge(opened.entry, review.time, where, proven=opened.proven)


def refuse_other_report(review: Review, report: Report, where: str) -> None:
    """Refuse a review of another report, and decisions on specimens that the report does not have."""
    if (review.report, review.digest) != (report.header.id, report_digest(report)):
        raise SigningError(Reason.CONTRADICTION, f"{where}: of report {review.report[:8]!a}, which is another one")
    known = {row.specimen for row in report.specimens} | {row.name for row in report.images if row.specimen is None}
    if unknown := [decided.specimen for decided in review.decisions if decided.specimen not in known]:
        raise SigningError(Reason.CONTRADICTION, f"{where}: {unknown[0][:100]!a} is no specimen of the report")
