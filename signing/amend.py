"""New versions of a trust store: made by whoever holds the root keys, signed, and verified before they are written."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.files import read_capped
from signing.keys import MAX_PEM, PrivateKey
from signing.roots import PAYLOAD_TYPE, Entry, Revocation, Role, Root, identify, write_root
from signing.strict import refuse_bad_label, write_json
from signing.times import write_time
from signing.trust import MEDIA_TYPE, TrustStore, load_trust


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when a key is to be believed."""

    start: datetime
    until: datetime


def new_entry(role: Role, file: Path, *, principal: str, window: Window) -> Entry:
    """Return the entry for a public key, or for a timestamp authority's certificate."""
    keyid, material = identify(role, read_capped(file, limit=MAX_PEM), str(file))
    if window.start >= window.until:
        bounds = f"from {write_time(window.start)} until {write_time(window.until)}"
        raise SigningError(Reason.BAD_REQUEST, f"{file}: the window {bounds} is empty")
    refuse_bad_label(principal)
    return Entry(keyid, role, principal, material, window.start, window.until)


def init_trust(
    keys: tuple[PrivateKey, ...], *, threshold: int, entries: tuple[Entry, ...], issued: datetime, expires: datetime
) -> TrustStore:
    """Make version 1 of a new store, signed by all of its root keys."""
    if not 1 <= threshold <= len(keys):
        raise SigningError(Reason.BAD_REQUEST, f"a threshold of {threshold} with {len(keys)} root keys")
    payload = write_root(
        version=1,
        issued=issued,
        expires=expires,
        threshold=threshold,
        keys=tuple(k.public for k in keys),
        entries=entries,
    )
    envelope = Envelope.signed_by(keys, PAYLOAD_TYPE, payload)
    data = write_json({"mediaType": MEDIA_TYPE, "roots": [envelope.to_json()]})
    return load_trust(data, at=issued)


def add_entry(store: TrustStore, entry: Entry, keys: tuple[PrivateKey, ...], *, issued: datetime) -> TrustStore:
    """Return the store with one more key in its next version."""
    if any(e.keyid == entry.keyid for e in store.root.entries):
        raise SigningError(
            Reason.BAD_REQUEST,
            f"key sha256:{entry.keyid} is listed already",
            hint="`fusiondiff-audit trust show` lists the keys; a key keeps its role and window: make a new one",
        )
    return _next(store, (*store.root.entries, entry), keys, issued)


def revoke_entry(
    store: TrustStore, keyid: str, revocation: Revocation, keys: tuple[PrivateKey, ...], *, issued: datetime
) -> TrustStore:
    """Return the store with a key revoked in its next version; a revoked key stays listed, and never comes back."""
    if keyid not in {e.keyid for e in store.root.entries}:
        raise SigningError(
            Reason.UNKNOWN_KEY,
            f"key sha256:{keyid} is not listed",
            hint="`fusiondiff-audit trust show` lists the keys",
        )
    entries = tuple(replace(e, revoked=revocation) if e.keyid == keyid else e for e in store.root.entries)
    return _next(store, entries, keys, issued)


def _next(store: TrustStore, entries: tuple[Entry, ...], keys: tuple[PrivateKey, ...], issued: datetime) -> TrustStore:
    last = store.root
    payload = write_root(
        version=last.version + 1,
        issued=issued,
        expires=last.expires,
        threshold=last.threshold,
        keys=last.keys,
        entries=entries,
    )
    envelope = Envelope.signed_by(keys, PAYLOAD_TYPE, payload)
    return store.extended(Root.from_bytes(payload, "new version"), envelope)
