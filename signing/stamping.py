"""Timestamps on a signed file: the question to an authority, its answer put into the bundle, and taken out again.

None of this needs trust: a wrong answer is refused by whoever verifies, and here already if it is over something else.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from signing.bundle import Bundle, bundle_limit
from signing.errors import Reason, SigningError
from signing.files import create, read_capped
from signing.times import MAX_TOKEN, MAX_TOKENS
from signing.timestamps import prove, read_answer, write_query
from signing.trust import TrustStore

_LARGEST = 1024 * 1024 * 1024  # bytes of a payload: reports are the longest


def stamp_query(path: Path) -> bytes:
    """Return the request by which an authority stamps a bundle's signature."""
    return write_query(_read(path).signature)


def drop_tokens(path: Path) -> int:
    """Take all timestamps out of a bundle, and return how many there were."""
    bundle = _read(path)
    create(path, replace(bundle, tokens=()).to_bytes(), force=True)
    return len(bundle.tokens)


def attach_token(path: Path, token: Path, *, trust: TrustStore | None = None) -> datetime:
    """Put an authority's answer into a bundle, and return the time that it states.

    With a trust store, an answer by an authority that it does not list is refused; without, verifiers find out.
    """
    bundle = _read(path)
    answer = read_capped(token, limit=MAX_TOKEN)
    data, time = read_answer(answer, bundle.signature, str(token))
    if data in bundle.tokens:
        raise SigningError(Reason.EXISTS, f"{path}: holds this timestamp already")
    if len(bundle.tokens) == MAX_TOKENS:
        raise SigningError(Reason.TOO_LARGE, f"{path}: holds {MAX_TOKENS} timestamps already")
    if trust is not None:
        prove((data,), bundle.signature, trust=trust, where=str(token))
    create(path, bundle.stamped(data).to_bytes(), force=True)
    return time


def _read(path: Path) -> Bundle:
    data = read_capped(path, limit=bundle_limit(_LARGEST))
    return Bundle.from_bytes(data, str(path), payload_limit=_LARGEST, foreign=True)
