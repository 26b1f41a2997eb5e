"""The versions of a report: how a leaf of each is read as one of the next, and the rules that each is judged by.

A leaf of an older version is read with the fields that later versions added, one step after another, and judged by the
rules of its own version: so reports of all versions verify for ever. Only the newest version is written, and a report
of an older version that was issued after a newer one existed is refused: nobody escapes a rule that way.

    >>> upgraded({"specimen": "sherd 1"}, "specimen", V1, "it")
    {'specimen': 'sherd 1', 'tolerance': None, 'evidence': None}
    >>> rules_of(V2).specimens_decide, rules_of(NEWEST).specimens_decide
    (False, True)
    >>> gaps_of(V2)[0]
    'judged a specimen by the label of its worst image'
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from signing import Reason, SigningError, write_time
from signing.strict import malformed

V1, V2, V3 = (f"fusiondiff-audit/report/v{number}" for number in (1, 2, 3))
NEWEST = V3  # the one that is written
_Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class VersionRules:
    """What must hold of a report because of its version."""

    partitions_are_stated: bool = False  # the header has the number of forests that voted
    numbers_follow: bool = False  # ranks, case, second signature and stress test follow from what the header states
    rates_are_known: bool = False  # error rates are those of `ERROR_RATES`, in their order
    excerpts_hold_specimens: bool = False  # an image that names a specimen is shown with the specimen's row
    specimens_decide: bool = False  # a verdict is of a specimen, by its ranks among enrolled ones; else by worst images
    enrolled_are_marked: bool = False  # an image that the model was enrolled with has a mark, and gets no answer
    names_are_reserved: bool = False  # no other bundle has the name of an embedded one, and bases are stated
    stress_claim_follows: bool = False  # the claim of a stress test is one that the quoted policy accepts


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the format."""

    rules: VersionRules
    step: Callable[[_Object, str, str], _Object] | None  # adds to a leaf what the next version added; None: newest
    until: datetime | None = None  # the last moment at which a report of it can have been issued; None: it is written
    gaps: tuple[str, ...] = ()  # what its rules allowed and those of the newest do not, after "which"


def _to_version_2(leaf: _Object, kind: str, where: str) -> _Object:
    """Add tolerances and the number of partitions."""
    if kind == "header":
        leaf = _with_field(leaf, "partitions", 0, where, part="model")
        return _with_field(leaf, "tolerance", None, where, part="policy")
    return _with_field(leaf, "tolerance", None, where, part="judged" if kind == "image" else None)


def _to_version_3(leaf: _Object, kind: str, where: str) -> _Object:
    """Add the fields of version 3 with the value "not stated"; read stress test, admission and scale out of sentences.

    Fields that version 3 has no longer stay: `former_header` and `former_rows` have them.
    """
    if kind == "header":
        for name, value in (
            ("base", None),
            ("devices", []),
            ("confounded", None),
            ("ratios", []),
            ("enrolled_tiles", []),
        ):
            leaf = _with_field(leaf, name, value, where, part="model")
        leaf = _with_field(leaf, "needs_instrument", False, where, part="policy")
        limits, admission = _admission(leaf.get("limits"))
        leaf = _with_field(_with_field(leaf, "admission", admission, where), "statement", None, where)
        return leaf | {"robustness": _robustness(leaf.get("robustness"), where), "limits": limits}
    leaf = _with_field(leaf, "evidence", None, where)
    if kind == "image":
        leaf = _with_field(leaf, "enrolled", None, where)
        return leaf | {"scale": _scale(leaf.get("scale"), where)}
    return leaf


# What version 2 wrote as sentences. They were signed, so they stay as they are, whatever is printed today.
_NOT_TESTED = "not stress-tested"
_TESTED = re.compile(r"([A-Z]+) (.+), ([0-9-]{10}), sha256:([0-9a-f]{64})(, stale)?")
_SCALE = re.compile(r"([0-9.]+) nm, by (.+)")
_AGAIN = "The ledger was told to admit this batch whatever it knew of it: "
_OUT_OF_ORDER = "The batch came out of order: the ledger had admitted a later one of its device."


def _robustness(sentence: object, where: str) -> _Object | None:
    if sentence == _NOT_TESTED:
        return None
    outcome, policy, day, digest, stale = _parts(_TESTED, sentence, f"{where}: robustness")
    claim = {"outcome": outcome, "policy": policy, "policy_digest": None}
    return claim | {"day": day, "digest": digest, "stale": stale is not None}


def _scale(sentence: object, where: str) -> _Object | None:
    if sentence is None:
        return None
    nm, source = _parts(_SCALE, sentence, f"{where}: scale")
    return {"nm": nm, "source": source}


