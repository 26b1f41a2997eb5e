"""Tools that others wrote accept what we sign, and refuse every changed byte of it."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]

import signing
from tests.authority import Authority
from tests.conftest import OUTSIDE, sign

pytestmark = pytest.mark.outside
DOCS = Path(__file__).parents[2] / "docs" / "verify-elsewhere.md"
REPORT = Path(__file__).parents[1] / "vectors" / "reports" / "v1"
ALGORITHMS = {"device": "ed25519", "p256": "p256"}


@pytest.fixture(params=ALGORITHMS)
def signed(request: pytest.FixtureRequest, tmp_path: Path, keys: dict[str, signing.PrivateKey]) -> tuple[Path, Path]:
    """Return a signed folder's manifest and the signer's public key, for each algorithm."""
    folder = tmp_path / "batch"
    folder.mkdir()
    (folder / "tile 1 (µm).tif").write_bytes(b"alpha")
    sign(folder, keys[request.param])
    return folder / signing.MANIFEST_NAME, signing.write_key(keys[request.param], tmp_path / "k.pem", passphrase=None)


def tampered(bundle: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the bundle with each byte of payload, payload type and signature changed once."""
    envelope = bundle["dsseEnvelope"]
    payload, sig = base64.b64decode(envelope["payload"]), base64.b64decode(envelope["signatures"][0]["sig"])
    for changed in changes(payload):
        yield bundle | {"dsseEnvelope": envelope | {"payload": base64.b64encode(changed).decode()}}
    for changed in changes(envelope["payloadType"].encode()):
        yield bundle | {"dsseEnvelope": envelope | {"payloadType": changed.decode()}}
    for changed in changes(sig):
        first = envelope["signatures"][0] | {"sig": base64.b64encode(changed).decode()}
        yield bundle | {"dsseEnvelope": envelope | {"signatures": [first]}}


def changes(data: bytes) -> Iterator[bytes]:
    return (data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in range(len(data)))


def expected_count(bundle: dict[str, Any]) -> int:
    envelope = bundle["dsseEnvelope"]
    encoded = (envelope["payload"], envelope["signatures"][0]["sig"])
    return sum(len(base64.b64decode(text)) for text in encoded) + len(envelope["payloadType"])


def test_openssl(signed: tuple[Path, Path], tmp_path: Path) -> None:
    manifest, public = signed
    bundle = json.loads(manifest.read_bytes())
    assert openssl_accepts(bundle, public, tmp_path)
    verdicts = [openssl_accepts(variant, public, tmp_path) for variant in tampered(bundle)]
    assert (len(verdicts), sum(verdicts)) == (expected_count(bundle), 0)


def openssl_accepts(bundle: dict[str, Any], public: Path, folder: Path) -> bool:
    envelope = bundle["dsseEnvelope"]
    kind, body = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    pae, sig = folder / "pae", folder / "sig"
    pae.write_bytes(b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(body)).encode(), body]))
    sig.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = f"pkeyutl -verify -pubin -inkey {public} -rawin -in {pae} -sigfile {sig}"
    if is_p256(public):
        command = f"dgst -sha256 -verify {public} -signature {sig} {pae}"
    return subprocess.run(["openssl", *command.split()], capture_output=True).returncode == 0


def is_p256(public: Path) -> bool:
    return signing.load_public_key(public).algorithm is signing.Algorithm.P256


def test_securesystemslib(signed: tuple[Path, Path]) -> None:
    manifest, public = signed
    bundle = json.loads(manifest.read_bytes())
    keyid = bundle["verificationMaterial"]["publicKey"]["hint"]
    key = SSlibKey.from_crypto(load_pem_public_key(public.read_bytes()), keyid=keyid)
    read_envelope(bundle).verify([key], 1)
    refused = 0
    for variant in tampered(bundle):
        with pytest.raises(VerificationError):
            read_envelope(variant).verify([key], 1)
        refused += 1
    assert refused == expected_count(bundle)


def read_envelope(bundle: dict[str, Any]) -> Envelope:
    return Envelope.from_dict(json.loads(json.dumps(bundle["dsseEnvelope"])))  # it changes what it is given


def test_sigstore_verify(signed: tuple[Path, Path], tmp_path: Path) -> None:
    manifest, public = signed
    bundle = json.loads(manifest.read_bytes())
    paths = [manifest]
    for i, variant in enumerate(tampered(bundle)):
        paths.append(tmp_path / f"{i}.json")
        paths[-1].write_text(json.dumps(variant))
    lines = "".join(f"{path}\t{public}\n" for path in paths)
    command = ["node", "verify.mjs"]
    done = subprocess.run(command, cwd=OUTSIDE, input=lines, capture_output=True, text=True, check=True)
    first, *others = done.stdout.splitlines()
    assert first == f"good {hashlib.sha256(read_envelope(bundle).pae()).hexdigest()}"
    assert (len(others), {line.split()[0] for line in others}) == (expected_count(bundle), {"bad"})


