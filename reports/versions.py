"""What earlier versions of a report did not say yet, so that reports of all versions verify for ever.

Version 1 knew neither partitions nor tolerances: it is read with 0 and none in their places, and never written.
"""

from typing import Any

from signing.strict import malformed

V1, FORMAT = (f"fusiondiff-audit/report/v{number}" for number in (1, 2))
# By kind of leaf: where in the object, the field that version 1 lacks, and what is read in its place.
_LACKS: dict[str, tuple[tuple[str | None, str, int | None], ...]] = {
    "header": (("model", "partitions", 0), ("policy", "tolerance", None)),
    "specimen": ((None, "tolerance", None),),
    "image": (("judged", "tolerance", None),),
}


def raised(said: Any, kind: str, version: str, where: str) -> Any:
    """Return what a leaf says as the newest version would say it; what is no object is left to who reads it."""
    if version != V1 or not isinstance(said, dict):
        return said
    whole = dict(said)
    for inner, name, value in _LACKS[kind]:
        at = whole if inner is None else whole.get(inner)
        if not isinstance(at, dict):
            continue
        if name in at:
            raise malformed(where, f"{name!r} is no field of version 1")
        if inner is None:
            whole[name] = value
        else:
            whole[inner] = at | {name: value}
    return whole


def version_of(said: Any) -> str:
    """Return the version that a header names, whatever it may be."""
    version = said.get("format") if isinstance(said, dict) else None
    return version if isinstance(version, str) else ""
