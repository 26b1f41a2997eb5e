"""New versions of a trust store: proposed by whoever holds root keys, signed by enough of them, then in force.

A proposal is a store whose last version still lacks signatures. It has the same form, and no verifier takes it, so it
can travel from one root key to the next.
"""

import fcntl
import os
import time
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.files import READ_FLAGS, create, read_capped, unreadable
from signing.keys import MAX_PEM, PrivateKey, PublicKey
from signing.roots import PAYLOAD_TYPE, Root, write_root
from signing.strict import refuse_bad_label
from signing.times import write_time
from signing.trust import MAX_TRUST, TrustStore, follow_chain, read_chain, refuse_other, write_chain
from signing.trust_entries import Revocation, Role, TrustEntry, identify_key

_PATIENCE = 20  # tenths of a second that another process may take to write a store


@dataclass(frozen=True, slots=True)
class Window:
    """From when until when a key is to be believed."""

    start: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version that may still lack signatures, after the versions that are in force (none, before version 1)."""

    roots: tuple[Root, ...]
    envelopes: tuple[Envelope, ...]
    root: Root
    envelope: Envelope

    def lacking(self) -> str | None:
        """Say which signatures are still needed, or None."""
        return self.root.shortfall(self.envelope, self.roots[-1] if self.roots else None, "new version")

    def cosigned(self, keys: tuple[PrivateKey, ...]) -> "Proposal":
        """Return the proposal with the signatures of more root keys."""
        known = {k.keyid for root in (self.root, *self.roots[-1:]) for k in root.keys}
        fresh = {k.public.keyid: k for k in keys}  # each once, however often it was given
        for key in fresh.values():
            if key.public.keyid not in known:
                hint = "`fusiondiff-audit trust show` lists the root keys"
                what = f"key sha256:{key.public.keyid} is no root key of this store"
                raise SigningError(Reason.WRONG_ROLE, what, hint=hint)
        done = {s.keyid for s in self.envelope.signatures}
        missing = tuple(k for keyid, k in fresh.items() if keyid not in done)
        more = Envelope.signed_by(missing, PAYLOAD_TYPE, self.envelope.payload).signatures
        return replace(self, envelope=replace(self.envelope, signatures=self.envelope.signatures + more))

    def complete(self, at: datetime) -> TrustStore:
        """Return the store with this version in force, or refuse it for lack of signatures."""
        if lacking := self.lacking():
            hint = "say --pending FILE, and have `fusiondiff-audit trust cosign FILE` add the others"
            raise SigningError(Reason.NO_SIGNATURE, f"new version: {lacking}", hint=hint)
        envelopes = (*self.envelopes, self.envelope)
        return TrustStore(follow_chain(envelopes, "new version"), envelopes, at)

    def before(self) -> bytes:
        """Return the file that this goes on from."""
        return write_chain(self.envelopes)

    def to_bytes(self) -> bytes:
        """Return the file's content, with whatever signatures there are."""
        return write_chain((*self.envelopes, self.envelope))


