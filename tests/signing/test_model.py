"""OpenSSF Model Signing: the published vectors, the reference implementation, and every change to a folder."""

import base64
import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import signing
from signing.errors import Reason, SigningError
from signing.model_manifest import MAX_PAYLOAD, ModelManifest, root_digest, write_manifest
from signing.sigstore_bundle import SigstoreBundle, sign_payload
from tests.attacker import MASKS, deletions, flips, mutant
from tests.conftest import NOW, entry, make_trust

Keys = dict[str, signing.PrivateKey]
FILES = {"bundle.json": b"{}", "a-b.bin": b"1", "a/b.bin": b"2", "weights.safetensors": bytes(5000)}


@pytest.fixture
def model(tmp_path: Path, keys: Keys) -> Path:
    """Return a signed model folder."""
    folder = tmp_path / "model"
    write(folder)
    signing.sign_model(folder, key=keys["model"])
    return folder


def write(folder: Path) -> None:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def outcomes(path: Path, trust: signing.TrustStore, signature: Path | None = None) -> dict[str, Reason | None]:
    """Return the reason of each file's refusal; None is genuine."""
    found = signing.open_model(path, trust=trust, signature=signature).check(threads=2)
    return {f.name: f.reason if isinstance(f, signing.RefusedFile) else None for f in found}


def refuse(act: Callable[[], object], *reasons: Reason) -> None:
    with pytest.raises(SigningError) as caught:
        act()
    assert not reasons or caught.value.reason in reasons, caught.value


# --- ours -------------------------------------------------------------------------------------------------------------


def test_an_unchanged_model_verifies(model: Path, trust: signing.TrustStore) -> None:
    opened = signing.open_model(model, trust=trust)
    assert outcomes(model, trust) == dict.fromkeys(FILES)
    assert [r.name for r in opened.manifest.resources] == sorted(FILES)  # code points: a-b before a/b
    assert (opened.signer.principal, opened.signer.time) == ("model-1", None)
    assert signing.read_model_claims(model)[1] == opened.manifest


