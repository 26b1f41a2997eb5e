"""Compares the keys, trust store and ledger of a header with the trust store at hand.

A key id is a digest and cannot be forged; the name beside it can. So every name is compared with the store, in the
version that the report quotes or in the one at hand. Of a key that the store does not list, and of another store, the
auditor is the only witness, and `TrustComparison` states that.
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
    """What the trust store at hand confirms, and what remains the auditor's claim."""

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
    signer_listed = _refuse_other_name(header.batch.signer, "signer of the batch", header, trust, where)
    store, store_listed = _store(header, trust, where)
    ledger, ledger_listed = (None, False) if header.ledger is None else _ledger(header.ledger, trust, where)
    return TrustComparison(store, ledger, signer_listed, store_listed, ledger_listed)


def _refuse_other_name(key: Key, role: str, header: Header, trust: TrustStore, where: str) -> bool:
    """Refuse a key under another name than the store lists; return whether the store lists the key."""
    names = _names(key.keyid, header, trust)
    if names and key.principal not in names:
        listed = " or ".join(map(repr, sorted(names)))
        raise _contradiction(
            where, f"names its {role} {key.principal!r}; the trust store lists that key as {listed}", _HINT
        )
    return bool(names)


def _names(keyid: str, header: Header, trust: TrustStore) -> frozenset[str]:
    """Return the principals of a key, in the version of the store that the report quotes and in the one at hand."""
    roots = [trust.root]
    if header.trust.fingerprint == trust.fingerprint and 1 <= header.trust.version <= len(trust.roots):
        roots.append(trust.roots[header.trust.version - 1])
    return frozenset(entry.principal for root in roots for entry in root.entries if entry.keyid == keyid)


def _store(header: Header, trust: TrustStore, where: str) -> tuple[str, bool]:
    """Compare the store that the report quotes with the one at hand; refuse a newer one."""
    quoted = header.trust
    if quoted.version < 1:
        raise _contradiction(where, f"quotes version {quoted.version} of a trust store; the first is 1")
    if quoted.fingerprint != trust.fingerprint:
        return f"{ALLEGED}: another one than this", False
    if quoted.version > trust.root.version:
        message = f"quotes version {quoted.version} of the trust store, and this one is version {trust.root.version}"
        hint = "get the newest version from the holders of the root keys; if it is no newer, the report is not genuine"
        raise SigningError(Reason.ROLLBACK, f"{where}: {message}", hint=hint)
    expires = write_time(trust.roots[quoted.version - 1].expires)
    if quoted.expires != expires:
        message = (
            f"states that version {quoted.version} of the trust store expires at {quoted.expires}; it does at {expires}"
        )
        raise _contradiction(where, message)
    return f"version {quoted.version} of this one", True


def _ledger(encoded: str, trust: TrustStore, where: str) -> tuple[str, bool]:
    """Return who signed the ledger's checkpoint that the report carries; refuse text that is no checkpoint."""
    place = f"{where}: the ledger's checkpoint"
    note = read_base64(encoded, place)
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


def _contradiction(where: str, fault: str, hint: str | None = None) -> SigningError:
    return SigningError(Reason.CONTRADICTION, f"{where}: {fault}", hint=hint)
