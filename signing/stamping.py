"""Timestamps on a signed file: request one from an authority, attach its response to the bundle, drop all of them.

No trust store is needed: a response over another signature is refused here, any other wrong response by verifiers.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from signing.errors import Reason, SigningError
from signing.files import create, read_capped
from signing.sigstore_bundle import SigstoreBundle, bundle_limit
from signing.times import MAX_TOKEN, MAX_TOKENS
from signing.trust import TrustStore

_LARGEST = 1024 * 1024 * 1024  # bytes of a payload: reports are the longest


def stamp_query(path: Path) -> bytes:
    """Return the request by which an authority stamps a bundle's signature."""
    from signing.timestamps import write_query  # few files are stamped, and its libraries load slowly

    return write_query(_read(path).signature)


def drop_tokens(path: Path) -> int:
    """Take all timestamps out of a bundle, and return how many there were."""
    bundle = _read(path)
    create(path, replace(bundle, tokens=()).to_bytes(), force=True)
    return len(bundle.tokens)


def attach_token(path: Path, token: Path, *, trust: TrustStore | None = None) -> datetime:
    """Put an authority's response into a bundle, and return the time that it states.

    With a trust store, a response by an authority that it does not list is refused; without, verifiers refuse it.
    """
    from signing.timestamps import proven_time, read_response

    bundle = _read(path)
    response = read_capped(token, limit=MAX_TOKEN)
    data, time = read_response(response, bundle.signature, str(token))
    if data in bundle.tokens:
        raise SigningError(Reason.EXISTS, f"{path}: holds this timestamp already")
    if len(bundle.tokens) == MAX_TOKENS:
        raise SigningError(Reason.TOO_LARGE, f"{path}: holds {MAX_TOKENS} timestamps already")
    if trust is not None:
        proven_time((data,), bundle.signature, trust=trust, where=str(token))
    create(path, replace(bundle, tokens=(*bundle.tokens, data)).to_bytes(), force=True)
    return time


def _read(path: Path) -> SigstoreBundle:
    data = read_capped(path, limit=bundle_limit(_LARGEST))
    return SigstoreBundle.from_bytes(data, str(path), payload_limit=_LARGEST, foreign=True)
