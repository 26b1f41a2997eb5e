"""New versions of a trust store: proposed, cosigned by the threshold of root keys, then in force.

A proposal is a trust store whose last version lacks signatures. It has the same file format and no verifier accepts it,
so holders of root keys can pass it on until the threshold is reached.
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

_LOCK_ATTEMPTS = 20  # a tenth of a second apart


@dataclass(frozen=True, slots=True)
class Window:
    """The validity window of a key: from `start`, and before `until`."""

    start: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A new version `root` in its `envelope`, which may lack signatures, and the versions that it continues."""

    roots: tuple[Root, ...]
    envelopes: tuple[Envelope, ...]
    root: Root
    envelope: Envelope

    def lacking(self) -> str | None:
        """Return which threshold the signatures miss, or None."""
        return self.root.shortfall(self.envelope, self.roots[-1] if self.roots else None, "new version")

    def cosigned(self, keys: tuple[PrivateKey, ...]) -> "Proposal":
        """Return the proposal with the signatures of more root keys; a key that has signed does not sign again."""
        root_keyids = {k.keyid for root in (self.root, *self.roots[-1:]) for k in root.keys}
        signers = {k.public.keyid: k for k in keys}
        if strangers := sorted(signers.keys() - root_keyids):
            hint = "`fusiondiff-audit trust show` lists the root keys"
            raise SigningError(Reason.WRONG_ROLE, f"key sha256:{strangers[0]} is no root key of this store", hint=hint)
        signed = {s.keyid for s in self.envelope.signatures}
        missing = tuple(key for keyid, key in signers.items() if keyid not in signed)
        added = Envelope.signed_by(missing, PAYLOAD_TYPE, self.envelope.payload).signatures
        return replace(self, envelope=replace(self.envelope, signatures=self.envelope.signatures + added))

    def complete(self, at: datetime) -> TrustStore:
        """Return the store with this version in force; a proposal that lacks signatures is refused."""
        if lacking := self.lacking():
            hint = "give --pending FILE, and add the other signatures with `fusiondiff-audit trust cosign FILE`"
            raise SigningError(Reason.NO_SIGNATURE, f"new version: {lacking}", hint=hint)
        envelopes = (*self.envelopes, self.envelope)
        return TrustStore(follow_chain(envelopes, "new version"), envelopes, at)

    def to_bytes(self) -> bytes:
        """Return the file's content, with the signatures so far."""
        return write_chain((*self.envelopes, self.envelope))


