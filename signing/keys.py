"""Public and private keys, named by the SHA-256 of their PEM text.

Ed25519 and ECDSA P-256 sign; P-384 and P-521 verify models of others; ML-DSA-65 makes second signatures.
The key id is that of OpenSSF Model Signing: lower-case hexadecimal SHA-256 of the PEM SubjectPublicKeyInfo that
we serialise ourselves, final newline included (`openssl pkey -pubin -in K -pubout | sha256sum`).
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from signing.edwards import is_prime_order
from signing.errors import Reason, SigningError

MAX_PEM = 16 * 1024  # bytes; a P-256 certificate is about 1 KiB


class Algorithm(StrEnum):
    """The kinds of key that sign."""

    ED25519 = "ed25519"
    P256 = "p256"
    P384 = "p384"
    P521 = "p521"
    ML_DSA_65 = "ml-dsa-65"


_CURVES: dict[str, tuple[Algorithm, HashAlgorithm]] = {
    "secp256r1": (Algorithm.P256, SHA256()),
    "secp384r1": (Algorithm.P384, SHA384()),
    "secp521r1": (Algorithm.P521, SHA512()),
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of a supported kind and of prime order; `pem` is our own serialisation."""

    algorithm: Algorithm
    pem: str
    keyid: str
    _key: Ed25519PublicKey | ec.EllipticCurvePublicKey | MLDSA65PublicKey

    @classmethod
    def from_pem(cls, data: bytes, where: str) -> "PublicKey":
        """Load a PEM SubjectPublicKeyInfo; other kinds of key and weak points are refused."""
        if len(data) > MAX_PEM:
            raise SigningError(Reason.TOO_LARGE, f"{where}: {len(data):,} bytes, a key has at most {MAX_PEM:,}")
        try:
            key = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as e:
            hint = "this is the private half; give KEY.pub.pem, and keep this one" if b"PRIVATE KEY" in data else None
            raise SigningError(Reason.MALFORMED, f"{where}: not a public key in PEM form", hint=hint) from e
        return cls.of(key, where)

    @classmethod
    def of(cls, key: object, where: str) -> "PublicKey":
        """Wrap a key of the cryptography library, with the checks of `from_pem`."""
        if isinstance(key, Ed25519PublicKey):
            _refuse_weak_point(key.public_bytes_raw(), where)
            algorithm = Algorithm.ED25519
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
            algorithm = _CURVES[key.curve.name][0]  # cryptography has checked that the point lies on the curve
        elif isinstance(key, MLDSA65PublicKey):
            algorithm = Algorithm.ML_DSA_65
        else:
            kinds = ", ".join(Algorithm)
            raise SigningError(Reason.UNSUPPORTED, f"{where}: a public key of another kind than {kinds}")
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return cls(algorithm, pem.decode("ascii"), hashlib.sha256(pem).hexdigest(), key)

    def raw(self) -> bytes:
        """Return the 32 bytes of an Ed25519 key."""
        if not isinstance(self._key, Ed25519PublicKey):
            raise SigningError(Reason.UNSUPPORTED, f"a {self.algorithm} key has no raw form")
        return self._key.public_bytes_raw()

    def verify(self, signature: bytes, message: bytes, where: str) -> None:
        """Refuse a signature that this key did not make over the message."""
        try:
            if isinstance(self._key, ec.EllipticCurvePublicKey):
                self._key.verify(signature, message, ec.ECDSA(_CURVES[self._key.curve.name][1]))
            else:
                self._key.verify(signature, message)
        except (InvalidSignature, ValueError) as e:  # ValueError: a signature of the wrong length
            refusal = f"the signature is not one of key sha256:{self.keyid} over these bytes"
            raise SigningError(Reason.BAD_SIGNATURE, f"{where}: {refusal}") from e


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs. It is never shown or logged, and `signing.key_files` alone writes it."""

    public: PublicKey
    _key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey | MLDSA65PrivateKey

    @classmethod
    def generate(cls, algorithm: Algorithm) -> "PrivateKey":
        """Make a new key from the system's randomness."""
        match algorithm:
            case Algorithm.ED25519:
                return cls.of(Ed25519PrivateKey.generate(), "new key")
            case Algorithm.P256:
                return cls.of(ec.generate_private_key(ec.SECP256R1()), "new key")
            case Algorithm.ML_DSA_65:
                return cls.of(MLDSA65PrivateKey.generate(), "new key")
        raise SigningError(Reason.UNSUPPORTED, f"{algorithm} keys are read, but not generated")

    @classmethod
    def of(cls, key: object, where: str) -> "PrivateKey":
        """Wrap a private key of the cryptography library."""
        if not isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | MLDSA65PrivateKey):
            kinds = ", ".join(Algorithm)
            raise SigningError(Reason.UNSUPPORTED, f"{where}: a private key of another kind than {kinds}")
        return cls(PublicKey.of(key.public_key(), where), key)

    def sign(self, message: bytes) -> bytes:
        """Return the signature over the message: DER for the elliptic curves, raw bytes for the others."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(message, ec.ECDSA(_CURVES[self._key.curve.name][1]))
        return self._key.sign(message)

    def to_pem(self, passphrase: bytes | None) -> bytes:
        """Return the key as PKCS#8 PEM, encrypted where a passphrase is given."""
        encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.algorithm}, sha256:{self.public.keyid})"


def _refuse_weak_point(raw: bytes, where: str) -> None:
    if not is_prime_order(raw):
        raise SigningError(
            Reason.WEAK_KEY,
            f"{where}: 32 bytes that are no Ed25519 key: not a point of prime order in its canonical form",
            hint="such a key verifies forged signatures, or signatures that only some programs accept; "
            "ask its owner for a genuine key",
        )