DAMAGE: dict[str, tuple[Callable[[Path], object], str, Reason]] = {
    "a bit": (lambda m: (m / "a-b.bin").write_bytes(b"0"), "a-b.bin", Reason.DIGEST_MISMATCH),
    "gone": (lambda m: (m / "a-b.bin").unlink(), "a-b.bin", Reason.MISSING_FILE),
    "one more": (lambda m: (m / "a/more").touch(), "a/more", Reason.EXTRA_FILE),
    "pickle": (lambda m: (m / "pytorch_model.bin").touch(), "pytorch_model.bin", Reason.EXTRA_FILE),
    "a link": (lambda m: (m / "l").symlink_to("bundle.json"), "l", Reason.EXTRA_FILE),
    "git inside": (lambda m: shutil.copytree(m / "a", m / "a/.git"), "a/.git/b.bin", Reason.EXTRA_FILE),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_changed_folder_is_refused(model: Path, trust: signing.TrustStore, case: str) -> None:
    change, name, reason = DAMAGE[case]
    change(model)
    assert outcomes(model, trust) == dict.fromkeys(FILES) | {name: reason}


def test_files_left_unsigned_by_default_are_never_listed(model: Path, trust: signing.TrustStore) -> None:
    (model / ".github").mkdir()
    (model / ".github/evil.py").touch()
    opened = signing.open_model(model, trust=trust)
    assert dict.fromkeys(FILES) == outcomes(model, trust)
    assert not [r for r in opened.manifest.resources if "evil" in r.name]


def test_a_folder_with_files_that_would_stay_unsigned_is_not_signed(tmp_path: Path, keys: Keys) -> None:
    write(tmp_path / "m")
    (tmp_path / "m/.gitignore").touch()
    refuse(lambda: signing.sign_model(tmp_path / "m", key=keys["model"]), Reason.EXTRA_FILE)


def test_only_p256_signs_models(tmp_path: Path, keys: Keys) -> None:
    write(tmp_path / "m")
    refuse(lambda: signing.sign_model(tmp_path / "m", key=keys["device"]), Reason.UNSUPPORTED)


def test_a_device_key_cannot_sign_a_model(model: Path, keys: Keys) -> None:
    store = make_trust(keys["root"], (entry(keys["model"], signing.Role.DEVICE, "x"),))
    refuse(lambda: signing.open_model(model, trust=store), Reason.WRONG_ROLE)


def payload_of(model: Path) -> dict[str, Any]:
    data = (model / "model.sig").read_bytes()
    bundle = SigstoreBundle.from_bytes(data, "test", payload_limit=MAX_PAYLOAD, foreign=True)
    payload: dict[str, Any] = json.loads(bundle.envelope.payload)
    return payload


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], Reason]] = {
    "a wider ignore": (lambda p: p["predicate"]["serialization"]["ignore_paths"].append("more"), Reason.UNSUPPORTED),
    "links allowed": (lambda p: p["predicate"]["serialization"].update(allow_symlinks=True), Reason.UNSUPPORTED),
    "shards": (lambda p: p["predicate"]["serialization"].update(method="shards"), Reason.UNSUPPORTED),
    "another digest": (lambda p: p["predicate"]["serialization"].update(hash_type="blake2b"), Reason.UNSUPPORTED),
    "another order": (lambda p: p["predicate"]["resources"].reverse(), Reason.DIGEST_MISMATCH),
    "a file twice": (lambda p: p["predicate"]["resources"].append(p["predicate"]["resources"][0]), Reason.UNSAFE_NAME),
    "a way out": (lambda p: p["predicate"]["resources"][0].update(name="../x"), Reason.UNSAFE_NAME),
    "two subjects": (lambda p: p["subject"].append(p["subject"][0]), Reason.TOO_LARGE),
    "another predicate": (lambda p: p.update(predicateType="https://example.com/v1"), Reason.UNSUPPORTED),
    "a new field": (lambda p: p["predicate"].update(more=1), Reason.MALFORMED),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_signed_payload_that_breaks_the_format_is_refused(
    model: Path, trust: signing.TrustStore, keys: Keys, case: str
) -> None:
    payload = payload_of(model)
    change, reason = CHANGES[case]
    change(payload)
    (model / "model.sig").write_bytes(sign_payload(json.dumps(payload).encode(), keys["model"]))
    refuse(lambda: signing.open_model(model, trust=trust), reason)


@pytest.mark.parametrize("name", ["weights.bin", "."])
def test_a_model_of_one_file_by_either_name(tmp_path: Path, trust: signing.TrustStore, keys: Keys, name: str) -> None:
    path, signature = tmp_path / "weights.bin", tmp_path / "weights.sig"
    path.write_bytes(b"weights")
    resource = signing.Resource(name, hashlib.sha256(b"weights").hexdigest())
    manifest = ModelManifest("weights.bin", root_digest((resource,)), (resource,), frozenset())
    signature.write_bytes(sign_payload(write_manifest(manifest), keys["model"]))
    assert outcomes(path, trust, signature) == {name: None}
    path.write_bytes(b"WEIGHTS")
    assert outcomes(path, trust, signature) == {"weights.bin": Reason.DIGEST_MISMATCH}
    path.rename(tmp_path / "other.bin")
    if name != ".":
        refuse(lambda: outcomes(tmp_path / "other.bin", trust, signature), Reason.MALFORMED)
    refuse(lambda: outcomes(tmp_path / "other.bin", trust), Reason.NO_SIGNATURE)


@pytest.mark.parametrize("masks", [MASKS[:1], pytest.param(MASKS[1:], marks=pytest.mark.slow)])
def test_every_flipped_byte_of_a_signature_is_refused(
    model: Path, trust: signing.TrustStore, masks: tuple[int, ...]
) -> None:
    for changed in flips((model / "model.sig").read_bytes(), masks):
        (model / "model.sig").write_bytes(changed)
        refuse(lambda: signing.open_model(model, trust=trust))


def test_every_deleted_field_is_refused(model: Path, trust: signing.TrustStore, keys: Keys) -> None:
    data = (model / "model.sig").read_bytes()
    bundle, manifest = json.loads(data), signing.open_model(model, trust=trust).manifest
    variants = list(deletions(bundle))
    assert len(variants) == 12
    for variant in variants:
        (model / "model.sig").write_text(json.dumps(variant))
        refuse(lambda: signing.open_model(model, trust=trust))
    for variant in deletions(payload_of_bytes(data)):
        (model / "model.sig").write_bytes(sign_payload(json.dumps(variant).encode(), keys["model"]))
        try:
            found = signing.open_model(model, trust=trust).manifest
        except SigningError:
            continue
        assert (found.resources, found.digest) == (manifest.resources, manifest.digest)
        assert found.ignored < manifest.ignored  # fewer paths may stay unsigned, never more


def test_empty_fields_may_be_left_out_of_foreign_bundles(model: Path, trust: signing.TrustStore) -> None:
    """Writers of protobuf JSON omit empty lists and texts; a null or empty key id means the hint, as well."""
    bundle = json.loads((model / "model.sig").read_bytes())
    manifest = signing.open_model(model, trust=trust).manifest
    for keyid in (None, ""):
        bundle["dsseEnvelope"]["signatures"][0]["keyid"] = keyid
        (model / "model.sig").write_text(json.dumps(bundle))
        assert signing.open_model(model, trust=trust).manifest == manifest
    del bundle["dsseEnvelope"]["signatures"][0]["keyid"]
    del bundle["verificationMaterial"]["tlogEntries"]
    (model / "model.sig").write_text(json.dumps(bundle))
    assert signing.open_model(model, trust=trust).manifest == manifest


def payload_of_bytes(data: bytes) -> Any:
    return json.loads(base64.b64decode(json.loads(data)["dsseEnvelope"]["payload"]))


@pytest.mark.parametrize("count", [2_000, pytest.param(20_000, marks=pytest.mark.soak)])
def test_mutants_raise_signing_errors_only(model: Path, trust: signing.TrustStore, count: int) -> None:
    data, rng = (model / "model.sig").read_bytes(), random.Random(4)
    payload = json.dumps(payload_of_bytes(data)).encode()
    refused = 0
    for i in range(count):
        try:
            if i % 2:
                ModelManifest.from_payload(mutant(payload, rng), "test")
            else:
                (model / "model.sig").write_bytes(mutant(data, rng))
                signing.open_model(model, trust=trust)
        except SigningError as e:
            assert str(e).isprintable()
            refused += 1
    assert refused > count // 2


# --- the published vectors --------------------------------------------------------------------------------------------

IN_SCOPE = {"valid/key.bundle.json", "valid/certificate.bundle.json", "invalid-payload/wrong-predicate.bundle.json"}
REFUSED = {
    "invalid/empty.bundle.json": Reason.MALFORMED,
    "invalid/missing-envelope.bundle.json": Reason.MALFORMED,
    "invalid/missing-tlog-entries.bundle.json": Reason.UNSUPPORTED,  # it is keyless: refused for that already
    "invalid/missing-verification-material.bundle.json": Reason.MALFORMED,
}
OUT_OF_SCOPE = {"valid/sigstore.bundle.json"}  # keyless: a certificate of the web and a public log


def vector_folder(vectors: Path) -> Path:
    return vectors / "oms" / "test-vectors" / "v1.0"


@pytest.mark.vectors
def test_the_vectors_are_all_named(vectors: Path) -> None:
    folder = vector_folder(vectors)
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names == IN_SCOPE | set(REFUSED) | OUT_OF_SCOPE
    assert len(names) == 8


@pytest.mark.vectors
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_invalid_vectors_are_refused(vectors: Path, name: str) -> None:
    data = (vector_folder(vectors) / name).read_bytes()
    with pytest.raises(SigningError) as caught:
        SigstoreBundle.from_bytes(data, name, payload_limit=MAX_PAYLOAD, foreign=True)
    assert caught.value.reason is REFUSED[name]


@pytest.mark.vectors
@pytest.mark.parametrize("name", sorted(OUT_OF_SCOPE | {"valid/certificate.bundle.json"}))
def test_bundles_with_certificates_are_unsupported(vectors: Path, name: str) -> None:
    data = (vector_folder(vectors) / name).read_bytes()
    with pytest.raises(SigningError, match="signed with a certificate") as caught:
        SigstoreBundle.from_bytes(data, name, payload_limit=MAX_PAYLOAD, foreign=True)
    assert caught.value.reason is Reason.UNSUPPORTED


def leaf_key(vectors: Path) -> signing.PublicKey:
    """Return the key of the certificate vector, which signed the key vector too."""
    bundle = json.loads((vector_folder(vectors) / "valid/certificate.bundle.json").read_bytes())
    chain = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
    certificate = x509.load_der_x509_certificate(base64.b64decode(chain[0]["rawBytes"]))
    return signing.PublicKey.of(certificate.public_key(), "vector")


@pytest.mark.vectors
@pytest.mark.parametrize("name", ["valid/key.bundle.json", "valid/certificate.bundle.json"])
def test_valid_vectors_verify(vectors: Path, name: str) -> None:
    """Signature and root digest are right; their signer ignores a path of its own, which our policy refuses."""
    key = leaf_key(vectors)
    bundle = json.loads((vector_folder(vectors) / name).read_bytes())
    bundle["verificationMaterial"] = {"publicKey": {"hint": key.keyid}, "tlogEntries": []}
    read = SigstoreBundle.from_bytes(json.dumps(bundle).encode(), name, payload_limit=MAX_PAYLOAD, foreign=True)
    key.verify(read.signature, read.envelope.message(), name)
    manifest = ModelManifest.from_payload(read.envelope.payload, name)
    assert [r.name for r in manifest.resources] == ["signme-1", "signme-2"]
    assert "ignore-me" in manifest.ignored
    assert key.algorithm is signing.Algorithm.P384


@pytest.mark.vectors
def test_a_path_that_a_vector_ignores_is_refused_by_policy(vectors: Path, tmp_path: Path, keys: Keys) -> None:
    key = leaf_key(vectors)
    listed = signing.TrustEntry(key.keyid, signing.Role.MODEL, "vector", key.pem, NOW, NOW.replace(year=2030))
    signature = tmp_path / "model.sig"
    bundle = json.loads((vector_folder(vectors) / "valid/key.bundle.json").read_bytes())
    bundle["verificationMaterial"]["publicKey"]["hint"] = key.keyid  # the vector's own is of another PEM text
    signature.write_text(json.dumps(bundle))
    with pytest.raises(SigningError, match="leaves 'ignore-me' unsigned"):
        signing.open_model(tmp_path, trust=make_trust(keys["root"], (listed,)))


@pytest.mark.vectors
def test_another_predicate_is_unsupported(vectors: Path) -> None:
    data = (vector_folder(vectors) / "invalid-payload/wrong-predicate.bundle.json").read_bytes()
    bundle = SigstoreBundle.from_bytes(data, "vector", payload_limit=MAX_PAYLOAD, foreign=True)
    refuse(lambda: ModelManifest.from_payload(bundle.envelope.payload, "vector"), Reason.UNSUPPORTED)
    refuse(lambda: leaf_key(vectors).verify(bundle.signature, bundle.envelope.message(), "v"), Reason.BAD_SIGNATURE)


# --- the reference implementation -------------------------------------------------------------------------------------


def reference(*words: object) -> bool:
    """Say whether model_signing accepts a model."""
    code = "from model_signing._cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def reference_verifies(model: Path, public: Path) -> bool:
    signature = model / "model.sig"
    return reference("verify", "key", model, "--signature", signature, "--public_key", public)


@pytest.mark.outside
def test_the_reference_implementation_accepts_and_refuses_the_same_models(
    model: Path, trust: signing.TrustStore, keys: Keys, tmp_path: Path
) -> None:
    public = signing.write_key(keys["model"], tmp_path / "k.pem", passphrase=None)
    assert reference_verifies(model, public)
    for name in ("a bit", "gone", "one more", "git inside"):
        copy = tmp_path / name
        shutil.copytree(model, copy)
        DAMAGE[name][0](copy)
        assert not reference_verifies(copy, public), name
        assert any(outcomes(copy, trust).values()), name
    (model / "a-b.bin").rename(model / "a-c.bin")
    assert not reference_verifies(model, public)
    assert outcomes(model, trust)["a-c.bin"] is Reason.EXTRA_FILE


@pytest.mark.outside
@pytest.mark.slow
def test_every_changed_byte_is_refused_by_both(tmp_path: Path, trust: signing.TrustStore, keys: Keys) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "w.bin").write_bytes(b"0123456789")
    signing.sign_model(folder, key=keys["model"])
    public = signing.write_key(keys["model"], tmp_path / "k.pem", passphrase=None)
    for i in range(10):
        data = bytearray(b"0123456789")
        data[i] ^= 1
        (folder / "w.bin").write_bytes(data)
        assert outcomes(folder, trust) == {"w.bin": Reason.DIGEST_MISMATCH}
        assert not reference_verifies(folder, public)


