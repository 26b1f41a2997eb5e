"""Public and private keys: Ed25519 and ECDSA P-256, named by the SHA-256 of their PEM text.

The key id is that of OpenSSF Model Signing: lower-case hexadecimal SHA-256 of the PEM SubjectPublicKeyInfo that
we serialise ourselves, final newline included (`openssl pkey -pubin -in K -pubout | sha256sum`).
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from signing.errors import Reason, SigningError

MAX_PEM = 16 * 1024  # bytes; a P-256 certificate is about 1 KiB
_FIELD_PRIME = 2**255 - 19
# The points of order 1, 2, 4 and 8 in canonical form (C2SP/CCTV, ed25519/README.md). Under them a signature
# "verifies" for messages that nobody signed. Non-canonical forms fall to the rules in `_refuse_weak_point`.
_SMALL_ORDER = frozenset(
    bytes.fromhex(point)
    for point in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
)


class Algorithm(StrEnum):
    """The kinds of key that sign."""

    ED25519 = "ed25519"
    P256 = "p256"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that passed the checks at the door; `pem` is our own serialisation."""

    algorithm: Algorithm
    pem: str
    keyid: str
    _key: Ed25519PublicKey | EllipticCurvePublicKey

    @classmethod
    def from_pem(cls, data: bytes, where: str) -> "PublicKey":
        """Load a PEM SubjectPublicKeyInfo; other kinds of key and weak points are refused."""
        if len(data) > MAX_PEM:
            raise SigningError(Reason.TOO_LARGE, f"{where}: {len(data):,} bytes, a key has at most {MAX_PEM:,}")
        try:
            key = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as e:
            raise SigningError(Reason.MALFORMED, f"{where}: not a public key in PEM form") from e
        return cls.of(key, where)

    @classmethod
    def of(cls, key: object, where: str) -> "PublicKey":
        """Take a key of the cryptography library, with the checks of `from_pem`."""
        if isinstance(key, Ed25519PublicKey):
            _refuse_weak_point(key.public_bytes_raw(), where)
            algorithm = Algorithm.ED25519
        elif isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
            algorithm = Algorithm.P256  # cryptography has checked that the point lies on the curve
        else:
            raise SigningError(Reason.UNSUPPORTED, f"{where}: neither an Ed25519 nor a P-256 public key")
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return cls(algorithm, pem.decode("ascii"), hashlib.sha256(pem).hexdigest(), key)

    def verify(self, signature: bytes, message: bytes, where: str) -> None:
        """Refuse the message unless this key signed it."""
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                self._key.verify(signature, message, ECDSA(SHA256()))
        except (InvalidSignature, ValueError) as e:  # ValueError: a signature of the wrong length
            what = f"the signature is not one of key sha256:{self.keyid} over these bytes"
            raise SigningError(Reason.BAD_SIGNATURE, f"{where}: {what}") from e


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs. It is never shown or logged, and `signing.keyfiles` alone writes it."""

    public: PublicKey
    _key: Ed25519PrivateKey | EllipticCurvePrivateKey

    @classmethod
    def generate(cls, algorithm: Algorithm) -> "PrivateKey":
        """Make a new key from the system's randomness."""
        if algorithm is Algorithm.ED25519:
            return cls.of(Ed25519PrivateKey.generate(), "new key")
        return cls.of(generate_private_key(SECP256R1()), "new key")

    @classmethod
    def of(cls, key: object, where: str) -> "PrivateKey":
        """Take a private key of the cryptography library."""
        if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
            raise SigningError(Reason.UNSUPPORTED, f"{where}: neither an Ed25519 nor a P-256 private key")
        return cls(PublicKey.of(key.public_key(), where), key)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over the message: 64 bytes for Ed25519, DER for P-256."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, ECDSA(SHA256()))

    def to_pem(self, passphrase: bytes | None) -> bytes:
        """Return the key as PKCS#8 PEM, encrypted where a passphrase is given."""
        encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.algorithm}, sha256:{self.public.keyid})"


def _refuse_weak_point(raw: bytes, where: str) -> None:
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    signed_zero = raw[31] & 0x80 and y in (1, _FIELD_PRIME - 1)  # x = 0 has no negative
    if y >= _FIELD_PRIME or signed_zero or raw in _SMALL_ORDER:
        raise SigningError(
            Reason.WEAK_KEY,
            f"{where}: an Ed25519 key of small order or in non-canonical form",
            hint="such a key accepts signatures that nobody made; ask its owner for a real one",
        )
