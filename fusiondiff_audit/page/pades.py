"""Signs a PDF as PAdES baseline B-B, with the certificate of whoever answers for the document.

The report inside is signed already; this signature is for readers of PDF, which know certificates and no trust stores.
It allows no change of the document after it. Its time is a claim.
"""

import io
from collections.abc import Sequence

from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, Signer, sign_pdf
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing import Algorithm, PrivateKey, PublicKey, Reason, SigningError

_DIGESTS = {Algorithm.P256: "sha256", Algorithm.ED25519: "sha512"}  # those of RFC 5754 and RFC 8419
_FIELD = "Signature"


class KeySigner(Signer):
    """Signs by a key of this project, which pyHanko never sees."""

    def __init__(self, key: PrivateKey, certificates: Sequence[Certificate]) -> None:
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        registry.register_multiple(certificates)
        super().__init__(signing_cert=certificates[0], cert_registry=registry)
        self._key = key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        """Return the signature over the attributes of the signature."""
        return self._key.sign(data)


def sign_document(made: bytes, key: PrivateKey, chain: bytes, where: str) -> bytes:
    """Return a PDF with a signature; `chain` is PEM: the certificate of the key, then those above it."""
    certificates = _certificates(chain, where)
    leaf = x509.load_der_x509_certificate(certificates[0].dump())
    if PublicKey.of(leaf.public_key(), where).keyid != key.public.keyid:
        raise SigningError(Reason.BAD_REQUEST, f"{where}: its first certificate is of another key")
    if key.public.algorithm not in _DIGESTS:
        raise SigningError(Reason.UNSUPPORTED, f"{key.public.algorithm} keys sign no PDF; take {', '.join(_DIGESTS)}")
    described = PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm=_DIGESTS[key.public.algorithm],
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    signed = io.BytesIO()
    sign_pdf(IncrementalPdfFileWriter(io.BytesIO(made)), described, KeySigner(key, certificates), output=signed)
    return signed.getvalue()


def _certificates(chain: bytes, where: str) -> list[Certificate]:
    try:
        loaded = x509.load_pem_x509_certificates(chain)
    except ValueError as e:
        raise SigningError(Reason.MALFORMED, f"{where}: no certificates in PEM: {e}") from e
    return [Certificate.load(certificate.public_bytes(Encoding.DER)) for certificate in loaded]
