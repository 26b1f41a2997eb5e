"""Checks of the parts of a timestamp token (RFC 5652, RFC 3161, RFC 5035) that no signature and no library covers.

OpenSSL verifies the authority's signature whatever version numbers, algorithm names and further certificates surround
it, and does not check that the signer referred to the certificate that verifies it. Each of these parts must have the
one form that authorities write.
"""

import hashlib
import warnings

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    Certificate,
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    UnsupportedGeneralNameType,
    load_der_x509_certificate,
    load_pem_x509_certificate,
)

from signing.der import BOOLEAN, CONTEXT, INTEGER, OCTETS, OID, SEQUENCE, SET, Node, read_der

# Exceptions that the certificate and timestamp libraries raise on malformed bytes, besides errors of their own.
FOREIGN = (
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    UnsupportedAlgorithm,
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    UnsupportedGeneralNameType,
    Warning,
)
GRANTED = bytes.fromhex("3003020100")  # PKIStatusInfo, without a text
_SHA2 = bytes.fromhex("6086480165030402")  # 2.16.840.1.101.3.4.2: .1 to .3 are SHA-256, SHA-384 and SHA-512
_ECDSA = bytes.fromhex("2a8648ce3d0403")  # 1.2.840.10045.4.3: .2 to .4 are ecdsa-with-SHA256 and so on
_RSA = bytes.fromhex("2a864886f70d0101")  # 1.2.840.113549.1.1: .1 is rsaEncryption, .11 to .13 sha256WithRSA and so on
_NULL = bytes.fromhex("0500")
_SIGNING_CERTIFICATE = bytes.fromhex("2a864886f70d010910020c")  # RFC 2634: SHA-1
_SIGNING_CERTIFICATE_V2 = bytes.fromhex("2a864886f70d010910022f")  # RFC 5035
_HASHES = {bytes([1]): "sha256", bytes([2]): "sha384", bytes([3]): "sha512"}


def load_certificate(data: bytes) -> Certificate:
    """Parse a certificate in DER or PEM form; a certificate of which the library warns is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load_pem_x509_certificate(data) if data.startswith(b"-----") else load_der_x509_certificate(data)


def refuse_unsigned_parts(token: bytes) -> None:
    """Raise one of FOREIGN for a token with an unsigned part in another form than authorities write."""
    status, content = read_der(token, SEQUENCE).expect(SEQUENCE, SEQUENCE)
    _, wrapped = content.expect(OID, CONTEXT)
    (signed_data,) = wrapped.expect(SEQUENCE)
    version, digests, info, certificates, signers = signed_data.expect(INTEGER, SET, SEQUENCE, CONTEXT, SET)
    (signer,) = signers.expect(SEQUENCE)
    number, sid, digest, attributes, algorithm, _ = signer.expect(
        INTEGER, SEQUENCE, SEQUENCE, CONTEXT, SEQUENCE, OCTETS
    )
    if (status.raw, version.content, number.content) != (GRANTED, b"\3", b"\1"):
        raise ValueError("another status or version than expected")
    if [d.raw for d in digests.children()] != [digest.raw]:
        raise ValueError("other digest algorithms than the signer's")
    _refuse_critical(info)
    leaf = _leaf(certificates, sid)
    _refuse_algorithms(digest, algorithm, leaf)
    _refuse_other_certificate(attributes, leaf)


def _leaf(certificates: Node, sid: Node) -> Certificate:
    """Return the signer's certificate; the other certificates must be the chain above it, each once."""
    issuer, serial = sid.expect(SEQUENCE, INTEGER)
    remaining = [load_certificate(node.raw) for node in certificates.children()]
    number = int.from_bytes(serial.content, "big")
    (leaf,) = [c for c in remaining if c.serial_number == number and c.issuer.public_bytes() == issuer.raw]
    remaining.remove(leaf)
    top = leaf
    while remaining:
        (top,) = [c for c in remaining if c.subject == top.issuer]
        remaining.remove(top)
    return leaf


def _refuse_algorithms(digest: Node, algorithm: Node, leaf: Certificate) -> None:
    """Refuse a signature algorithm that does not belong to the signer's key and digest."""
    name, *parameters = digest.children()
    size = name.content[-1:]
    if name.content[:-1] != _SHA2 or size not in _HASHES or [p.raw for p in parameters] not in ([], [_NULL]):
        raise ValueError("another digest than SHA-2")
    if isinstance(leaf.public_key(), EllipticCurvePublicKey):
        allowed: dict[bytes, list[bytes]] = {_ECDSA + bytes([size[0] + 1]): []}
    else:
        allowed = {_RSA + bytes([size[0] + 10]): [_NULL], _RSA + b"\1": [_NULL]}
    kind, *rest = algorithm.children()
    if allowed.get(kind.content) != [p.raw for p in rest]:
        raise ValueError("another signature algorithm than the signer's key has")


def _refuse_other_certificate(attributes: Node, leaf: Certificate) -> None:
    """Refuse a token without a signed reference to the signer's certificate (RFC 3161, 2.4.2), or to another one."""
    der = leaf.public_bytes(Encoding.DER)
    references = 0
    for attribute in attributes.children():
        kind, values = attribute.expect(OID, SET)
        if kind.content not in (_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2):
            continue
        (value,) = values.expect(SEQUENCE)
        first, *_ = value.children()[0].children()
        parts = first.children()
        if kind.content == _SIGNING_CERTIFICATE:
            # RFC 2634 knows SHA-1 alone; the token's own digest is SHA-2.
            expected = hashlib.sha1(der, usedforsecurity=False).digest()
        else:
            name = parts.pop(0).children()[0].content if parts[0].tag == SEQUENCE else _SHA2 + b"\1"
            expected = hashlib.new(_HASHES[name.removeprefix(_SHA2)], der).digest()
        if parts[0].tag != OCTETS or parts[0].content != expected:
            raise ValueError("the signer refers to another certificate")
        references += 1
    if not references:
        raise ValueError("the signer does not refer to its certificate")


def _refuse_critical(info: Node) -> None:
    """Refuse extensions that the authority marks as critical: none is interpreted here."""
    _, content = info.expect(OID, CONTEXT)
    (octets,) = content.expect(OCTETS)
    for part in read_der(octets.content, SEQUENCE).children():
        if part.tag == CONTEXT + 1 and any(c.tag == BOOLEAN for e in part.children() for c in e.children()):
            raise ValueError("a critical extension")