def test_a_timestamped_batch_is_accepted_by_other_verifiers(signed: tuple[Path, Path], tmp_path: Path) -> None:
    manifest, public = signed
    (tmp_path / "r.tsr").write_bytes(Authority(tmp_path / "tsa").stamp(signing.stamp_query(manifest)))
    signing.attach_token(manifest, tmp_path / "r.tsr")
    bundle = json.loads(manifest.read_bytes())
    assert openssl_accepts(bundle, public, tmp_path)
    key = SSlibKey.from_crypto(
        load_pem_public_key(public.read_bytes()), keyid=bundle["verificationMaterial"]["publicKey"]["hint"]
    )
    read_envelope(bundle).verify([key], 1)
    command = ["node", "verify.mjs"]
    chain = tmp_path / "chain.pem"
    chain.write_bytes((tmp_path / "tsa" / "tsa.pem").read_bytes() + (tmp_path / "tsa" / "ca.pem").read_bytes())
    line = f"{manifest}\t{public}\t{chain}\n"
    done = subprocess.run(command, cwd=OUTSIDE, input=line, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("good "), done.stdout


def test_the_documented_shell_commands(signed: tuple[Path, Path], tmp_path: Path) -> None:
    manifest, public = signed
    (manifest.parent / "body").write_bytes(b"a file by the name of one that the commands write")
    (manifest.parent / "-").write_bytes(b"a file by the name of standard input")
    key = signing.load_key(tmp_path / "k.pem", passphrase=bytes)
    sign(manifest.parent, key, force=True)
    verify, check, _, stamped, *_ = blocks("sh")
    kind = "dgst" if is_p256(public) else "pkeyutl"
    lines = [line for line in verify.splitlines() if not line.startswith("openssl") or kind in line]
    script = "set -e\nB=$1 K=$2 CA=$3\n" + "\n".join(lines) + "\n" + check
    before = {p: p.read_bytes() for p in manifest.parent.iterdir()}

    def run(text: str) -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", text, "sh", str(manifest), str(public), str(tmp_path / "tsa" / "ca.pem")]
        return subprocess.run(command, cwd=manifest.parent, capture_output=True, text=True)

    done = run(script)
    assert done.returncode == 0, done.stderr
    assert ("Verified OK" if kind == "dgst" else "Signature Verified Successfully") in done.stdout
    for name in ("tile 1 (µm).tif", "body", "-"):
        assert f"./{name}: OK" in done.stdout
    assert {p: p.read_bytes() for p in manifest.parent.iterdir()} == before
    authority = Authority(tmp_path / "tsa")
    (tmp_path / "r.tsr").write_bytes(authority.stamp(signing.stamp_query(manifest)))
    signing.attach_token(manifest, tmp_path / "r.tsr")
    assert "Verification: OK" in run(script + stamped).stdout + run(script + stamped).stderr
    (manifest.parent / "-").write_bytes(b"changed")
    assert run(script).returncode == 1
    bundle = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps(next(tampered(bundle))))
    assert run(script).returncode == 1


def test_the_documented_shell_commands_for_a_report(tmp_path: Path) -> None:
    verify, _, verdicts, *_ = blocks("sh")
    script = "set -e\nB=$1 IMAGES=$2\n" + "".join(
        f"{command_line}\n" for command_line in verify.splitlines() if "openssl" not in command_line
    )
    pictures = tmp_path / "pictures"
    shutil.copytree(REPORT / "batch", pictures)

    def run() -> subprocess.CompletedProcess[str]:
        command = ["sh", "-c", script + verdicts, "sh", str(REPORT / "report.sigstore.json"), str(pictures)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    done = run()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert {"AUTHENTIC  tile-00.tif", "COUNTERFEIT  tile-01.tif", "REFUSED  tile-11.tif"} <= set(lines)
    assert [line for line in lines if line.endswith(": OK")] == [f"./tile-{n:02d}.tif: OK" for n in range(10)]
    (pictures / "tile-03.tif").write_bytes(b"changed")
    assert run().returncode == 1


def test_the_documented_python_program(signed: tuple[Path, Path], tmp_path: Path) -> None:
    manifest, public = signed
    (program,) = blocks("python")
    command = [sys.executable, "-c", program, str(manifest), str(public)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "good\n"
    manifest.write_text(json.dumps(next(tampered(json.loads(manifest.read_bytes())))))
    assert "VerificationError" in subprocess.run(command, capture_output=True, text=True).stderr


def blocks(language: str) -> list[str]:
    code: list[str] = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    return code
