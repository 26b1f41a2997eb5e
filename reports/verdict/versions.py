"""The versions of a report: what each says that the one before did not, and the rules that each is judged by.

A leaf of an older version is read as the newest version would say it, one version after another, and judged by the
rules that its own version was made under: so reports of all versions verify for ever. Only the newest is written, and
a report of an older version that was issued after a newer one came is refused: nobody escapes a rule that way.

    >>> upgraded({"specimen": "sherd 1"}, "specimen", V1, "it")
    {'specimen': 'sherd 1', 'tolerance': None}
    >>> rules_of(V2).answers_need_calibration, rules_of(FORMAT).answers_need_calibration
    (False, True)
    >>> gaps_of(V2)
    ('gave answers without calibration', 'did not mark what the model was enrolled with')
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from signing import Reason, SigningError, write_time
from signing.strict import malformed

V1, V2, V3 = (f"fusiondiff-audit/report/v{number}" for number in (1, 2, 3))
NEWEST = V3  # the one that is written


@dataclass(frozen=True, slots=True)
class AddedField:
    """A field that a version added to a leaf, and what is read in its place where an older version lacks it."""

    part: str | None  # the object of the leaf that holds it; None: the leaf itself
    name: str
    absent: int | None


@dataclass(frozen=True, slots=True)
class VersionRules:
    """What must hold of a report because of its version."""

    numbers_follow: bool  # ranks, case, second signature and stress test follow from what the header states
    rates_are_known: bool  # error rates are those of `ERROR_RATES`, in their order
    answers_need_calibration: bool  # AUTHENTIC and COUNTERFEIT take a conformal set or a familiarity rank
    enrolled_are_marked: bool  # a picture that the model was enrolled with says so, and gets no answer
    stress_claim_follows: bool  # what is told of a stress test has one form, and is what the quoted policy accepts


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the format; `added` goes by the kind of leaf."""

    name: str
    added: Mapping[str, tuple[AddedField, ...]]
    rules: VersionRules
    until: datetime | None = None  # the last moment at which a report of it can have been issued; None: it is written
    gaps: tuple[str, ...] = ()  # what its rules let be that those of the newest do not, after "which"


_UNCALIBRATED = "gave answers without calibration"
_UNMARKED = "did not mark what the model was enrolled with"
VERSIONS = (
    Version(
        V1,
        {},
        VersionRules(False, False, False, False, False),
        datetime(2026, 11, 30, tzinfo=UTC),
        ("took ranks as the auditor wrote them", _UNCALIBRATED, _UNMARKED),
    ),
    Version(
        V2,
        {
            "header": (AddedField("model", "partitions", 0), AddedField("policy", "tolerance", None)),
            "specimen": (AddedField(None, "tolerance", None),),
            "image": (AddedField("judged", "tolerance", None),),
        },
        VersionRules(True, True, False, False, False),
        datetime(2026, 12, 1, tzinfo=UTC),
        (_UNCALIBRATED, _UNMARKED),
    ),
    Version(
        V3,
        {"header": (AddedField("model", "base", None),), "image": (AddedField(None, "enrolled", None),)},
        VersionRules(True, True, True, True, True),
    ),
)
_PLACES = {version.name: place for place, version in enumerate(VERSIONS)}


def rules_of(version: str) -> VersionRules:
    """Return the rules of a version; an unknown one raises `KeyError`."""
    return VERSIONS[_PLACES[version]].rules


def is_known(version: str) -> bool:
    """Say whether reports of this version are read."""
    return version in _PLACES


def gaps_of(version: str) -> tuple[str, ...]:
    """Return what the rules of a version let be that the newest do not; an unknown one raises `KeyError`."""
    return VERSIONS[_PLACES[version]].gaps


def version_remark(version: str) -> str:
    """Return by which older rules a report was judged, and what they let be; nothing of the newest version."""
    gaps = gaps_of(version)
    if not gaps:
        return ""
    listed = " and ".join(filter(None, (", ".join(gaps[:-1]), gaps[-1])))
    return f"by the rules of version {_PLACES[version] + 1}, which {listed}"


def refuse_late(version: str, time: datetime, where: str, *, proven: bool) -> None:
    """Refuse a report of a version that was no longer written when the report was issued."""
    until = VERSIONS[_PLACES[version]].until
    if until is not None and time > until:
        proof = "as a timestamp proves" if proven else "as it claims"
        what = f"is of version {_PLACES[version] + 1}, none of which was issued after {write_time(until)}"
        hint = "ask for a report of the newest version; one that is older than this needs a timestamp from its time"
        raise SigningError(
            Reason.CONTRADICTION, f"{where}: contradicts itself: {what}, and at {write_time(time)}, {proof}", hint=hint
        )


def upgraded(said: Any, kind: str, version: str, where: str) -> Any:
    """Return what a leaf says as the newest version would say it; what is no object is left to who reads it.

    A field that came with a later version than the leaf's own is refused.
    """
    if version not in _PLACES or not isinstance(said, dict):
        return said
    place, whole = _PLACES[version], dict(said)
    for added in (field for step in VERSIONS[place + 1 :] for field in step.added.get(kind, ())):
        at = whole if added.part is None else whole.get(added.part)
        if not isinstance(at, dict):
            continue
        if added.name in at:
            raise malformed(where, f"{added.name!r} is no field of version {place + 1}")
        with_it = at | {added.name: added.absent}
        whole = with_it if added.part is None else whole | {added.part: with_it}
    return whole


def stated_version(said: Any) -> str:
    """Return the version that a header names, whatever it may be."""
    version = said.get("format") if isinstance(said, dict) else None
    return version if isinstance(version, str) else ""
