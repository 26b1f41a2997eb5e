"""Sigstore bundles v0.3 with a public-key hint: one DSSE envelope, one signature, one key id.

A bundle is opened in a fixed order (each step is marked below):
1. read with a cap, strict UTF-8 and JSON, media type, one signature, `keyid == hint`;
2. strict base64;
3. the hint picks a key from the trust store, which must hold it in the right role;
4. the signature over the received type and bytes;
5. the payload type; only then may anybody parse the payload.
"""

import hashlib
from dataclasses import dataclass

from signing.dsse import Envelope
from signing.errors import Reason, SigningError
from signing.keys import PrivateKey
from signing.roots import Entry, Role
from signing.statement import PAYLOAD_TYPE
from signing.strict import Fields, malformed, read_json, write_json
from signing.trust import TrustStore

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True, slots=True)
class Opened:
    """A payload that a listed key has signed; whether it was valid then is judged by `TrustStore.judge`."""

    payload: bytes
    signature: bytes
    entry: Entry

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the payload, by which replays are known."""
        return hashlib.sha256(self.payload).hexdigest()


def seal(payload: bytes, key: PrivateKey) -> bytes:
    """Sign an in-toto payload and return the bundle's bytes."""
    envelope = Envelope.signed_by((key,), PAYLOAD_TYPE, payload)
    return write_json(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": key.public.keyid}, "tlogEntries": []},
            "dsseEnvelope": envelope.to_json(),
        }
    )


def unseal(data: bytes, where: str, *, trust: TrustStore, roles: tuple[Role, ...], payload_limit: int) -> Opened:
    """Return the payload of a bundle, if a key in one of the roles signed it."""
    fields = read_json(data, where, limit=bundle_limit(payload_limit))  # 1
    fields.closed("mediaType", "verificationMaterial", "dsseEnvelope")
    fields.constant("mediaType", MEDIA_TYPE)
    hint = _read_material(fields.fields("verificationMaterial"))
    envelope = Envelope.from_fields(fields.fields("dsseEnvelope"), payload_limit=payload_limit)  # 2
    signature = envelope.signatures[0]
    if signature.keyid != hint:
        raise malformed(where, "the envelope names another key than the bundle's hint")
    entry = trust.signer(hint, roles, where)  # 3
    entry.public_key().verify(signature.value, envelope.message(), where)  # 4
    if envelope.payload_type != PAYLOAD_TYPE:  # 5
        raise SigningError(Reason.UNSUPPORTED, f"{where}: payload type {envelope.payload_type!r}")
    return Opened(envelope.payload, signature.value, entry)


def bundle_limit(payload_limit: int) -> int:
    """Return how many bytes a bundle may have around a payload of that size in base64."""
    return payload_limit // 3 * 4 + 64 * 1024


def _read_material(fields: Fields) -> str:
    fields.closed("publicKey", "tlogEntries")
    fields.list("tlogEntries", least=0, most=0)  # we log nowhere, and claim nothing of logs
    return fields.fields("publicKey").closed("hint").sha256("hint")
