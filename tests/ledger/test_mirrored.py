"""An ECDSA signature (r, s) has a twin, (r, n - s), that anybody can compute: it says the same of the same bytes."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from signing import Reason, Role, SigningError
from signing.manifest import MANIFEST_NAME
from tests.authority import Authority
from tests.conftest import NOW, YEAR, entry, make_trust, sign

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def mirrored(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, P256_ORDER - s)


def mirror(path: Path) -> None:
    """Put the twin in the place of a file's signature."""
    bundle = json.loads(path.read_bytes())
    (signature,) = bundle["dsseEnvelope"]["signatures"]
    signature["sig"] = base64.b64encode(mirrored(base64.b64decode(signature["sig"]))).decode()
    path.write_text(json.dumps(bundle))


def store(keys: dict[str, signing.PrivateKey]) -> signing.TrustStore:
    listed = (
        entry(keys["p256"], Role.DEVICE, "sem-1"),
        entry(keys["auditor"], Role.AUDITOR, "auditor-1"),
        entry(keys["model"], Role.MODEL, "model-1"),
    )
    return replace(make_trust(keys["root"], listed), at=NOW)


def test_a_mirrored_batch_is_the_same_batch_and_a_replay(
    tmp_path: Path, make_batch: Callable[..., Path], keys: dict[str, signing.PrivateKey]
) -> None:
    """A signature (r, n - s) is accepted. It opens no door: replays are known by what was signed."""
    trust, folder = store(keys), make_batch()
    sign(folder, keys["p256"], force=True)
    first = signing.open_batch(folder, trust=trust)
    before = (folder / MANIFEST_NAME).read_bytes()
    mirror(folder / MANIFEST_NAME)
    twin = signing.open_batch(folder, trust=trust)
    assert (folder / MANIFEST_NAME).read_bytes() != before
    assert twin.manifest == first.manifest
    with Ledger(
        tmp_path / "ledger", key=keys["auditor"], keys=CheckpointKeys.of_auditors(trust), clock=lambda: NOW
    ) as ledger:
        ledger.admit(first, trust, run="r1")
        with pytest.raises(AuditError, match="this manifest was admitted") as caught:
            ledger.admit(twin, trust, run="r2")
    assert caught.value.reason is AuditReason.REPLAYED


@pytest.mark.outside
def test_a_mirrored_signature_invalidates_its_timestamp(
    tmp_path: Path, make_batch: Callable[..., Path], keys: dict[str, signing.PrivateKey]
) -> None:
    authority, folder, token = Authority(tmp_path / "authority"), make_batch(), tmp_path / "r.tsr"
    now = signing.now()
    sign(folder, keys["p256"], force=True, captured=now, issued=now)
    token.write_bytes(authority.stamp(signing.stamp_query(folder / MANIFEST_NAME)))
    signing.attach_token(folder / MANIFEST_NAME, token)
    window = signing.Window(now - YEAR, now + YEAR)
    listed = (
        entry(keys["p256"], Role.DEVICE, "sem-1", start=now - YEAR),
        signing.new_entry(Role.TIMESTAMP, authority.ca, principal="tsa", window=window),
    )
    trust = replace(make_trust(keys["root"], listed), at=now)
    assert signing.open_batch(folder, trust=trust).manifest
    mirror(folder / MANIFEST_NAME)
    with pytest.raises(SigningError) as caught:
        signing.open_batch(folder, trust=trust)
    assert caught.value.reason is Reason.BAD_TIMESTAMP


def test_a_mirrored_model_signature_is_of_the_same_model(tmp_path: Path, keys: dict[str, signing.PrivateKey]) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w.safetensors").write_bytes(b"weights")
    signing.sign_model(tmp_path / "model", key=keys["model"])
    digests = []
    for _ in range(2):
        digests.append(signing.open_model(tmp_path / "model", trust=store(keys)).manifest)
        mirror(tmp_path / "model" / signing.SIGNATURE_NAME)
    assert digests[0] == digests[1]


def test_the_library_itself_writes_both_kinds(keys: dict[str, signing.PrivateKey]) -> None:
    """Why the larger s is not refused: so do other tools, about every second time, and Wycheproof counts both."""
    high = sum(decode_dss_signature(keys["p256"].sign(b"m"))[1] > P256_ORDER // 2 for _ in range(64))
    assert 10 < high < 54


@pytest.mark.vectors
def test_published_signatures_are_of_both_kinds(vectors: Path) -> None:
    suite = json.loads((vectors / "wycheproof" / "ecdsa_secp256r1_sha256_test.json").read_text())
    valid = [bytes.fromhex(t["sig"]) for g in suite["testGroups"] for t in g["tests"] if t["result"] == "valid"]
    high = sum(decode_dss_signature(signature)[1] > P256_ORDER // 2 for signature in valid)
    assert (high, len(valid)) == (71, 174)
    oms = vectors / "oms" / "test-vectors" / "v1.0" / "valid" / "key.bundle.json"
    (signature,) = json.loads(oms.read_bytes())["dsseEnvelope"]["signatures"]
    assert decode_dss_signature(base64.b64decode(signature["sig"]))[1] > P256_ORDER // 2
