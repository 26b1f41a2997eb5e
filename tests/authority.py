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

    def __init__(self, folder: Path, *, usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING) -> None:
        folder.mkdir()
        self._folder = folder
        root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.ca = folder / "ca.pem"
        top = _certificate("test root", root, "test root", root, [(x509.BasicConstraints(True, None), True)])
        self.ca.write_bytes(top.public_bytes(Encoding.PEM))
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(False, None), True),
            (x509.ExtendedKeyUsage([usage]), True),
        ]
        leaf = _certificate("test authority", own, "test root", root, extensions)
        (folder / "tsa.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        key = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "tsa.key").write_bytes(key)
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "serial").write_text("01")

    def stamp(self, query: bytes) -> bytes:
        """Return the answer to a query, made now."""
        (self._folder / "q.tsq").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr"]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True, env={**os.environ, "TZ": "UTC"})
        return (self._folder / "r.tsr").read_bytes()

    def verifies(self, token: bytes, signature: bytes) -> bool:
        """Say whether openssl takes a token for a signature."""
        (self._folder / "r.tsr").write_bytes(token)
        (self._folder / "sig").write_bytes(signature)
        command = ["openssl", "ts", "-verify", "-data", "sig", "-in", "r.tsr", "-CAfile", "ca.pem"]
        return subprocess.run(command, cwd=self._folder, capture_output=True).returncode == 0


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    above, own = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (issuer, subject))
    start, end = NOW - 20 * YEAR, NOW + 20 * YEAR
    builder = x509.CertificateBuilder(above, own, key.public_key(), x509.random_serial_number(), start, end)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, SHA256())
