"""A repetition: an audit that is done again by the rules and the draws of its report, and the comparison of both.

With the same code, versions and device the second payload equals the first byte for byte; where these differ they are
named, and verdicts, votes, ranks and all other fields of the header are compared. Versions 1 and 2 of reports had
another rule of verdicts, so of a report of these the votes alone are compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from fusiondiff_audit.auditing.order import Draws
from fusiondiff_audit.errors import AuditReason
from fusiondiff_audit.ledger import CheckpointKeys
from fusiondiff_audit.ledger.log import ORIGIN
from reports.verdict.header import Header
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenEvidence, SpecimenRow
from reports.verdict.wording import robustness_text
from signing import Reason, SigningError, TrustStore
from signing.records import write_record
from signing.strict import read_base64

# Fields of a header that a repetition need not reproduce: circumstances, the id that follows from all of the report,
# sentences of the code, and counts of rows.
_MAY_DIFFER = {"format", "auditor", "trust", "robustness", "run", "id", "case", "limits"} | {
    *("specimens", "images", "statement")
}


@dataclass(frozen=True, slots=True)
class Repetition:
    """A report whose audit is done again, and the ledger's checkpoint in it. No ledger is asked again."""

    first: Report
    checkpoint: bytes | None

    @classmethod
    def of(cls, first: Report, trust: TrustStore) -> "Repetition":
        """Return the repetition of a report; its checkpoint must be signed by a listed auditor."""
        return cls(first, carried_checkpoint(first, trust))

    @property
    def draws(self) -> Draws:
        """Return the values that were drawn for the first run."""
        header = self.first.header
        return Draws(header.run.noise_seed, self.first.salt_key.hex(), header.id, header.issued)

    @property
    def duplicates(self) -> frozenset[str]:
        """Return the images that were refused as known to the ledger; without a ledger none can be."""
        if self.first.header.ledger is None:
            return frozenset()
        return frozenset(row.name for row in self.first.images if AuditReason.DUPLICATE_PIXELS.value in row.reasons)

    def refuse_other(self, *, batch: str, model: str) -> None:
        """Refuse to repeat the audit with another batch or another model."""
        header = self.first.header
        for name, first, given in (("batch", header.batch.payload, batch), ("model", header.model.digest, model)):
            if first != given:
                what = f"the report is of {name} sha256:{first}, this one is sha256:{given}"
                raise SigningError(Reason.BAD_REQUEST, what)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of a second report from the first."""

    identical: bool  # the payloads are the same, byte for byte
    settings: tuple[str, ...]  # the circumstances that differ
    rows: tuple[str, ...]  # the rows that differ, and fields of the header that no circumstance explains

    @property
    def unexplained(self) -> bool:
        """Say whether something differs that no other code, version or device explains."""
        return bool(self.rows) or not (self.identical or self.settings)


def carried_checkpoint(report: Report, trust: TrustStore) -> bytes | None:
    """Return the ledger's checkpoint that a report carries, which a listed auditor must have signed."""
    encoded = report.header.ledger
    if encoded is None:
        return None
    where = "the report's ledger"
    note = read_base64(encoded, where)
    origin = note.partition(b"\n")[0].decode("ascii", "replace")
    if not origin.startswith(ORIGIN):  # an auditor signs the heads of reports' trees as well
        raise SigningError(Reason.BAD_PROOF, f"{where}: is the checkpoint of something else, {origin[:100]!a}")
    CheckpointKeys.of_auditors(trust).open(note, where, origin)
    return note


def compare(first: Report, second: Report) -> Comparison:
    """Return the differences between an audit and its repetition."""
    settings = _differences(_settings(first.header), _settings(second.header), "none")
    return Comparison(first == second, tuple(settings), tuple(_rows(first, second)))


def _differences(was: dict[str, str], now: dict[str, str], absent: str = "not there") -> Iterator[str]:
    for name in sorted({*was, *now}):
        before, after = was.get(name, absent), now.get(name, absent)
        if before != after:
            yield f"{name}: {before}, now {after}"


def _settings(header: Header) -> dict[str, str]:
    run = write_record(header.run)
    del run["libraries"]
    settings = {
        "report format": header.format,  # whose rules its verdicts go by
        "auditor": header.auditor.keyid,
        "trust store": f"sha256:{header.trust.fingerprint} version {header.trust.version}",
        "stress test": robustness_text(header.robustness),
        **{name.replace("_", " "): str(value) for name, value in run.items()},
        "code": f"sha256:{header.run.code}",
    }
    return settings | {library.name: library.version for library in header.run.libraries}


def _rows(first: Report, second: Report) -> Iterator[str]:
    if first.header.format != second.header.format:
        was, now = ({row.name: _votes(row) for row in report.images} for report in (first, second))
        yield from _differences(was, now)
        return
    yield from _differences(_facts(first.header), _facts(second.header))
    was, now = ({row.name: _image_outcome(row) for row in report.images} for report in (first, second))
    yield from _differences(was, now)
    was, now = ({row.specimen: _specimen_outcome(row) for row in report.specimens} for report in (first, second))
    yield from _differences(was, now)


def _facts(header: Header) -> dict[str, str]:
    """Return what a repetition must reproduce of a header, by field."""
    facts: dict[str, str] = {}
    for name, value in write_record(header).items():
        if name not in _MAY_DIFFER:
            section = value if isinstance(value, dict) else {"": value}
            facts |= {f"{name} {field}".strip(): str(fact) for field, fact in section.items()}
    return facts


def _image_outcome(row: ImageRow) -> str:
    """Return what a repetition must reproduce of an image: verdict, reasons, votes, tolerance and evidence."""
    return f"{_verdict(row)}{_votes(row)}{_evidence(row.evidence)}"


def _specimen_outcome(row: SpecimenRow) -> str:
    return f"{_verdict(row)}{_tolerance(row.tolerance)}{_evidence(row.evidence)}"


def _verdict(row: ImageRow | SpecimenRow) -> str:
    return f"{row.verdict} ({', '.join(row.reasons)})" if row.reasons else row.verdict.value


def _votes(row: ImageRow) -> str:
    judged = row.judged
    if judged is None:
        return ", without votes"
    return f" by {judged.votes_authentic} to {judged.votes_counterfeit} votes{_tolerance(judged.tolerance)}"


def _tolerance(tolerance: int | None) -> str:
    return "" if tolerance is None else f", tolerance {tolerance}"


def _evidence(evidence: SpecimenEvidence | None) -> str:
    """Return the counts of p-values, and what they are of; the last digits of a score may differ."""
    if evidence is None:
        return ""
    ranks = [f"{rank.at_least} of {rank.of}" for rank in evidence.ranks if rank is not None]
    tiles = f", by {', '.join(map(str, evidence.tiles))} tiles"
    return f", ranks {', '.join(ranks)}{tiles}" if ranks else tiles
