"""RFC 3161 timestamps over signatures: proof, by an authority that the trust store lists, of "not later than".

The authority's word is about a signature's bytes. Its certificate must lead to the listed one, be made for timestamps
alone (RFC 3161, 2.3), and be valid at the time that it states; all of this is checked offline.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import InvalidVersion, load_pem_x509_certificate
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from signing.der import CONTEXT, INTEGER, OCTETS, OID, SEQUENCE, SET, read_der, write_der
from signing.errors import Reason, SigningError
from signing.roots import Entry, Role
from signing.times import write_time
from signing.trust import TrustStore

_GRANTED = bytes.fromhex("3003020100")  # PKIStatusInfo, without a text
_SHA2 = bytes.fromhex("6086480165030402")  # 2.16.840.1.101.3.4.2: .1 to .3 are SHA-256, SHA-384 and SHA-512
_ECDSA = bytes.fromhex("2a8648ce3d0403")  # 1.2.840.10045.4.3: .2 to .4 are ecdsa-with-SHA256 and so on
_RSA = bytes.fromhex("2a864886f70d0101")  # 1.2.840.113549.1.1: .1 is rsaEncryption, .11 to .13 sha256WithRSA and so on
_ALGORITHMS = frozenset(
    (_SHA2 + bytes([digest]), algorithm)
    for digest in (1, 2, 3)
    for algorithm in (_ECDSA + bytes([digest + 1]), _RSA + bytes([digest + 10]), _RSA + b"\1")
)
# What the libraries raise on bytes that are no timestamp, and what reading an empty list of ours does.
_FOREIGN = (ValueError, TypeError, LookupError, OverflowError, InvalidVersion, UnsupportedAlgorithm)
MAX_TOKEN = 64 * 1024  # bytes; with a chain of three certificates one has about 6 KiB
MAX_TOKENS = 4


def write_query(signature: bytes) -> bytes:
    """Return the request (TimeStampReq, DER) that asks an authority to stamp a signature."""
    builder = TimestampRequestBuilder().data(signature).hash_algorithm(HashAlgorithm.SHA256)
    return builder.nonce(nonce=True).cert_request(cert_request=True).build().as_bytes()


def read_answer(answer: bytes, signature: bytes, where: str) -> tuple[bytes, datetime]:
    """Return an authority's answer without the texts that nobody signed, and the time that it states.

    It must be granted, and over this signature. Who made it is not judged here.
    """
    try:
        status, token = read_der(answer, SEQUENCE).expect(SEQUENCE, SEQUENCE)
        granted = status.children()[:1] == read_der(_GRANTED, SEQUENCE).children()
    except ValueError as e:
        raise _bad(where, "not a timestamp response that was granted") from e
    if not granted:
        raise _bad(where, "the authority did not grant it")
    bare = write_der(SEQUENCE, _GRANTED + token.raw)
    stamp = _decode(bare, where)
    if stamp.tst_info.message_imprint.message != hashlib.sha256(signature).digest():
        raise _bad(where, "it is not over this signature")
    return bare, _latest(stamp)


def prove(tokens: tuple[bytes, ...], signature: bytes, *, trust: TrustStore, where: str) -> datetime | None:
    """Return the earliest time by which the signature is proven to have existed, or None where there is no token.

    A token that no listed authority made for this signature refuses the whole: an attacker could have cut it out.
    """
    return min((_prove(token, signature, trust, where) for token in tokens), default=None)


def _prove(token: bytes, signature: bytes, trust: TrustStore, where: str) -> datetime:
    stamp = _decode(token, where)
    authorities = [e for e in trust.root.entries if e.role is Role.TIMESTAMP]
    faults = []
    for authority in authorities:
        try:
            return _by(authority, stamp, signature, where)
        except (VerificationError, *_FOREIGN) as e:
            faults.append(f"{authority.principal!r}: {e}")
    why = "; ".join(faults) or "the trust store lists no timestamp authority"
    raise SigningError(
        Reason.BAD_TIMESTAMP,
        f"{where}: no listed authority made this timestamp for this signature ({why})",
        hint="`fusiondiff-audit trust add --role timestamp --cert CA.pem` lists an authority",
    )


def _by(authority: Entry, stamp: TimeStampResponse, signature: bytes, where: str) -> datetime:
    certificate = load_pem_x509_certificate(authority.material.encode("ascii"))
    verifier = VerifierBuilder().add_root_certificate(certificate).build()
    verifier.verify_message(stamp, signature)
    time = _latest(stamp)
    who = f"{where}: timestamp authority {authority.principal!r}"
    if not authority.start <= time < authority.until:
        window = f"{write_time(authority.start)} to {write_time(authority.until)}"
        raise SigningError(Reason.BAD_TIMESTAMP, f"{who} is listed from {window}, and stamped at {write_time(time)}")
    if authority.revoked is not None and (authority.revoked.compromised or time >= authority.revoked.at):
        raise SigningError(Reason.REVOKED, f"{who} was revoked at {write_time(authority.revoked.at)}")
    return time


def _decode(token: bytes, where: str) -> TimeStampResponse:
    """Parse a TimeStampResp, and touch whatever is read later: the library parses some fields on demand."""
    if len(token) > MAX_TOKEN:
        raise SigningError(Reason.TOO_LARGE, f"{where}: a timestamp of {len(token):,} bytes, at most {MAX_TOKEN:,}")
    try:
        _refuse_unsigned_parts(token)
        stamp = decode_timestamp_response(token)
        _latest(stamp)
    except _FOREIGN as e:
        raise _bad(where, "not a timestamp response in DER form") from e
    return stamp


def _refuse_unsigned_parts(token: bytes) -> None:
    """Refuse whatever the authority's signature does not cover and no check of the library looks at (RFC 5652, 5)."""
    status, content = read_der(token, SEQUENCE).expect(SEQUENCE, SEQUENCE)
    _, wrapped = content.expect(OID, CONTEXT)
    (signed_data,) = wrapped.expect(SEQUENCE)
    version, _, _, _, signers = signed_data.expect(INTEGER, SET, SEQUENCE, CONTEXT, SET)
    (signer,) = signers.expect(SEQUENCE)
    signer_version, _, digest, _, algorithm, _ = signer.expect(INTEGER, SEQUENCE, SEQUENCE, CONTEXT, SEQUENCE, OCTETS)
    named = digest.children()[0].content, algorithm.children()[0].content
    if (
        status.raw != _GRANTED
        or version.content != b"\3"
        or signer_version.content != b"\1"
        or named not in _ALGORITHMS
    ):
        raise ValueError("another status, version or algorithm than expected")


def _latest(stamp: TimeStampResponse) -> datetime:
    """Return the second by which the stamp was made for certain: its time and its stated accuracy, rounded up."""
    info = stamp.tst_info
    slack = timedelta(0)
    if accuracy := info.accuracy:
        slack = timedelta(
            seconds=accuracy.seconds, milliseconds=accuracy.millis or 0, microseconds=accuracy.micros or 0
        )
    time = info.gen_time.astimezone(UTC) + slack
    return time.replace(microsecond=0) + timedelta(seconds=bool(time.microsecond))


def _bad(where: str, what: str) -> SigningError:
    return SigningError(Reason.BAD_TIMESTAMP, f"{where}: timestamp: {what}")