def _admission(limits: Any) -> tuple[Any, _Object]:
    """Return a header's limits without what they state of the admission, and the admission."""
    texts = [text for text in limits if isinstance(text, str)] if isinstance(limits, list) else []
    again = next((text for text in texts if text.startswith(_AGAIN)), None)
    late = _OUT_OF_ORDER in texts
    admission = {"again": again and again.removeprefix(_AGAIN), "out_of_order": late}
    rest = [text for text in limits if text not in (again, _OUT_OF_ORDER)] if again or late else limits
    return rest, admission


def _parts(form: re.Pattern[str], sentence: object, where: str) -> tuple[str | None, ...]:
    match = form.fullmatch(sentence) if isinstance(sentence, str) else None
    if match is None:
        raise malformed(where, "is in no form that this version has")
    return match.groups()


def _with_field(leaf: _Object, name: str, value: object, where: str, *, part: str | None = None) -> _Object:
    """Return a leaf with a field that the next version added to it or to a part of it; refuse one that has it already.

    A part that is no object is left to whoever reads the leaf.
    """
    holder = leaf if part is None else leaf.get(part)
    if not isinstance(holder, dict):
        return leaf
    if name in holder:
        raise malformed(where, f"{name!r} is no field of this version")
    return holder | {name: value} if part is None else leaf | {part: holder | {name: value}}


_RULES_1 = VersionRules()
_RULES_2 = replace(
    _RULES_1, partitions_are_stated=True, numbers_follow=True, rates_are_known=True, excerpts_hold_specimens=True
)
_RULES_3 = replace(
    _RULES_2,
    specimens_decide=True,
    enrolled_are_marked=True,
    names_are_reserved=True,
    stress_claim_follows=True,
)
_GAPS_2 = (
    "judged a specimen by the label of its worst image",
    "gave answers without calibration",
    "did not mark what the model was enrolled with",
    "did not compare instruments",
)
_GAPS_1 = ("took ranks as the auditor wrote them", *_GAPS_2)
VERSIONS: Mapping[str, Version] = {
    V1: Version(_RULES_1, _to_version_2, datetime(2026, 11, 30, tzinfo=UTC), _GAPS_1),
    V2: Version(_RULES_2, _to_version_3, datetime(2026, 12, 1, tzinfo=UTC), _GAPS_2),
    V3: Version(_RULES_3, None),
}


def rules_of(version: str) -> VersionRules:
    """Return the rules of a version; an unknown one raises `KeyError`."""
    return VERSIONS[version].rules


def number_of(version: str) -> int:
    """Return the number of a version; an unknown one raises `ValueError`."""
    return list(VERSIONS).index(version) + 1


def gaps_of(version: str) -> tuple[str, ...]:
    """Return what the rules of a version allowed and the newest do not; an unknown version raises `KeyError`."""
    return VERSIONS[version].gaps


def version_remark(version: str) -> str:
    """Return the clause that names an older version and what its rules allowed; nothing for the newest version."""
    gaps = gaps_of(version)
    if not gaps:
        return ""
    listed = " and ".join(filter(None, (", ".join(gaps[:-1]), gaps[-1])))
    return f", by the rules of version {number_of(version)}, which {listed}"


def refuse_late(version: str, time: datetime, where: str, *, proven: bool) -> None:
    """Refuse a report of a version that was no longer written when the report was issued."""
    until = VERSIONS[version].until
    if until is not None and time > until:
        proof = "as a timestamp proves" if proven else "as it claims"
        message = f"is of version {number_of(version)}, none of which was issued after {write_time(until)}"
        hint = "ask for a report of the newest version; one that is older than this needs a timestamp from its time"
        raise SigningError(
            Reason.CONTRADICTION,
            f"{where}: contradicts itself: {message}, and at {write_time(time)}, {proof}",
            hint=hint,
        )


def upgraded(leaf: Any, kind: str, version: str, where: str) -> Any:
    """Return a leaf with the fields that later versions added; what is no object is left to whoever reads it.

    `kind` is `header`, `specimen` or `image`. A field that came with a later version than the leaf's own is refused.
    """
    if version not in VERSIONS or not isinstance(leaf, dict):
        return leaf
    where = f"{where}: version {number_of(version)}"
    for older in list(VERSIONS.values())[number_of(version) - 1 :]:
        leaf = leaf if older.step is None else older.step(leaf, kind, where)
    return leaf


def stated_version(header: Any) -> str:
    """Return the version that a header names, whatever the header may be; empty text if it names none."""
    version = header.get("format") if isinstance(header, dict) else None
    return version if isinstance(version, str) else ""
