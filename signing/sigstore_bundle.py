"""Sigstore bundles v0.3 with a public-key hint: one DSSE envelope, one signature, one key id, and timestamps on it.

A bundle is verified in a fixed order (each step is marked below):
1. read with a cap, strict UTF-8 and JSON, media type, one signature, `keyid == hint`;
2. strict base64;
3. the hint picks a key from the trust store, which must hold it in the right role;
4. the signature over the received type and bytes;
5. the payload type; only then may the caller parse the payload;
6. the timestamps, each of which must be valid: the key is judged at the time that they prove.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.fields import Fields, read_json
from signing.keys import Algorithm, PrivateKey
from signing.statement import PAYLOAD_TYPE
from signing.strict import malformed, write_base64, write_json
from signing.times import MAX_TOKEN, MAX_TOKENS
from signing.trust import TrustStore
from signing.trust_entries import Role, TrustEntry

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True, slots=True)
class SigstoreBundle:
    """A bundle as received; nothing in it is trusted before `verify_bundle` has verified it."""

    envelope: Envelope
    tokens: tuple[bytes, ...] = ()

    @classmethod
    def from_bytes(cls, data: bytes, where: str, *, payload_limit: int, foreign: bool = False) -> "SigstoreBundle":
        """Parse a bundle.

        A `foreign` bundle, made by another tool, may leave out empty fields, as some writers of protobuf JSON do: the
        log entries and the envelope's key id, both or neither.
        """
        fields = read_json(data, where, limit=bundle_limit(payload_limit))  # 1
        fields.closed("mediaType", "verificationMaterial", "dsseEnvelope")
        fields.constant("mediaType", MEDIA_TYPE)
        material, dsse = fields.fields("verificationMaterial"), fields.fields("dsseEnvelope")
        hint, tokens = _read_material(material, foreign=foreign)
        envelope = Envelope.from_fields(dsse, payload_limit=payload_limit, unnamed=hint if foreign else None)  # 2
        (signature,) = dsse.list("signatures", least=1, most=1)
        if foreign and material.has("tlogEntries") is not signature.has("keyid"):
            raise malformed(where, "log entries and key id are left out together or not at all")
        if envelope.signatures[0].keyid != hint:
            raise malformed(where, "the envelope names another key than the bundle's hint")
        return cls(envelope, tokens)

    @property
    def signature(self) -> bytes:
        """Return the one signature's bytes, which timestamps are made over."""
        return self.envelope.signatures[0].value

    def to_bytes(self) -> bytes:
        """Return the bundle's JSON."""
        material: dict[str, object] = {"publicKey": {"hint": self.envelope.signatures[0].keyid}, "tlogEntries": []}
        if self.tokens:
            stamps = [{"signedTimestamp": write_base64(token)} for token in self.tokens]
            material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
        return write_json(
            {"mediaType": MEDIA_TYPE, "verificationMaterial": material, "dsseEnvelope": self.envelope.to_json()}
        )


@dataclass(frozen=True, slots=True)
class VerifiedPayload:
    """A payload that a listed key signed, and the proven time, if there is one; `TrustStore.judge` judges the key."""

    payload: bytes
    entry: TrustEntry
    proven: datetime | None

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the payload, by which a replay is recognised."""
        return hashlib.sha256(self.payload).hexdigest()


def sign_payload(payload: bytes, key: PrivateKey) -> bytes:
    """Sign an in-toto payload and return the bundle's bytes."""
    return SigstoreBundle(Envelope.signed_by((key,), PAYLOAD_TYPE, payload)).to_bytes()


def verify_bundle(
    bundle: SigstoreBundle, where: str, *, trust: TrustStore, roles: tuple[Role, ...], second: bool = False
) -> VerifiedPayload:
    """Return the payload of a bundle, if a key in one of the roles signed it.

    A `second` signature is ML-DSA-65 and the first one is not: neither can stand in for the other.
    """
    signature = bundle.envelope.signatures[0]
    entry = trust.signer(signature.keyid, roles, where)  # 3
    key = entry.public_key()
    if (key.algorithm is Algorithm.ML_DSA_65) is not second:
        wanted = "needs an ML-DSA-65 key" if second else "needs a key that third parties can check today"
        raise SigningError(
            Reason.UNSUPPORTED, f"{where}: signed with a key of kind {key.algorithm}; this signature {wanted}"
        )
    key.verify(signature.value, bundle.envelope.message(), where)  # 4
    if bundle.envelope.payload_type != PAYLOAD_TYPE:  # 5
        raise SigningError(Reason.UNSUPPORTED, f"{where}: payload type {bundle.envelope.payload_type!r}")
    proven = None
    if bundle.tokens:  # 6; few have any, and their libraries load slowly
        from signing.timestamps import proven_time

        proven = proven_time(bundle.tokens, signature.value, trust=trust, where=where)
    return VerifiedPayload(bundle.envelope.payload, entry, proven)


def bundle_limit(payload_limit: int) -> int:
    """Return the maximum size in bytes of a bundle whose payload has that size."""
    return payload_limit // 3 * 4 + MAX_TOKENS * MAX_TOKEN * 2 + 64 * 1024


def _read_material(fields: Fields, *, foreign: bool) -> tuple[str, tuple[bytes, ...]]:
    for name in ("certificate", "x509CertificateChain"):
        if fields.has(name):
            raise SigningError(Reason.UNSUPPORTED, f"{fields.where}: signed with a certificate; plain keys are read")
    logs, stamps = "tlogEntries", "timestampVerificationData"
    if foreign:
        fields.closed("publicKey", optional=(logs, stamps))
    else:
        fields.closed("publicKey", logs, optional=(stamps,))
    if fields.has(logs):
        fields.list(logs, least=0, most=0)  # nothing is logged in a transparency log
    hint = fields.fields("publicKey").closed("hint").sha256("hint")
    if not fields.has(stamps):
        return hint, ()
    items = fields.fields(stamps).closed("rfc3161Timestamps").list("rfc3161Timestamps", least=1, most=MAX_TOKENS)
    limit = MAX_TOKEN // 3 * 4 + 4
    return hint, tuple(i.closed("signedTimestamp").base64("signedTimestamp", limit=limit) for i in items)
