"""Envelopes of DSSE v1.0.2. A signature covers the payload's type and bytes, not their encoding in JSON."""

from dataclasses import dataclass

from signing.fields import Fields
from signing.keys import PrivateKey
from signing.strict import malformed, write_base64

MAX_SIGNATURE = 8 * 1024  # base64 characters; ML-DSA-65 needs 4,412


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature and the id of its key, which is a claim: it selects the key that must verify the signature."""

    keyid: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload as received, with the signatures over it, none of which is verified."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def signed_by(cls, keys: tuple[PrivateKey, ...], payload_type: str, payload: bytes) -> "Envelope":
        """Sign a payload with each of the keys."""
        message = pae(payload_type, payload)
        signatures = tuple(Signature(key.public.keyid, key.sign(message)) for key in keys)
        return cls(payload_type, payload, signatures)

    @classmethod
    def from_fields(
        cls, fields: Fields, *, payload_limit: int, most: int = 1, unnamed: str | None = None
    ) -> "Envelope":
        """Parse an envelope with at most `most` signatures, each of another key.

        A signature without a key id is attributed to the key `unnamed`, and refused where that is not given.
        """
        fields.closed("payload", "payloadType", "signatures")
        signatures = tuple(_read_signature(item, unnamed) for item in fields.list("signatures", least=1, most=most))
        if len({s.keyid for s in signatures}) != len(signatures):
            raise malformed(fields.where, "one key signs twice")
        payload = fields.base64("payload", limit=payload_limit // 3 * 4 + 4)
        return cls(fields.text("payloadType"), payload, signatures)

    def to_json(self) -> dict[str, object]:
        """Return the JSON object of the envelope."""
        signatures = [{"keyid": s.keyid, "sig": write_base64(s.value)} for s in self.signatures]
        return {"payload": write_base64(self.payload), "payloadType": self.payload_type, "signatures": signatures}

    def message(self) -> bytes:
        """Return the bytes that each signature covers."""
        return pae(self.payload_type, self.payload)


def _read_signature(fields: Fields, unnamed: str | None) -> Signature:
    if unnamed is not None:
        fields.closed("sig", optional=("keyid",))
        if fields.empty("keyid"):
            return Signature(unnamed, fields.base64("sig", limit=MAX_SIGNATURE))
    fields.closed("sig", "keyid")
    return Signature(fields.sha256("keyid"), fields.base64("sig", limit=MAX_SIGNATURE))


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding of a type and a body (protocol.md, "Signature Definition")."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
