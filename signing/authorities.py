"""Authorities for timestamps, which are listed by their certificates."""

import hashlib

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import BasicConstraints

from signing.cms import FOREIGN, load_certificate
from signing.errors import Reason, SigningError
from signing.strict import malformed


def identify_authority(pem: bytes, where: str) -> tuple[str, str]:
    """Return the id (SHA-256 of its DER) and our own PEM form of an authority's certificate."""
    try:
        certificate = load_certificate(pem)
        authority = certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    except FOREIGN as e:
        raise malformed(where, "not the certificate of an authority (CA) in PEM form") from e
    if not authority:
        hint = "list the root under which the authority's own certificate was issued"
        raise SigningError(Reason.UNSUPPORTED, f"{where}: not a CA certificate", hint=hint)
    der = certificate.public_bytes(Encoding.DER)
    return hashlib.sha256(der).hexdigest(), certificate.public_bytes(Encoding.PEM).decode("ascii")
