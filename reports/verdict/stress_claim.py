"""What a header tells of a stress test, held against the policy that it quotes.

The result itself is no part of a report, so that it was seen, and what it says, is the auditor's word. What can be told
from the header alone is whether the policy would have accepted it: its word, the policy that it was made by, and its
age.

    >>> read_claim(f"PASSED quick, 2026-11-21, sha256:{'0' * 64}").policy
    'quick'
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reports.stress.outcome import Outcome
from reports.verdict.embedded import EMBEDDED_BUNDLES, STRESS_POLICIES
from reports.verdict.header import NOT_TESTED, STALE, Header
from signing.fields import Fields

_CLAIM = re.compile(
    f"(?P<word>{'|'.join(Outcome)}) (?P<policy>.{{1,200}}), (?P<day>20[0-9]{{2}}-[01][0-9]-[0-3][0-9]), "
    f"sha256:(?P<digest>[0-9a-f]{{64}})(?P<stale>{STALE})?"
)
_MOST_DAYS, _MOST_ATTACKS = 3650, 1000
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is told of a stress test's result."""

    word: Outcome
    policy: str
    day: datetime  # it was issued on, at midnight
    digest: str
    stale: bool


def read_claim(robustness: str) -> Claim | None:
    """Return what a header tells of a result; None if it is not in the form in which audits tell it."""
    match = _CLAIM.fullmatch(robustness)
    if match is None:
        return None
    try:
        day = datetime.fromisoformat(match["day"]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Claim(Outcome(match["word"]), match["policy"], day, match["digest"], match["stale"] is not None)


def stress_fault(header: Header, asked: Fields) -> str | None:
    """Say what a header tells of a stress test that the policy's `[robustness]` would not have let it tell."""
    if header.robustness == NOT_TESTED:  # where a result is required, `stood` has refused it
        return None
    claim = read_claim(header.robustness)
    if claim is None:
        return f"what it tells of a stress test is in no form of ours: {header.robustness[:100]!a}"
    pin = EMBEDDED_BUNDLES.get(header.model.digest)
    embedded = pin is not None and pin.tested == claim.digest
    if asked.text("result") == "required":
        own = bool(asked.values("attacks", most=_MOST_ATTACKS))
        accepted = (header.policy.name,) if own else STRESS_POLICIES
        if claim.policy not in accepted:
            return f"its stress test was made by policy {claim.policy!a}; one by {', '.join(accepted)} is required"
    oldest, youngest = header.time - claim.day, header.time - claim.day - _DAY  # it was issued at some hour of that day
    days = timedelta(days=asked.integer("days", least=1, most=_MOST_DAYS))
    if not embedded and not (oldest > days if claim.stale else youngest < days):
        return f"its stress test is {'not ' if claim.stale else ''}older than the {days.days} days of the policy"
    return None
