"""One version of the trust store: the root keys that govern it, and the keys that it vouches for."""

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
    """One version. `fingerprint` is the SHA-256 of its payload as signed, and so names all that is in it.

    `previous` is the fingerprint of the version before: a signature on a version vouches for the history it goes on
    from, and cannot be put behind another one.
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
        """Parse a version. Its signatures are checked by whoever knows the version before it."""
        if envelope.payload_type != PAYLOAD_TYPE:
            raise SigningError(Reason.UNSUPPORTED, f"{where}: payload type {envelope.payload_type!r}")
        return cls.from_bytes(envelope.payload, where)

    @classmethod
    def from_bytes(cls, payload: bytes, where: str) -> "Root":
        """Parse the payload of a version."""
        fields = read_json(payload, where, limit=MAX_ROOT, tokens=MAX_ENTRIES * 16)
        fields.closed("version", "previous", "issued", "expires", "threshold", "rootKeys", "keys")
        items = fields.list("rootKeys", least=1, most=MAX_ROOT_KEYS)
        keys = tuple(_read_root_key(item) for item in items)
        entries = tuple(TrustEntry.from_fields(item) for item in fields.list("keys", least=0, most=MAX_ENTRIES))
        keyids = [k.keyid for k in keys] + [e.keyid for e in entries]
        if len(set(keyids)) != len(keyids):
            raise malformed(where, "one key stands there twice")
        issued, expires = fields.time("issued"), fields.time("expires")
        if issued >= expires:
            raise malformed(where, "it expires before it is issued")
        return cls(
            version=fields.integer("version", least=1, most=MAX_VERSION),
            previous=fields.optional_sha256("previous"),
            issued=issued,
            expires=expires,
            threshold=fields.integer("threshold", least=1, most=len(keys)),
            keys=keys,
            entries=entries,
            fingerprint=hashlib.sha256(payload).hexdigest(),
        )

    def shortfall(self, envelope: Envelope, last: "Root | None", where: str) -> str | None:
        """Say which signatures an envelope of this version still lacks: of its own root keys, and of the last ones.

        Every signature that is there must be of a root key, and good.
        """
        keys = {k.keyid: k for root in (self, last) if root is not None for k in root.keys}
        message = envelope.message()
        for signature in envelope.signatures:
            if signature.keyid not in keys:
                what = f"{where}: signed by sha256:{signature.keyid}, which is no root key"
                raise SigningError(Reason.UNKNOWN_KEY, what)
            keys[signature.keyid].verify(signature.value, message, where)
        signers = {s.keyid for s in envelope.signatures}
        for root, whose in ((last, "the root keys before it"), (self, "its own root keys")):
            if root is None:
                continue
            count = len(signers & {k.keyid for k in root.keys})
            if count < root.threshold:
                return f"{count} of {root.threshold} signatures needed of {whose}"
        return None

    def refuse_break(self, history: tuple["Root", ...], where: str) -> None:
        """Refuse a version that does not go on from those before it.

        Listed keys stay listed as they were, save that they may be revoked, and then only more so. So nobody is taken
        out unseen, and nothing that was revoked comes back. A key that ever was a root key is listed as nothing else.
        """
        last = history[-1] if history else None
        if self.version != len(history) + 1 or self.previous != (last.fingerprint if last else None):
            what = f"expected version {len(history) + 1} with the digest of the one before it"
            raise SigningError(Reason.ROLLBACK, f"{where}: {what}, found version {self.version}")
        now = {e.keyid: e for e in self.entries}
        for before in last.entries if last else ():
            after = now.get(before.keyid)
            if after is None or replace(after, revoked=before.revoked) != before:
                raise malformed(where, f"the key of {before.principal!r} is gone, or listed otherwise than before")
            if before.revoked and not (after.revoked and after.revoked.covers(before.revoked)):
                raise malformed(where, f"the key of {before.principal!r} was revoked before, and would be less so now")
        if now.keys() & {k.keyid for root in history for k in root.keys}:
            raise malformed(where, "a root key, or one that was, is listed as something else")


def write_root(
    version: int,
    *,
    previous: str | None,
    issued: datetime,
    expires: datetime,
    threshold: int,
    keys: tuple[PublicKey, ...],
    entries: tuple[TrustEntry, ...],
) -> bytes:
    """Return the payload of a version; these very bytes are signed."""
    return write_json(
        {
            "version": version,
            "previous": previous,
            "issued": write_time(issued),
            "expires": write_time(expires),
            "threshold": threshold,
            "rootKeys": [{"keyid": k.keyid, "public": k.pem} for k in keys],
            "keys": [e.to_json() for e in entries],
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
