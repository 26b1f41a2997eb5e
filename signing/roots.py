"""One version of the trust store: the root keys that govern it, and the keys that it vouches for."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.keys import MAX_PEM, PublicKey
from signing.strict import MAX_LABEL, Fields, malformed, read_json, write_json
from signing.times import write_time

PAYLOAD_TYPE = "application/vnd.fusiondiff-audit.trust-root.v1+json"
MAX_ROOT = 4 * 1024 * 1024  # bytes of one version
MAX_ROOT_KEYS = 32
MAX_ENTRIES = 10_000
MAX_VERSION = 2**31


class Role(StrEnum):
    """What a key may vouch for; it is checked at every use."""

    DEVICE = "device"
    LABELLER = "labeller"
    MODEL = "model"
    AUDITOR = "auditor"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Revocation:
    """Since when a key is not to be believed; a thief writes any date, so `compromised` reaches back."""

    at: datetime
    compromised: bool

    def covers(self, earlier: "Revocation") -> bool:
        """Say whether this refuses all that an earlier word on the key refused."""
        return self.at <= earlier.at and self.compromised >= earlier.compromised


@dataclass(frozen=True, slots=True)
class Entry:
    """A key, or for timestamps an authority's certificate, with its role, its owner and its window."""

    keyid: str
    role: Role
    principal: str
    material: str
    start: datetime
    until: datetime
    revoked: Revocation | None = None

    def public_key(self) -> PublicKey:
        """Return the key; an authority's certificate is not one that signs for us."""
        if self.role is Role.TIMESTAMP:
            raise SigningError(
                Reason.WRONG_ROLE, f"{self.principal!r} is a timestamp authority, not a key that signs for us"
            )
        return PublicKey.from_pem(self.material.encode("ascii"), self.principal)

    @classmethod
    def from_fields(cls, fields: Fields) -> "Entry":
        """Parse an entry; the key id is computed from the key, and the window is not empty."""
        fields.closed("keyid", "role", "principal", "material", "from", "until", "revoked")
        try:
            role = Role(fields.text("role"))
        except ValueError as e:
            raise malformed(fields.where, "unknown role") from e
        keyid, material = identify(role, fields.raw("material", limit=MAX_PEM).encode(), fields.where)
        if (keyid, material) != (fields.sha256("keyid"), fields.raw("material", limit=MAX_PEM)):
            raise malformed(fields.where, "the key id is not that of the key, or the key is in another form than ours")
        start, until = fields.time("from"), fields.time("until")
        if start >= until:
            raise malformed(fields.where, "the key's window is empty")
        revoked = fields.optional_fields("revoked")
        return cls(
            keyid=keyid,
            role=role,
            principal=fields.text("principal", limit=MAX_LABEL),
            material=material,
            start=start,
            until=until,
            revoked=None if revoked is None else _read_revoked(revoked),
        )

    def to_json(self) -> dict[str, object]:
        """Return the JSON object of the entry."""
        revoked = self.revoked and {
            "at": write_time(self.revoked.at),
            "reason": "compromised" if self.revoked.compromised else "retired",
        }
        return {
            "keyid": self.keyid,
            "role": self.role.value,
            "principal": self.principal,
            "material": self.material,
            "from": write_time(self.start),
            "until": write_time(self.until),
            "revoked": revoked,
        }


@dataclass(frozen=True, slots=True)
class Root:
    """One version. `fingerprint` is the SHA-256 of its payload as signed, and so names all that is in it."""

    version: int
    issued: datetime
    expires: datetime
    threshold: int
    keys: tuple[PublicKey, ...]
    entries: tuple[Entry, ...]
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
        fields = read_json(payload, where, limit=MAX_ROOT)
        fields.closed("version", "issued", "expires", "threshold", "rootKeys", "keys")
        items = fields.list("rootKeys", least=1, most=MAX_ROOT_KEYS)
        keys = tuple(_read_root_key(item) for item in items)
        entries = tuple(Entry.from_fields(item) for item in fields.list("keys", least=0, most=MAX_ENTRIES))
        keyids = [k.keyid for k in keys] + [e.keyid for e in entries]
        if len(set(keyids)) != len(keyids):
            raise malformed(where, "one key stands there twice")
        issued, expires = fields.time("issued"), fields.time("expires")
        if issued >= expires:
            raise malformed(where, "it expires before it is issued")
        return cls(
            version=fields.integer("version", least=1, most=MAX_VERSION),
            issued=issued,
            expires=expires,
            threshold=fields.integer("threshold", least=1, most=len(keys)),
            keys=keys,
            entries=entries,
            fingerprint=hashlib.sha256(payload).hexdigest(),
        )

    def require_threshold(self, envelope: Envelope, where: str, *, of: str) -> None:
        """Refuse an envelope that too few of this version's root keys have signed."""
        by_id = {k.keyid: k for k in self.keys}
        message = envelope.message()
        signers = set()
        for signature in envelope.signatures:
            if signature.keyid in by_id:
                by_id[signature.keyid].verify(signature.value, message, where)
                signers.add(signature.keyid)
        if len(signers) < self.threshold:
            raise SigningError(
                Reason.NO_SIGNATURE, f"{where}: {len(signers)} of {self.threshold} signatures needed of {of}"
            )

    def refuse_resurrection(self, last: "Root", where: str) -> None:
        """Refuse a version in which a key of the last one returns from revocation or changes its role."""
        now = {e.keyid: e for e in self.entries}
        for before in last.entries:
            after = now.get(before.keyid)
            if after is None:
                continue
            if after.role is not before.role:
                raise malformed(where, f"the key of {before.principal!r} was listed as {before.role} before")
            if before.revoked and not (after.revoked and after.revoked.covers(before.revoked)):
                raise malformed(where, f"the key of {before.principal!r} was revoked before, and would be less so now")


def write_root(
    *,
    version: int,
    issued: datetime,
    expires: datetime,
    threshold: int,
    keys: tuple[PublicKey, ...],
    entries: tuple[Entry, ...],
) -> bytes:
    """Return the payload of a version; these very bytes are signed."""
    return write_json(
        {
            "version": version,
            "issued": write_time(issued),
            "expires": write_time(expires),
            "threshold": threshold,
            "rootKeys": [{"keyid": k.keyid, "public": k.pem} for k in keys],
            "keys": [e.to_json() for e in entries],
        }
    )


def identify(role: Role, pem: bytes, where: str) -> tuple[str, str]:
    """Return the id and our own PEM form of a key, or of an authority's certificate (SHA-256 of its DER)."""
    if role is not Role.TIMESTAMP:
        key = PublicKey.from_pem(pem, where)
        return key.keyid, key.pem
    try:
        certificate = load_pem_x509_certificate(pem)
    except ValueError as e:
        raise malformed(where, "not a certificate in PEM form") from e
    der = certificate.public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest(), certificate.public_bytes(Encoding.PEM).decode("ascii")


def _read_root_key(fields: Fields) -> PublicKey:
    fields.closed("keyid", "public")
    pem = fields.raw("public", limit=MAX_PEM)
    key = PublicKey.from_pem(pem.encode(), fields.where)
    if (key.keyid, key.pem) != (fields.sha256("keyid"), pem):
        raise malformed(fields.where, "the key id is not that of the key, or the key is in another form than ours")
    return key


def _read_revoked(fields: Fields) -> Revocation:
    fields.closed("at", "reason")
    reason = fields.text("reason")
    if reason not in ("compromised", "retired"):
        raise malformed(fields.where, "a key is revoked as compromised or as retired")
    return Revocation(fields.time("at"), reason == "compromised")
