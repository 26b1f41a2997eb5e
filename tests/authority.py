"""A timestamp authority for tests: openssl ts, with a root, a certificate for timestamps alone, and any clock."""

import os
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.conftest import NOW, YEAR

CONFIGURATION = """
[tsa]
default_tsa = it
[it]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Authority:
    """Makes tokens; `ca` is the certificate that a trust store lists."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._root, self._own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self._serial = x509.random_serial_number()
        self.ca = folder / "ca.pem"
        root = _builder("test root", self._root, x509.random_serial_number())
        top = root.add_extension(x509.BasicConstraints(True, None), True).sign(self._root, SHA256())
        self.ca.write_bytes(top.public_bytes(Encoding.PEM))
        leaf = x509.load_der_x509_certificate(self.certificate([ExtendedKeyUsageOID.TIME_STAMPING], critical=True))
        (folder / "tsa.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        key = self._own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "tsa.key").write_bytes(key)
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "serial").write_text("01")

    def certificate(self, usages: list[x509.ObjectIdentifier], *, critical: bool) -> bytes:
        """Return the authority's own certificate for these purposes, in DER."""
        builder = _builder("test authority", self._own, self._serial)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical)
        return builder.sign(self._root, SHA256()).public_bytes(Encoding.DER)

    def sign(self, data: bytes) -> bytes:
        """Return the authority's own signature, as it stands in tokens."""
        return self._own.sign(data, ec.ECDSA(SHA256()))

    def stamp(self, query: bytes) -> bytes:
        """Return the answer to a query, made now."""
        (self.folder / "q.tsq").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, env={**os.environ, "TZ": "UTC"})
        return (self.folder / "r.tsr").read_bytes()

    def verifies(self, token: bytes, signature: bytes) -> bool:
        """Say whether openssl takes a token for a signature."""
        (self.folder / "r.tsr").write_bytes(token)
        (self.folder / "sig").write_bytes(signature)
        command = ["openssl", "ts", "-verify", "-data", "sig", "-in", "r.tsr", "-CAfile", "ca.pem"]
        return subprocess.run(command, cwd=self.folder, capture_output=True).returncode == 0


def _builder(subject: str, key: ec.EllipticCurvePrivateKey, serial: int) -> x509.CertificateBuilder:
    issuer, own = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("test root", subject))
    return x509.CertificateBuilder(issuer, own, key.public_key(), serial, NOW - 20 * YEAR, NOW + 20 * YEAR)
