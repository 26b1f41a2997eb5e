"""Facts that a report states and that its reader cannot check from the report alone, as typed records.

`reports.verdict.wording` makes sentences of them.

    >>> RobustnessClaim(Outcome.PASSED, "quick", None, "2026-11-21", "0" * 64, stale=False).is_pass
    True
    >>> ScaleClaim("12.50", "manifest")
    Traceback (most recent call last):
    ...
    ValueError: a pixel of '12.50' nm
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from reports.stress.outcome import Outcome
from signing.strict import is_sha256

_DAY = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]")
_NANOMETRES = re.compile(r"(?=.*[1-9])(0|[1-9][0-9]{0,11})(\.[0-9]{0,40}[1-9])?")


@dataclass(frozen=True, slots=True)
class RobustnessClaim:
    """The result of a stress test, which is no part of the report."""

    outcome: Outcome
    policy: str  # the name of the stress policy
    policy_digest: str | None  # SHA-256 of its settings; None: a version before 3 did not state it
    day: str  # on which the result was issued, in UTC
    digest: str  # SHA-256 of the signed result
    stale: bool  # older than the audit's policy allows, or a gate of it is waived no longer

    def __post_init__(self) -> None:
        """Refuse a day that no calendar has, and a digest that is none."""
        if not _DAY.fullmatch(self.day):
            raise ValueError(f"{self.day[:100]!a} is no day")
        date.fromisoformat(self.day)
        for digest in (self.digest, self.policy_digest):
            if digest is not None and not is_sha256(digest):
                raise ValueError(f"{digest[:100]!a} is no digest")

    @property
    def is_pass(self) -> bool:
        """Say whether the model passed, and the result is not stale."""
        return self.outcome is Outcome.PASSED and not self.stale

    @property
    def midnight(self) -> datetime:
        """Return the beginning of the day of issue."""
        return datetime.fromisoformat(self.day).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Admission:
    """How the ledger admitted the batch; of an audit without a ledger nothing is known."""

    again: str | None = None  # the reason for admitting a batch or an image that the ledger knew; None: none was given
    out_of_order: bool = False  # the ledger had admitted a later batch of the same device


@dataclass(frozen=True, slots=True)
class ScaleClaim:
    """The side of a pixel, and who states it."""

    nm: str  # nanometres, as a decimal without superfluous zeros
    source: str

    def __post_init__(self) -> None:
        """Refuse a length that is none, or that is written in another form than the one."""
        if not _NANOMETRES.fullmatch(self.nm):
            raise ValueError(f"a pixel of {self.nm[:100]!a} nm")