@pytest.mark.outside
@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda c: c.name)
def test_signatures_of_the_reference_implementation_are_accepted(
    tmp_path: Path, keys: Keys, curve: ec.EllipticCurve
) -> None:
    folder, path = tmp_path / "m", tmp_path / "k.pem"
    write(folder)
    key = ec.generate_private_key(curve)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert reference("sign", "key", folder, "--signature", folder / "model.sig", "--private_key", path)
    public = signing.PublicKey.of(key.public_key(), "test")
    listed = signing.TrustEntry(public.keyid, signing.Role.MODEL, "reference", public.pem, NOW, NOW.replace(year=2030))
    store = make_trust(keys["root"], (listed,))
    assert outcomes(folder, store) == dict.fromkeys(FILES)
    (folder / "a-b.bin").write_bytes(b"0")
    assert outcomes(folder, store)["a-b.bin"] is Reason.DIGEST_MISMATCH


@pytest.mark.parametrize("name", ["m m ", "m\x1b[31m"])
def test_a_folder_with_an_unreadable_name_is_not_signed(tmp_path: Path, keys: Keys, name: str) -> None:
    write(tmp_path / name)
    refuse(lambda: signing.sign_model(tmp_path / name, key=keys["model"]), Reason.MALFORMED)
    assert not (tmp_path / name / "model.sig").exists()


def test_unsigned_paths_are_reported(model: Path, trust: signing.TrustStore) -> None:
    (model / ".github").mkdir()
    (model / ".github/evil.py").touch()
    (model / ".gitattributes").symlink_to("/etc")
    assert signing.open_model(model, trust=trust).unsigned == (".gitattributes", ".github/evil.py")
