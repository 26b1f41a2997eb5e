"""The entries of a trust store: a key with its principal, its role, its window and its revocation."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from signing.errors import Reason, SigningError
from signing.fields import Fields
from signing.keys import MAX_PEM, Algorithm, PublicKey
from signing.strict import MAX_LABEL, malformed
from signing.times import write_time

ROOT_ALGORITHMS = frozenset({Algorithm.ED25519, Algorithm.P256})  # what third parties can check today


class Role(StrEnum):
    """What a key may sign; it is checked at every use."""

    DEVICE = "device"
    LABELLER = "labeller"
    MODEL = "model"
    AUDITOR = "auditor"
    TIMESTAMP = "timestamp"

    @property
    def algorithms(self) -> frozenset[Algorithm]:
        """Return the kinds of key that may have this role; an authority has a certificate instead."""
        if self is Role.TIMESTAMP:
            return frozenset()
        if self is Role.MODEL:  # OpenSSF Model Signing has no others
            return frozenset({Algorithm.P256, Algorithm.P384, Algorithm.P521})
        return ROOT_ALGORITHMS | {Algorithm.ML_DSA_65}  # the last for second signatures


class RevocationReason(StrEnum):
    """Why a key is revoked: its holder retired it, or the private key may have been copied."""

    RETIRED = "retired"
    COMPROMISED = "compromised"


@dataclass(frozen=True, slots=True)
class Revocation:
    """From when a key is revoked, and why; a compromise invalidates older claimed times too, since a thief can lie."""

    at: datetime
    reason: RevocationReason

    @property
    def compromised(self) -> bool:
        """Say whether the private key may have been copied."""
        return self.reason is RevocationReason.COMPROMISED

    def covers(self, earlier: "Revocation") -> bool:
        """Say whether this refuses all that an earlier revocation of the key refused."""
        return self.at <= earlier.at and self.compromised >= earlier.compromised


@dataclass(frozen=True, slots=True)
class TrustEntry:
    """A key, or for timestamps an authority's certificate, with its role, its principal and its window."""

    keyid: str
    role: Role
    principal: str
    material: str
    start: datetime
    until: datetime
    revoked: Revocation | None = None

    def public_key(self) -> PublicKey:
        """Return the key; a timestamp authority, which is listed by its certificate, is refused."""
        if self.role is Role.TIMESTAMP:
            raise SigningError(Reason.WRONG_ROLE, f"{self.principal!r} is a timestamp authority, not a key that signs")
        return PublicKey.from_pem(self.material.encode("ascii"), self.principal)

    @classmethod
    def from_fields(cls, fields: Fields) -> "TrustEntry":
        """Parse an entry; the key id is computed from the key, and the window is not empty."""
        fields.closed("keyid", "role", "principal", "material", "from", "until", "revoked")
        role, listed = fields.member("role", Role), fields.raw("material", limit=MAX_PEM)
        keyid, material = identify_key(role, listed.encode(), fields.where)
        if (keyid, material) != (fields.sha256("keyid"), listed):
            raise malformed(fields.where, "the key id is not that of the key, or the key is in another form than ours")
        start, until = fields.time("from"), fields.time("until")
        if start >= until:
            raise malformed(fields.where, "the key's window is empty")
        return cls(
            keyid=keyid,
            role=role,
            principal=fields.text("principal", limit=MAX_LABEL),
            material=material,
            start=start,
            until=until,
            revoked=None if fields.null("revoked") else _read_revoked(fields.fields("revoked")),
        )

    def to_json(self) -> dict[str, object]:
        """Return the JSON object of the entry."""
        return {
            "keyid": self.keyid,
            "role": self.role.value,
            "principal": self.principal,
            "material": self.material,
            "from": write_time(self.start),
            "until": write_time(self.until),
            "revoked": self.revoked and {"at": write_time(self.revoked.at), "reason": self.revoked.reason.value},
        }


def identify_key(role: Role, pem: bytes, where: str) -> tuple[str, str]:
    """Return the id and our own PEM form of a key, or of an authority's certificate (SHA-256 of its DER)."""
    if role is not Role.TIMESTAMP:
        key = PublicKey.from_pem(pem, where)
        refuse_algorithm(key, role.algorithms, where, what=f"a key for the role {role}")
        return key.keyid, key.pem
    from signing.authorities import identify_authority  # loading certificates' libraries is slow

    return identify_authority(pem, where)


def refuse_algorithm(key: PublicKey, allowed: frozenset[Algorithm], where: str, *, what: str) -> None:
    """Refuse a key of an algorithm that is not allowed here."""
    if key.algorithm not in allowed:
        names = ", ".join(sorted(allowed))
        raise SigningError(Reason.UNSUPPORTED, f"{where}: a key of kind {key.algorithm}; {what} is one of {names}")


def _read_revoked(fields: Fields) -> Revocation:
    fields.closed("at", "reason")
    return Revocation(fields.time("at"), fields.member("reason", RevocationReason))
