"""What a report states of its laboratory and its case: sections of the policy that it quotes.

The signed policy text has them, so they have no field of their own. They are the auditor's word, and decide nothing.

    >>> stated = read_stated_case('{"case":{"customer":"Museum","received":"2026-11-28","text":[]}}', "it")
    >>> stated.case.customer, stated.case.received, stated.laboratory.name
    ('Museum', datetime.date(2026, 11, 28), None)
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from signing.fields import Fields, read_json
from signing.strict import MAX_TEXT, malformed


@dataclass(frozen=True, slots=True)
class LaboratoryDetails:
    """The laboratory and its method; None: not stated."""

    name: str | None = None
    address: str | None = None
    place: str | None = None
    method: str | None = None
    method_version: str | None = None
    reproduction: str | None = None


@dataclass(frozen=True, slots=True)
class CaseDetails:
    """The customer, the items and the days; None: not stated. A report's header has the case's further sentences."""

    customer: str | None = None
    contact: str | None = None
    item: str | None = None
    condition: str | None = None
    received: date | None = None
    sampled: date | None = None
    sampling: str | None = None
    tested_from: date | None = None
    tested_until: date | None = None
    deviations: str | None = None
    external: str | None = None
    authorised_by: str | None = None


_DAYS = frozenset({"received", "sampled", "tested_from", "tested_until"})


@dataclass(frozen=True, slots=True)
class StatedCase:
    """Both sections."""

    laboratory: LaboratoryDetails
    case: CaseDetails


def read_stated_case(policy_text: str, where: str) -> StatedCase:
    """Return what a quoted policy states of both; other keys are refused, and what is no text or day."""
    policy = read_json(policy_text.encode("utf-8", "surrogatepass"), f"{where}: policy", limit=MAX_TEXT)
    case = policy.fields("case")
    laboratory = policy.fields("laboratory") if policy.has("laboratory") else Fields({}, where)
    return StatedCase(
        LaboratoryDetails(**_stated(LaboratoryDetails, laboratory)), CaseDetails(**_stated(CaseDetails, case, "text"))
    )


def _stated(kind: type[Any], section: Fields, *others: str) -> Mapping[str, Any]:
    names = tuple(field.name for field in fields(kind))
    section.closed(optional=(*names, *others))
    return {name: _day(section, name) if name in _DAYS else section.text(name) for name in names if section.has(name)}


def _day(section: Fields, name: str) -> date:
    text = section.text(name)
    try:
        day = date.fromisoformat(text)
    except ValueError as e:
        raise malformed(f"{section.where}.{name}", f"{text[:100]!a} is no day") from e
    if day.isoformat() != text:
        raise malformed(f"{section.where}.{name}", f"{text[:100]!a} is not written as YYYY-MM-DD")
    return day
