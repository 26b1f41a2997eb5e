"""An audit done again: the same rules, the same draws, and what came out otherwise.

A report says all that it takes. With the same code, versions and device the second payload equals the first byte for
byte; where these differ they are named, and verdicts and votes are compared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fusiondiff_audit.errors import AuditReason
from fusiondiff_audit.ledger import Keys
from fusiondiff_audit.ledger.log import ORIGIN
from reports.arithmetic import Rank
from reports.verdict.header import Header
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow
from signing import Reason, SigningError, TrustStore
from signing.strict import read_base64


@dataclass(frozen=True, slots=True)
class Repeated:
    """How a second report compares with the first."""

    identical: bool  # so that the payloads are, byte for byte
    settings: tuple[str, ...]  # what was different from the start
    rows: tuple[str, ...]  # what came out otherwise

    @property
    def unexplained(self) -> bool:
        """Say whether something differs that no other code, version or device explains."""
        return bool(self.rows) or not (self.identical or self.settings)


def refuse_other(first: Report, *, batch: str, model: str) -> None:
    """Refuse to repeat the audit of another batch, or with another model."""
    for what, was, now in (("batch", first.header.batch.payload, batch), ("model", first.header.model.digest, model)):
        if was != now:
            raise SigningError(Reason.BAD_REQUEST, f"the report is of {what} sha256:{was}, this one is sha256:{now}")


def ledger_of(first: Report, trust: TrustStore) -> bytes | None:
    """Return the checkpoint that a report carries, which a listed auditor must have signed."""
    said = first.header.ledger
    if said is None:
        return None
    where = "the report's ledger"
    note = read_base64(said, where)
    origin = note.partition(b"\n")[0].decode("ascii", "replace")
    if not origin.startswith(ORIGIN):  # an auditor signs the heads of reports' trees as well
        raise SigningError(Reason.BAD_PROOF, f"{where}: is the checkpoint of something else, {origin[:100]!a}")
    Keys.of_auditors(trust).open(note, where, origin)
    return note


def believable(first: Report | None) -> frozenset[str]:
    """Return what a report refused as seen before; without a ledger it cannot know of other runs."""
    if first is None or first.header.ledger is None:
        return frozenset()
    return frozenset(row.name for row in first.images if AuditReason.DUPLICATE_PIXELS.value in row.reasons)


def compare(first: Report, second: Report) -> Repeated:
    """Return what differs between an audit and its repetition."""
    was, now = _settings(first.header), _settings(second.header)
    names = sorted({*was, *now})
    settings = tuple(
        f"{name}: {was.get(name, 'none')}, now {now.get(name, 'none')}"
        for name in names
        if was.get(name) != now.get(name)
    )
    return Repeated(first == second, settings, tuple(_rows(first, second)))


def _settings(header: Header) -> dict[str, str]:
    run = header.run
    said = {
        "report format": header.format,  # whose rules its verdicts go by
        "auditor": header.auditor.keyid,
        "trust store": f"sha256:{header.trust.fingerprint} version {header.trust.version}",
        "code": f"sha256:{run.code}",
        "device": run.device,
        "threads": str(run.threads),
        "stress test": header.robustness,
    }
    return said | {library.name: library.version for library in run.libraries}


def _rows(first: Report, second: Report) -> Iterator[str]:
    was: Mapping[str, ImageRow | SpecimenRow]
    now: Mapping[str, ImageRow | SpecimenRow]
    for was, now in (
        ({row.name: row for row in first.images}, {row.name: row for row in second.images}),
        ({row.specimen: row for row in first.specimens}, {row.specimen: row for row in second.specimens}),
    ):
        for name in sorted({*was, *now}):
            before, after = (_outcome(rows[name]) if name in rows else "not there" for rows in (was, now))
            if before != after:
                yield f"{name}: {before}, now {after}"


def _outcome(row: ImageRow | SpecimenRow) -> str:
    """Return what must not change: the verdict, why, votes, tolerances, and the counts that p-values come from."""
    why = f" ({', '.join(row.reasons)})" if row.reasons else ""
    if isinstance(row, SpecimenRow):
        return f"{row.verdict}{why}{_stays(row.tolerance)}{_ranks(row.authentic, row.counterfeit, row.familiar)}"
    if (seen := row.judged) is None:
        return f"{row.verdict}{why}"
    votes = f"by {seen.votes_authentic} to {seen.votes_counterfeit} votes{_stays(seen.tolerance)}"
    return f"{row.verdict}{why} {votes}{_ranks(seen.authentic, seen.counterfeit, seen.familiar)}"


def _stays(tolerance: int | None) -> str:
    return "" if tolerance is None else f", tolerance {tolerance}"


def _ranks(*ranks: Rank | None) -> str:
    said = [f"{rank.at_least} of {rank.of}" for rank in ranks if rank is not None]
    return f", ranks {', '.join(said)}" if said else ""
