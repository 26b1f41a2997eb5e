"""Recognises a file that a verb was given by mistake, and names the verb that takes it.

This is advice after a refusal and decides nothing, so it may look at unverified bytes.
"""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signing import Reason, SigningError, read_capped

_MOST = 16 * 1024 * 1024  # bytes of a file that is looked at
_IMAGES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x89PNG", b"\xff\xd8\xff", b"BM", b"GIF8")

_OF_KEYS = (Reason.UNSUPPORTED, Reason.WRONG_ROLE)  # refusals of a key where a key is expected
_REASONS = (
    Reason.MALFORMED,
    Reason.NOT_A_FILE,
    Reason.NO_SIGNATURE,
    Reason.UNREADABLE,
    Reason.UNSUPPORTED,
    Reason.WRONG_ROLE,
)


@dataclass(frozen=True, slots=True)
class PathKind:
    """What a path is, what takes it, and the verbs that are not told so, since they take it themselves."""

    name: str
    advice: str
    readers: tuple[str, ...] = ()


_REPORTS = ("verify", "report render", "report table", "report pdf", "report excerpt", "report timestamp")
_TRUST = PathKind("a trust store", "verbs take it with --trust", ("trust",))
_PRIVATE = PathKind("a private key", "verbs take it with --key", ("keygen",))
_PUBLIC = PathKind("a public key", "`trust add --key` lists it in a trust store")
_IMAGE = PathKind("an image", "`sign`, `inspect` and `audit` take the folder that it lies in", ("explain",))
_PAGE = PathKind("a page for people", "`verify` takes the folder that it lies in")
_SUMMARY = PathKind("a summary for policy engines", "`verify` takes the folder that it lies in")
_EXCERPT = PathKind("an excerpt of a report", "`report verify-excerpt` checks it", ("report verify-excerpt",))
_BY_PREDICATE = {
    "capture-batch/": PathKind("the manifest of a signed folder", "`inspect` takes the folder"),
    "authenticity-report/": PathKind("a signed report", "`verify` checks it", _REPORTS),
    "test-result/": PathKind("the result of a stress test", "`verify` checks it", ("verify", "report render")),
    "verification_summary/": _SUMMARY,
    "model_signing/": PathKind("the signature of a bundle", "`model verify` takes the bundle's folder"),
}
_FOLDERS = {  # by a file that lies in it
    "batch.sigstore.json": PathKind(
        "a signed folder of images", "`inspect` checks it, `audit` judges it", ("inspect", "audit", "sign", "enrol")
    ),
    "report.sigstore.json": PathKind("the folder of a report", "`verify` checks it", _REPORTS),
    "robustness.sigstore.json": PathKind(
        "the folder of a stress test", "`verify` checks it", ("verify", "report render")
    ),
    "model.sig": PathKind("a bundle", "verbs take it with --model; `model verify` checks it", ("model",)),
}


def wrong_file_hint(error: BaseException, verb: str, trust_store: str | None = None) -> str | None:
    """Return what the path at the beginning of a refusal is; None if the verb takes such a thing."""
    if not isinstance(error, SigningError) or error.reason not in _REASONS:
        return None
    path = _path_of(str(error))
    kind = None if path is None else kind_of(path)
    if kind is None or (kind is _PRIVATE and error.reason in _OF_KEYS):
        return None
    is_store = trust_store is not None and str(path) == trust_store
    expected = kind is _TRUST if is_store else any(verb == r or verb.startswith(f"{r} ") for r in kind.readers)
    if expected:
        return None
    swapped = "; a trust store was expected, was it swapped with another file?" if is_store else ""
    return f"{path} is {kind.name}: {kind.advice}{swapped}"


def kind_of(path: Path) -> PathKind | None:
    """Return what a file or a folder is, as far as its first bytes or its files tell."""
    if path.is_dir():
        return next((kind for name, kind in _FOLDERS.items() if os.path.lexists(path / name)), None)
    try:
        data = read_capped(path, limit=_MOST)
    except SigningError:  # the refusal that this is advice for has said more
        return None
    if data.startswith(_IMAGES):
        return _IMAGE
    if b"-----BEGIN " in data[:100]:
        return _PRIVATE if b"PRIVATE KEY" in data[:100] else _PUBLIC
    if data[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")) or path.name == "VERIFY.txt":
        return _PAGE
    return _of_json(data)


def _of_json(data: bytes) -> PathKind | None:
    try:
        content = json.loads(data)
        if "roots" in content:
            return _TRUST
        if "excerpt" in str(content.get("format")):
            return _EXCERPT
        predicate = _predicate(content)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return next((kind for part, kind in _BY_PREDICATE.items() if part in predicate), None)


def _predicate(bundle: dict[str, Any]) -> str:
    return str(json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))["predicateType"])


def _path_of(message: str) -> Path | None:
    """Return the path at the beginning of a message, or the folder of one that is not there."""
    parts = message.split(": ")
    for number in range(1, len(parts)):
        path = Path(": ".join(parts[:number]))
        for place in (path, path.parent):
            if str(place) != "." and os.path.lexists(place):
                return place
    return None
