"""What a header says of keys, of the trust store and of the ledger, held against the trust store at hand.

A key id is a digest and cannot be borrowed; the name beside it can. So every name is held against the store, in the
version that the report quotes or in the one at hand. Of a key that the store does not list, and of another store, the
auditor is the only witness: `TrustComparison` says so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from reports.identity import Key
from reports.verdict.header import Header
from signing import Reason, Role, SigningError, TrustStore, open_checkpoint, write_time
from signing.keys import Algorithm
from signing.merkle import HASH
from signing.strict import read_base64

_HINT = "a report names people as the trust store does that it was made with; yours may be another"
LEDGER_ORIGIN = "fusiondiff-audit/ledger/"
ALLEGED = "as the auditor says"
_NUMBER = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class TrustComparison:
    """What the trust store at hand confirms, and what is the auditor's word alone."""

    store: str
    ledger: str | None  # None: no ledger was kept
    signer_listed: bool  # the batch's
    store_listed: bool
    ledger_listed: bool

    def confirmed(self) -> Iterator[tuple[str, str]]:
        """Yield a title and a sentence for everything that the store confirms."""
        yield "names", f"the auditor{' and the batch signer are' if self.signer_listed else ' is'} named as listed"
        if self.store_listed:
            yield "trust store", self.store
        if self.ledger is not None and self.ledger_listed:
            yield "ledger", self.ledger


def compare_trust(header: Header, trust: TrustStore, where: str) -> TrustComparison:
    """Return what the store confirms of a header; what it contradicts is refused."""
    _refuse_other_name(header.auditor, "auditor", header, trust, where)
    listed = _refuse_other_name(header.batch.signer, "signer of the batch", header, trust, where)
    store, same = _store(header, trust, where)
    ledger, known = (None, False) if header.ledger is None else _ledger(header.ledger, trust, where)
    return TrustComparison(store, ledger, listed, same, known)


def _refuse_other_name(said: Key, what: str, header: Header, trust: TrustStore, where: str) -> bool:
    """Refuse a key under a name that the store does not list it with; say whether the store lists the key."""
    names = _names(said.keyid, header, trust)
    if names and said.principal not in names:
        listed = " or ".join(map(repr, sorted(names)))
        raise _contradiction(
            where, f"names its {what} {said.principal!r}; the trust store lists that key as {listed}", _HINT
        )
    return bool(names)


def _names(keyid: str, header: Header, trust: TrustStore) -> frozenset[str]:
    """Return whose a key is, in the version of the store that the report quotes and in the one at hand."""
    roots = [trust.root]
    if header.trust.fingerprint == trust.fingerprint and 1 <= header.trust.version <= len(trust.roots):
        roots.append(trust.roots[header.trust.version - 1])
    return frozenset(entry.principal for root in roots for entry in root.entries if entry.keyid == keyid)


def _store(header: Header, trust: TrustStore, where: str) -> tuple[str, bool]:
    """Return what is known of the store that the report quotes: one that is newer than ours is refused."""
    said = header.trust
    if said.version < 1:
        raise _contradiction(where, f"quotes version {said.version} of a trust store; the first is 1")
    if said.fingerprint != trust.fingerprint:
        return f"{ALLEGED}: another one than this", False
    if said.version > trust.root.version:
        what = f"quotes version {said.version} of the trust store, and this one is version {trust.root.version}"
        hint = "get the newest trust store from whoever runs the roots; if there is no such version, nor is it genuine"
        raise SigningError(Reason.ROLLBACK, f"{where}: {what}", hint=hint)
    expires = write_time(trust.roots[said.version - 1].expires)
    if said.expires != expires:
        what = f"says that version {said.version} of the trust store expires at {said.expires}; it does at {expires}"
        raise _contradiction(where, what)
    return f"version {said.version} of this one", True


def _ledger(said: str, trust: TrustStore, where: str) -> tuple[str, bool]:
    """Return what is known of the ledger's checkpoint that the report carries; what is none is refused."""
    place = f"{where}: the ledger's checkpoint"
    note = read_base64(said, place)
    origin, size = _read_note(note, place)
    for entry in trust.root.entries:
        if entry.role is not Role.AUDITOR or (entry.revoked is not None and entry.revoked.compromised):
            continue
        key = entry.public_key()
        if key.algorithm is not Algorithm.ED25519:
            continue
        try:
            open_checkpoint(note, place, origin=origin, key=key)
        except SigningError as e:
            if e.reason is not Reason.NO_SIGNATURE:
                raise
        else:
            return f"a checkpoint over {size:,} entries, signed by {entry.principal!r}", True
    return f"{ALLEGED}: a checkpoint over {size:,} entries, signed by nobody who is listed", False


def _read_note(note: bytes, where: str) -> tuple[str, int]:
    """Return the origin and the size of what must be a checkpoint of a ledger."""
    text = note.decode("utf-8", "replace").partition("\n\n")[0]
    origin, size, root, *rest = [*text.split("\n"), "", "", ""][: max(3, text.count("\n") + 1)]
    if not origin.startswith(LEDGER_ORIGIN):  # an auditor signs the heads of reports' trees as well
        raise SigningError(Reason.BAD_PROOF, f"{where}: is a checkpoint of something else, {origin[:100]!a}")
    if rest or not _NUMBER.fullmatch(size) or len(read_base64(root, where)) != HASH:
        raise SigningError(Reason.BAD_PROOF, f"{where}: is no checkpoint: an origin, a size and a root are its lines")
    return origin, int(size)


def _contradiction(where: str, what: str, hint: str | None = None) -> SigningError:
    return SigningError(Reason.CONTRADICTION, f"{where}: {what}", hint=hint)