def replace_trust(path: Path, store: TrustStore, *, instead_of: bytes) -> None:
    """Write a store in place of the one that it goes on from; if somebody changed that meanwhile, nothing is lost."""
    try:
        descriptor = os.open(path, READ_FLAGS)
    except OSError as e:
        raise unreadable(path, e) from e
    try:
        _lock(descriptor, path)
        found = read_capped(path, limit=MAX_TRUST)  # by name again: who held the lock before us may have replaced it
        if read_chain(found, str(path)) != read_chain(instead_of, str(path)):
            hint = "nothing was written; look at it with `fusiondiff-audit trust show`, and say the command again"
            raise SigningError(Reason.EXISTS, f"{path}: was changed by somebody else meanwhile", hint=hint)
        create(path, store.to_bytes(), force=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    for _ in range(_PATIENCE):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # held by another process
            time.sleep(0.1)
        except OSError as e:
            raise SigningError(Reason.CANNOT_WRITE, f"{path}: cannot be locked on this file system") from e
        else:
            return
    hint = "nothing was written; say the command again"
    raise SigningError(Reason.EXISTS, f"{path}: is being changed by somebody else", hint=hint)


def load_proposal(path: Path, *, pin: str | None = None) -> Proposal:
    """Read a proposal: all versions but the last are verified, and so is each signature on the last."""
    envelopes = read_chain(read_capped(path, limit=MAX_TRUST), str(path))
    refuse_other(envelopes, str(path), pin=pin)
    before, last = envelopes[:-1], envelopes[-1]
    roots = follow_chain(before, str(path))
    root = Root.from_envelope(last, f"{path}: version {len(envelopes)}")
    root.refuse_break(roots, f"{path}: version {len(envelopes)}")
    proposal = Proposal(roots, before, root, last)
    if proposal.lacking() is None:
        hint = "it is a trust store like any other; `fusiondiff-audit trust show` shows it"
        raise SigningError(Reason.BAD_REQUEST, f"{path}: has all its signatures", hint=hint)
    return proposal


def new_entry(role: Role, file: Path, *, principal: str, window: Window) -> TrustEntry:
    """Return the entry for a public key, or for a timestamp authority's certificate."""
    keyid, material = identify_key(role, read_capped(file, limit=MAX_PEM), str(file))
    if window.start >= window.until:
        bounds = f"from {write_time(window.start)} until {write_time(window.until)}"
        raise SigningError(Reason.BAD_REQUEST, f"{file}: the window {bounds} is empty")
    refuse_bad_label(principal)
    return TrustEntry(keyid, role, principal, material, window.start, window.until)


def propose_first(
    keys: tuple[PublicKey, ...], *, threshold: int, entries: tuple[TrustEntry, ...], issued: datetime, expires: datetime
) -> Proposal:
    """Propose version 1 of a new store."""
    _refuse_bad_threshold(threshold, keys)
    keyids = [k.keyid for k in keys] + [e.keyid for e in entries]
    if len(set(keyids)) != len(keyids):
        raise SigningError(Reason.BAD_REQUEST, "the same key is given twice")
    payload = write_root(
        1, previous=None, issued=issued, expires=expires, threshold=threshold, keys=keys, entries=entries
    )
    return Proposal((), (), Root.from_bytes(payload, "new version"), Envelope(PAYLOAD_TYPE, payload, ()))


def propose_entry(store: TrustStore, entry: TrustEntry, *, issued: datetime) -> Proposal:
    """Propose one more key."""
    if any(e.keyid == entry.keyid for e in store.root.entries):
        raise SigningError(
            Reason.BAD_REQUEST,
            f"key sha256:{entry.keyid} is listed already",
            hint="`fusiondiff-audit trust show` lists the keys; a key keeps its role and window: make a new one",
        )
    return _propose(store, issued, entries=(*store.root.entries, entry))


def propose_revocation(store: TrustStore, keyid: str, revocation: Revocation, *, issued: datetime) -> Proposal:
    """Propose to revoke a key; a revoked key stays listed, and never comes back."""
    if keyid not in {e.keyid for e in store.root.entries}:
        hint = "`fusiondiff-audit trust show` lists the keys"
        raise SigningError(Reason.UNKNOWN_KEY, f"key sha256:{keyid} is not listed", hint=hint)
    entries = tuple(replace(e, revoked=revocation) if e.keyid == keyid else e for e in store.root.entries)
    return _propose(store, issued, entries=entries)


def propose_rotation(
    store: TrustStore,
    *,
    added: tuple[PublicKey, ...] = (),
    dropped: frozenset[str] = frozenset(),
    threshold: int | None = None,
    issued: datetime,
    expires: datetime,
) -> Proposal:
    """Propose other root keys, another threshold, or a later expiry alone."""
    last = store.root
    if absent := sorted(dropped - {k.keyid for k in last.keys}):
        raise SigningError(Reason.UNKNOWN_KEY, f"key sha256:{absent[0]} is no root key of this store")
    kept = tuple(k for k in last.keys if k.keyid not in dropped)
    keys = (*kept, *(k for k in added if k.keyid not in {old.keyid for old in kept}))
    wanted = last.threshold if threshold is None else threshold
    _refuse_bad_threshold(wanted, keys)
    return _propose(store, issued, keys=keys, threshold=wanted, expires=expires)


def _propose(
    store: TrustStore,
    issued: datetime,
    *,
    keys: tuple[PublicKey, ...] | None = None,
    entries: tuple[TrustEntry, ...] | None = None,
    threshold: int | None = None,
    expires: datetime | None = None,
) -> Proposal:
    """Return the next version, unsigned: as the last one, save for what is given."""
    last = store.root
    until = expires or last.expires
    if issued >= until:
        hint = "`fusiondiff-audit trust rotate --expires` renews it first"
        raise SigningError(Reason.EXPIRED, f"the trust store expired at {write_time(until)}", hint=hint)
    payload = write_root(
        last.version + 1,
        previous=last.fingerprint,
        issued=issued,
        expires=until,
        threshold=threshold or last.threshold,
        keys=last.keys if keys is None else keys,
        entries=last.entries if entries is None else entries,
    )
    root = Root.from_bytes(payload, "new version")
    root.refuse_break(store.roots, "new version")
    return Proposal(store.roots, store.envelopes, root, Envelope(PAYLOAD_TYPE, payload, ()))


def _refuse_bad_threshold(threshold: int, keys: tuple[PublicKey, ...]) -> None:
    if not 1 <= threshold <= len(keys):
        hint = "the threshold is how many of the root keys must sign: from 1 to all of them"
        raise SigningError(Reason.BAD_REQUEST, f"a threshold of {threshold} with {len(keys)} root keys", hint=hint)
