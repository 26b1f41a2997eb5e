"""One version of the trust store: its root keys, the threshold of signatures, and the entries that it lists."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.fields import Fields, read_json
from signing.keys import MAX_PEM, PublicKey
from signing.strict import malformed, write_json
from signing.times import write_time
from signing.trust_entries import ROOT_ALGORITHMS, TrustEntry, refuse_algorithm

PAYLOAD_TYPE = "application/vnd.fusiondiff-audit.trust-root.v1+json"
MAX_ROOT = 4 * 1024 * 1024  # bytes of one version
MAX_ROOT_KEYS = 32
MAX_ENTRIES = 10_000
MAX_VERSION = 2**31


@dataclass(frozen=True, slots=True)
class Root:
    """One version. `fingerprint` is the SHA-256 of its signed payload; a version that is not yet written has none, "".

    `previous` is the fingerprint of the previous version, so a signature covers the whole history and is worthless in
    another chain.
    """

    version: int
    previous: str | None
    issued: datetime
    expires: datetime
    threshold: int
    keys: tuple[PublicKey, ...]
    entries: tuple[TrustEntry, ...]
    fingerprint: str

    @classmethod
    def from_envelope(cls, envelope: Envelope, where: str) -> "Root":
        """Parse a version whose signatures are not verified; `refuse_break` and `shortfall` do that."""
        if envelope.payload_type != PAYLOAD_TYPE:
            raise SigningError(Reason.UNSUPPORTED, f"{where}: payload type {envelope.payload_type!r}")
        return cls.from_bytes(envelope.payload, where)

    @classmethod
    def from_bytes(cls, payload: bytes, where: str) -> "Root":
        fields = read_json(payload, where, limit=MAX_ROOT, tokens=MAX_ENTRIES * 16)
        fields.closed("version", "previous", "issued", "expires", "threshold", "rootKeys", "keys")
        items = fields.list("rootKeys", least=1, most=MAX_ROOT_KEYS)
        keys = tuple(_read_root_key(item) for item in items)
        entries = tuple(TrustEntry.from_fields(item) for item in fields.list("keys", least=0, most=MAX_ENTRIES))
        keyids = [k.keyid for k in keys] + [e.keyid for e in entries]
        if len(set(keyids)) != len(keyids):
            raise malformed(where, "a key is listed twice")
        issued, expires = fields.time("issued"), fields.time("expires")
        if issued >= expires:
            raise malformed(where, "expires before it is issued")
        return cls(
            version=fields.integer("version", least=1, most=MAX_VERSION),
            previous=None if fields.null("previous") else fields.sha256("previous"),
            issued=issued,
            expires=expires,
            threshold=fields.integer("threshold", least=1, most=len(keys)),
            keys=keys,
            entries=entries,
            fingerprint=hashlib.sha256(payload).hexdigest(),
        )

    def shortfall(self, envelope: Envelope, previous: "Root | None", where: str) -> str | None:
        """Return which threshold the signatures miss, the previous version's or this version's own, or None.

        A signature that is invalid, or by a key that is a root key of neither version, is refused.
        """
        keys = {k.keyid: k for root in (self, previous) if root is not None for k in root.keys}
        signed = envelope.message()
        for signature in envelope.signatures:
            if signature.keyid not in keys:
                message = f"{where}: signed by sha256:{signature.keyid}, which is no root key"
                raise SigningError(Reason.UNKNOWN_KEY, message)
            keys[signature.keyid].verify(signature.value, signed, where)
        signers = {s.keyid for s in envelope.signatures}
        for root, whose in ((previous, "the previous root keys"), (self, "its own root keys")):
            if root is None:
                continue
            count = len(signers & {k.keyid for k in root.keys})
            if count < root.threshold:
                return f"{count} of {root.threshold} signatures needed of {whose}"
        return None

    def refuse_break(self, history: tuple["Root", ...], where: str) -> None:
        """Refuse a version that does not continue `history`, all versions before it.

        Its number is one higher, and `previous` is the last version's fingerprint. Entries may be added. A listed entry
        stays as it was, except that it may be revoked, and a revocation may be extended; so no key disappears, and no
        revoked key becomes valid again. A present or former root key is never listed as an entry.
        """
        last = history[-1] if history else None
        if self.version != len(history) + 1 or self.previous != (last.fingerprint if last else None):
            expected = f"expected version {len(history) + 1} with the digest of the previous version"
            raise SigningError(Reason.ROLLBACK, f"{where}: {expected}, found version {self.version}")
        entries = {e.keyid: e for e in self.entries}
        for old in last.entries if last else ():
            new = entries.get(old.keyid)
            if new is None or replace(new, revoked=old.revoked) != old:
                raise malformed(where, f"the entry of {old.principal!r} was removed or changed")
            if old.revoked and not (new.revoked and new.revoked.covers(old.revoked)):
                raise malformed(where, f"the revocation of {old.principal!r} was removed or limited")
        if entries.keys() & {k.keyid for root in history for k in root.keys}:
            raise malformed(where, "a present or former root key is listed as an entry")


def write_root(root: Root) -> bytes:
    """Return the payload of a version, as it is signed; `Root.from_bytes` of it gives the version and fingerprint."""
    return write_json(
        {
            "version": root.version,
            "previous": root.previous,
            "issued": write_time(root.issued),
            "expires": write_time(root.expires),
            "threshold": root.threshold,
            "rootKeys": [{"keyid": k.keyid, "public": k.pem} for k in root.keys],
            "keys": [e.to_json() for e in root.entries],
        }
    )


def _read_root_key(fields: Fields) -> PublicKey:
    fields.closed("keyid", "public")
    pem = fields.raw("public", limit=MAX_PEM)
    key = PublicKey.from_pem(pem.encode(), fields.where)
    refuse_algorithm(key, ROOT_ALGORITHMS, fields.where, what="a root key")
    if (key.keyid, key.pem) != (fields.sha256("keyid"), pem):
        raise malformed(fields.where, "the key id is not that of the key, or the key is in another form than ours")
    return key
