"""Keys: standard key ids, refused weak keys, protected secrets."""

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import signing
from signing.errors import Reason, SigningError

ZEROS, ONES = "00" * 30, "ff" * 30
EIGHTH = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
SMALL_ORDER = [  # the points of order 1, 2, 4, 4, 8, 8, 8 and 8 in canonical form (C2SP/CCTV, ed25519/README.md)
    f"01{ZEROS}00", f"ec{ONES}7f", f"00{ZEROS}00", f"00{ZEROS}80", EIGHTH, f"{EIGHTH[:-2]}85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]  # fmt: skip
WEAK = [
    *SMALL_ORDER, f"01{ZEROS}80", f"ec{ONES}ff", f"ed{ONES}7f", f"ed{ONES}ff", f"ee{ONES}7f", f"ee{ONES}ff",
]  # fmt: skip


@pytest.mark.parametrize("point", WEAK)
def test_weak_ed25519_points_are_refused(point: str) -> None:
    key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(point))
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(SigningError) as caught:
        signing.PublicKey.from_pem(pem, "test")
    assert caught.value.reason is Reason.WEAK_KEY


def test_the_identity_point_would_verify_forged_signatures() -> None:
    """Why weak points are refused: the library itself accepts this."""
    identity = bytes([1]) + bytes(31)
    ed25519.Ed25519PublicKey.from_public_bytes(identity).verify(identity + bytes(32), b"never signed")


def test_weak_points_are_fourteen() -> None:
    assert len(set(WEAK)) == 14


@pytest.mark.parametrize("curve", [ec.SECP256K1(), ec.BrainpoolP256R1(), ec.SECP224R1()])
def test_other_curves_are_unsupported(curve: ec.EllipticCurve) -> None:
    refuse(ec.generate_private_key(curve).public_key(), Reason.UNSUPPORTED)


def test_rsa_is_unsupported() -> None:
    refuse(rsa.generate_private_key(65537, 2048).public_key(), Reason.UNSUPPORTED)


def refuse(key: object, reason: Reason) -> None:
    with pytest.raises(SigningError) as caught:
        signing.PublicKey.of(key, "test")
    assert caught.value.reason is reason


def test_a_private_key_is_no_public_key(keys: dict[str, signing.PrivateKey]) -> None:
    with pytest.raises(SigningError, match="not a public key"):
        signing.PublicKey.from_pem(keys["device"].to_pem(None), "test")


@pytest.mark.outside
@pytest.mark.parametrize("name", ["device", "p256"])
def test_the_key_id_is_that_of_openssl(tmp_path: Path, keys: dict[str, signing.PrivateKey], name: str) -> None:
    public = signing.write_key(keys[name], tmp_path / "k.pem", passphrase=None)
    text = f"openssl pkey -pubin -in {public} -pubout | sha256sum"
    digest = subprocess.run(["sh", "-c", text], capture_output=True, check=True, text=True).stdout.split()[0]
    assert keys[name].public.keyid == digest


@pytest.mark.parametrize("algorithm", ["ed25519", "p256", "ml-dsa-65"])
@pytest.mark.parametrize("secret", [None, b"correct horse"])
def test_keys_survive_a_round_trip_through_their_files(tmp_path: Path, algorithm: str, secret: bytes | None) -> None:
    key = signing.PrivateKey.generate(signing.Algorithm(algorithm))
    path = tmp_path / "k.pem"
    public = signing.write_key(key, path, passphrase=secret)
    assert (path.stat().st_mode & 0o777, public.name) == (0o600, "k.pub.pem")
    assert (b"ENCRYPTED" in path.read_bytes()) is (secret is not None)
    again = signing.load_key(path, passphrase=lambda: secret or pytest.fail("asked for a passphrase"))
    assert again.public.keyid == key.public.keyid == signing.load_public_key(public).keyid
    again.public.verify(key.sign(b"m"), b"m", "test")


def test_a_wrong_or_short_passphrase_is_refused(tmp_path: Path, keys: dict[str, signing.PrivateKey]) -> None:
    path = tmp_path / "k.pem"
    with pytest.raises(SigningError, match="at least 12 bytes"):
        signing.write_key(keys["device"], path, passphrase=b"short")
    assert not path.exists()
    signing.write_key(keys["device"], path, passphrase=b"correct horse")
    for wrong in (b"incorrect horse", b""):
        with pytest.raises(SigningError) as caught:
            signing.load_key(path, passphrase=partial(bytes, wrong))
        assert caught.value.reason is Reason.BAD_PASSPHRASE


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o777])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, keys: dict[str, signing.PrivateKey], mode: int) -> None:
    path = tmp_path / "k.pem"
    signing.write_key(keys["device"], path, passphrase=None)
    path.chmod(mode)
    with pytest.raises(SigningError) as caught:
        signing.load_key(path, passphrase=bytes)
    assert caught.value.reason is Reason.KEY_EXPOSED
    assert f"chmod 600 {path}" in "".join(caught.value.__notes__)


def test_keys_are_not_overwritten_without_force(tmp_path: Path, keys: dict[str, signing.PrivateKey]) -> None:
    path = tmp_path / "k.pem"
    public = signing.write_key(keys["device"], path, passphrase=None)
    before = path.read_bytes(), public.read_bytes()
    path.unlink()
    with pytest.raises(SigningError) as caught:  # the public half alone is enough
        signing.write_key(keys["p256"], path, passphrase=None)
    assert caught.value.reason is Reason.EXISTS
    assert not path.exists()
    signing.write_key(keys["device"], path, passphrase=None, force=True)
    assert (path.read_bytes(), public.read_bytes()) == before
    assert sorted(os.listdir(tmp_path)) == ["k.pem", "k.pub.pem"]


@pytest.mark.parametrize("kind", ["fifo", "folder", "missing", "junk", "huge"])
def test_files_that_are_no_key_are_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "k.pem"
    match kind:
        case "fifo":
            os.mkfifo(path, 0o600)
        case "folder":
            path.mkdir(0o700)
        case "junk" | "huge":
            path.write_bytes(b"x" * (100 if kind == "junk" else 20_000))
            path.chmod(0o600)
    with pytest.raises(SigningError) as caught:
        signing.load_key(path, passphrase=bytes)
    assert caught.value.reason in {Reason.NOT_A_FILE, Reason.UNREADABLE, Reason.MALFORMED, Reason.TOO_LARGE}


def test_the_repr_of_a_private_key_is_without_the_key(keys: dict[str, signing.PrivateKey]) -> None:
    key = keys["device"]
    secret = key._key.private_bytes_raw()  # type: ignore[union-attr]
    assert secret.hex() not in repr(key)
    assert repr(key) == f"PrivateKey(ed25519, sha256:{key.public.keyid})"
