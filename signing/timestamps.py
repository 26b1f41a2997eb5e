"""RFC 3161 timestamps: an authority that the trust store lists proves that a signature existed at a time.

The timestamp is over the signature's bytes. The authority's certificate must lead to the listed one, be issued for
timestamps alone (RFC 3161, 2.3), and be valid at the stated time; all of this is verified offline.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from signing.cms import FOREIGN, GRANTED, load_certificate, refuse_unsigned_parts
from signing.der import SEQUENCE, read_der, write_der
from signing.errors import Reason, SigningError
from signing.times import CLOCK_SKEW, MAX_TOKEN, later, write_time
from signing.trust import TrustStore
from signing.trust_entries import Role


def write_query(signature: bytes) -> bytes:
    """Return the request (TimeStampReq, DER) that asks an authority to stamp a signature."""
    builder = TimestampRequestBuilder().data(signature).hash_algorithm(HashAlgorithm.SHA256)
    return builder.nonce(nonce=True).cert_request(cert_request=True).build().as_bytes()


def read_response(response: bytes, signature: bytes, where: str) -> tuple[bytes, datetime]:
    """Return an authority's response without its unsigned texts, and the time that it states.

    A response that was not granted or is over another signature is refused. Its signer is not verified.
    """
    try:
        status, token = read_der(response, SEQUENCE).expect(SEQUENCE, SEQUENCE)
        granted = status.children()[:1] == read_der(GRANTED, SEQUENCE).children()
    except ValueError as e:
        raise _bad(where, "not a timestamp response that was granted") from e
    if not granted:
        raise _bad(where, "the authority did not grant the request")
    bare = write_der(SEQUENCE, GRANTED + token.raw)
    stamp = _decode(bare, where)
    if stamp.tst_info.message_imprint.message != hashlib.sha256(signature).digest():
        raise _bad(where, "not over this signature")
    return bare, _latest(stamp)


def proven_time(tokens: tuple[bytes, ...], signature: bytes, *, trust: TrustStore, where: str) -> datetime | None:
    """Return the earliest time by which the signature is proven to have existed, or None where there is no token.

    A file with a token that no listed authority made for this signature is refused, whatever its other tokens.
    """
    return min((_time_of(token, signature, trust, where) for token in tokens), default=None)


def _time_of(token: bytes, signature: bytes, trust: TrustStore, where: str) -> datetime:
    """Return the time of one token; it is refused if any listed authority whose key verifies it is compromised."""
    stamp = _decode(token, where)
    time = _latest(stamp)
    if time > later(trust.at, CLOCK_SKEW):
        raise _bad(where, f"made at {write_time(time)}, after {write_time(trust.at)}, as of which this is judged")
    makers, faults = [], []
    for authority in (e for e in trust.root.entries if e.role is Role.TIMESTAMP):
        certificate = load_certificate(authority.material.encode("ascii"))
        verifier = VerifierBuilder().add_root_certificate(certificate).build()
        try:
            verifier.verify_message(stamp, signature)
        except (VerificationError, *FOREIGN) as e:
            faults.append(f"{authority.principal!r}: {e}")
        else:
            makers.append(authority)
    if not makers:
        details = "; ".join(faults) or "the trust store lists no timestamp authority"
        raise SigningError(
            Reason.BAD_TIMESTAMP,
            f"{where}: no listed authority made this timestamp for this signature ({details})",
            hint="`trust add --role timestamp --cert CA.pem` lists an authority; `report timestamp --drop` takes "
            "the timestamps out",
        )
    for authority in makers:
        if authority.revoked is not None and (authority.revoked.compromised or time >= authority.revoked.at):
            revoked = f"timestamp authority {authority.principal!r} was revoked at {write_time(authority.revoked.at)}"
            raise SigningError(Reason.REVOKED, f"{where}: {revoked}")
    if not any(authority.start <= time < authority.until for authority in makers):
        raise _bad(where, f"{makers[0].principal!r} is not listed for {write_time(time)}")
    return time


def _decode(token: bytes, where: str) -> TimeStampResponse:
    """Parse a TimeStampResp, its time included: the library parses some fields on demand."""
    if len(token) > MAX_TOKEN:
        raise SigningError(Reason.TOO_LARGE, f"{where}: a timestamp of {len(token):,} bytes, at most {MAX_TOKEN:,}")
    try:
        refuse_unsigned_parts(token)
        stamp = decode_timestamp_response(token)
        _latest(stamp)
    except FOREIGN as e:
        raise _bad(where, "not a timestamp response in DER form") from e
    return stamp


def _latest(stamp: TimeStampResponse) -> datetime:
    """Return the latest second at which the timestamp can have been made: its time plus its accuracy, rounded up."""
    info = stamp.tst_info
    slack = timedelta(0)
    if accuracy := info.accuracy:
        slack = timedelta(
            seconds=accuracy.seconds or 0, milliseconds=accuracy.millis or 0, microseconds=accuracy.micros or 0
        )
    time = info.gen_time.astimezone(UTC) + slack
    return time.replace(microsecond=0) + timedelta(seconds=bool(time.microsecond))


def _bad(where: str, what: str) -> SigningError:
    return SigningError(Reason.BAD_TIMESTAMP, f"{where}: timestamp: {what}")
