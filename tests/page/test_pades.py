"""The signature of a PDF by a certificate, as readers of PDF check it."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader

from fusiondiff_audit.page.language import Language
from fusiondiff_audit.page.pades import sign_document
from fusiondiff_audit.page.pdf import Paper, render_pdf
from reports.verdict.issue import REPORT
from signing import Algorithm, PrivateKey, Reason, SigningError
from tests.reports.verdict.made import report

SIGNED = b'{"a": "signed file"}'
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@pytest.fixture(scope="module")
def document() -> bytes:
    small = report(PrivateKey.generate(Algorithm.ED25519).public, 2)
    return render_pdf(small, SIGNED, {}, language=Language.ENGLISH, paper=Paper.A4)


def certificate(key: Key) -> x509.Certificate:
    """Return a certificate that a laboratory made for itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "J. Doe, Laboratory for Ceramics")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(30))
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.add_extension(usage, critical=True).sign(key, digest)


def checked(signed: bytes, root: x509.Certificate) -> PdfSignatureStatus:
    trusted = ValidationContext(trust_roots=[Certificate.load(root.public_bytes(Encoding.DER))])
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    return validate_pdf_signature(signature, trusted)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()])
def test_a_signed_document_is_valid_and_keeps_its_attachment(document: bytes, key: Key) -> None:
    root = certificate(key)
    signed = sign_document(document, PrivateKey.of(key, "key"), root.public_bytes(Encoding.PEM), "chain.pem")
    status = checked(signed, root)
    assert status.bottom_line
    assert status.docmdp_ok
    assert status.modification_level is ModificationLevel.NONE
    assert PdfReader(io.BytesIO(signed)).attachments == {REPORT: [SIGNED]}


def test_a_changed_byte_breaks_it(document: bytes) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    root = certificate(key)
    signed = sign_document(document, PrivateKey.of(key, "key"), root.public_bytes(Encoding.PEM), "chain.pem")
    place = signed.index(b"/Title")
    altered = signed[: place - 1] + bytes([signed[place - 1] ^ 1]) + signed[place:]
    assert not checked(altered, root).intact


def test_a_certificate_of_another_key_and_no_certificate_are_refused(document: bytes) -> None:
    other = certificate(ec.generate_private_key(ec.SECP256R1())).public_bytes(Encoding.PEM)
    key = PrivateKey.generate(Algorithm.P256)
    for chain, reason in ((other, Reason.BAD_REQUEST), (b"no PEM", Reason.MALFORMED)):
        with pytest.raises(SigningError) as refused:
            sign_document(document, key, chain, "chain.pem")
        assert refused.value.reason is reason