def replace_trust(path: Path, store: TrustStore, *, instead_of: tuple[Envelope, ...]) -> None:
    """Overwrite a trust store that holds the envelopes `instead_of`; a file with other content is refused and kept."""
    try:
        descriptor = os.open(path, READ_FLAGS)
    except OSError as e:
        raise unreadable(path, e) from e
    try:
        _lock(descriptor, path)
        # The file is opened again by its name: a process that held the lock earlier may have replaced it.
        if read_chain(read_capped(path, limit=MAX_TRUST), str(path)) != instead_of:
            hint = "nothing was written; look at it with `fusiondiff-audit trust show`, and run the command again"
            raise SigningError(Reason.EXISTS, f"{path}: was changed by another process meanwhile", hint=hint)
        create(path, store.to_bytes(), force=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # held by another process
            time.sleep(0.1)
        except OSError as e:
            raise SigningError(Reason.CANNOT_WRITE, f"{path}: cannot be locked on this file system") from e
        else:
            return
    hint = "nothing was written; run the command again"
    raise SigningError(Reason.EXISTS, f"{path}: is being changed by another process", hint=hint)


def load_proposal(path: Path, *, pin: str | None = None) -> Proposal:
    """Read a proposal: all versions but the last are verified, and so is each signature on the last version."""
    envelopes = read_chain(read_capped(path, limit=MAX_TRUST), str(path))
    refuse_other(envelopes, str(path), pin=pin)
    roots = follow_chain(envelopes[:-1], str(path))
    where = f"{path}: version {len(envelopes)}"
    root = Root.from_envelope(envelopes[-1], where)
    root.refuse_break(roots, where)
    proposal = Proposal(roots, envelopes[:-1], root, envelopes[-1])
    if proposal.lacking() is None:
        hint = "it is a complete trust store; `fusiondiff-audit trust show` shows it"
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
    return _propose((), (), Root(1, None, issued, expires, threshold, keys, entries, fingerprint=""))


def propose_entry(store: TrustStore, entry: TrustEntry, *, issued: datetime) -> Proposal:
    """Propose to list one more key."""
    if any(e.keyid == entry.keyid for e in store.root.entries):
        raise SigningError(
            Reason.BAD_REQUEST,
            f"key sha256:{entry.keyid} is listed already",
            hint="`fusiondiff-audit trust show` lists the keys; a key keeps its role and window: make a new one",
        )
    return _propose_next(store, replace(store.root, issued=issued, entries=(*store.root.entries, entry)))


def propose_revocation(store: TrustStore, keyid: str, revocation: Revocation, *, issued: datetime) -> Proposal:
    """Propose to revoke a key. It stays listed, and no later version can make it valid again."""
    if keyid not in {e.keyid for e in store.root.entries}:
        hint = "`fusiondiff-audit trust show` lists the keys"
        raise SigningError(Reason.UNKNOWN_KEY, f"key sha256:{keyid} is not listed", hint=hint)
    entries = tuple(replace(e, revoked=revocation) if e.keyid == keyid else e for e in store.root.entries)
    return _propose_next(store, replace(store.root, issued=issued, entries=entries))


def propose_rotation(
    store: TrustStore,
    *,
    added: tuple[PublicKey, ...] = (),
    dropped: frozenset[str] = frozenset(),
    threshold: int | None = None,
    issued: datetime,
    expires: datetime,
) -> Proposal:
    """Propose a later expiry and, where they are given, other root keys or another threshold."""
    last = store.root
    if absent := sorted(dropped - {k.keyid for k in last.keys}):
        raise SigningError(Reason.UNKNOWN_KEY, f"key sha256:{absent[0]} is no root key of this store")
    kept = tuple(k for k in last.keys if k.keyid not in dropped)
    keys = (*kept, *(k for k in added if k.keyid not in {old.keyid for old in kept}))
    if threshold is None:
        threshold = last.threshold
    _refuse_bad_threshold(threshold, keys)
    return _propose_next(store, replace(last, issued=issued, expires=expires, threshold=threshold, keys=keys))


def _propose_next(store: TrustStore, changed: Root) -> Proposal:
    """Return an unsigned version with the content of `changed`, which continues the store."""
    if changed.issued >= changed.expires:
        hint = "`fusiondiff-audit trust rotate --expires` renews it first"
        raise SigningError(Reason.EXPIRED, f"the trust store expired at {write_time(changed.expires)}", hint=hint)
    draft = replace(changed, version=store.root.version + 1, previous=store.root.fingerprint, fingerprint="")
    return _propose(store.roots, store.envelopes, draft)


def _propose(roots: tuple[Root, ...], envelopes: tuple[Envelope, ...], draft: Root) -> Proposal:
    payload = write_root(draft)
    root = Root.from_bytes(payload, "new version")
    root.refuse_break(roots, "new version")
    return Proposal(roots, envelopes, root, Envelope(PAYLOAD_TYPE, payload, ()))


def _refuse_bad_threshold(threshold: int, keys: tuple[PublicKey, ...]) -> None:
    if not 1 <= threshold <= len(keys):
        hint = "the threshold is how many of the root keys must sign: from 1 to all of them"
        raise SigningError(Reason.BAD_REQUEST, f"a threshold of {threshold} with {len(keys)} root keys", hint=hint)
