"""The versions of a stress result: what each says that the one before did not.

Version 1 names no image's class and nothing of the baseline, so that a gate of a slice, or one that compares, cannot be
decided again from it. It is read for ever, as version 2 would say it. Version 2 is written, and a result of version 1
that was issued later is refused: nobody escapes a rule by writing an older version.
"""

from datetime import UTC, datetime
from typing import Any

from signing import Reason, SigningError, write_time

RESULT_V1, RESULT_V2 = (f"fusiondiff-audit/robustness/v{number}" for number in (1, 2))
NEWEST_RESULT = RESULT_V2  # the one that is written
_UNTIL = datetime(2026, 12, 1, tzinfo=UTC)  # the last moment at which a result of version 1 can have been issued
_ADDED: dict[str, Any] = {
    "authentic": [],
    "baseline": None,
    "detector_problem": None,
}  # by version 2, and what version 1 is read as
_ADDED_TO_GATES: dict[str, Any] = {"before": None}


def refuse_late_result(version: str, time: datetime, where: str) -> None:
    """Refuse a result of a version that was no longer written when the result was issued."""
    if version == RESULT_V1 and time > _UNTIL:
        what = f"is of version 1, none of which was issued after {write_time(_UNTIL)}, and is of {write_time(time)}"
        hint = "run the stress test again; its result is of version 2"
        raise SigningError(Reason.CONTRADICTION, f"{where}: contradicts itself: {what}", hint=hint)


def upgraded_details(details: dict[str, Any]) -> dict[str, Any]:
    """Return what a result says as version 2 says it.

    A field of version 2 in a result of version 1 is lost when that is written again, so the result is refused.
    """
    gates = details.get("gates")
    if details.get("format") != RESULT_V1 or not isinstance(gates, list):
        return details
    return details | _ADDED | {"gates": [gate | _ADDED_TO_GATES if isinstance(gate, dict) else gate for gate in gates]}


def details_as_written(details: dict[str, Any]) -> dict[str, Any]:
    """Return what a result says in its own version."""
    if details["format"] != RESULT_V1:
        return details
    gates = [_without(gate, _ADDED_TO_GATES) for gate in details["gates"]]
    return _without(details, _ADDED) | {"gates": gates}


def _without(part: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in added}
