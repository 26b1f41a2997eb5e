"""Ed25519 keys: points of prime order, in their one form, and nothing else."""

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

import signing
from signing.edwards import _ORDER, _PRIME, _add, _decode, _Point, is_prime_order
from signing.errors import Reason, SigningError
from tests.signing.test_keys import SMALL_ORDER

BASE = bytes.fromhex("58" + "66" * 31)  # RFC 8032, 5.1: y = 4/5
# RFC 8032, 7.1: the public keys of tests 1, 2, 3, 1024 and SHA(abc)
PUBLISHED = [
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
    "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
]


def point(raw: bytes) -> _Point:
    decoded = _decode(raw)
    assert decoded is not None
    return decoded


def encoded(decoded: _Point) -> bytes:
    x, y, z, _ = decoded
    inverse = pow(z, -1, _PRIME)
    return (y * inverse % _PRIME | (x * inverse % _PRIME & 1) << 255).to_bytes(32, "little")


def times(number: int, base: _Point) -> _Point:
    multiple = point(bytes.fromhex(SMALL_ORDER[0]))
    for bit in f"{number:b}":
        multiple = _add(multiple, multiple)
        if bit == "1":
            multiple = _add(multiple, base)
    return multiple


@pytest.mark.parametrize("raw", PUBLISHED)
def test_published_keys_are_accepted(raw: str) -> None:
    assert is_prime_order(bytes.fromhex(raw))


def test_the_arithmetic_is_that_of_the_library() -> None:
    """A public key is the secret scalar times the base point, whoever multiplies."""
    for seed in range(20):
        secret = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        scalar = int.from_bytes(hashlib.sha512(secret.private_bytes_raw()).digest()[:32], "little")
        scalar = scalar & ~7 & ((1 << 254) - 1) | 1 << 254
        public = secret.public_key().public_bytes_raw()
        assert encoded(times(scalar, point(BASE))) == public
        assert is_prime_order(public)


@pytest.mark.parametrize("torsion", SMALL_ORDER)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_key_with_a_part_of_small_order_is_weak(torsion: str, seed: int) -> None:
    """A key of mixed order is weak; the identity as torsion part leaves it as it is."""
    good = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key().public_bytes_raw()
    mixed = encoded(_add(point(good), point(bytes.fromhex(torsion))))
    assert (mixed == good) == (torsion == SMALL_ORDER[0])
    if mixed == good:
        assert signing.PublicKey.of(Ed25519PublicKey.from_public_bytes(mixed), "test").raw() == good
        return
    with pytest.raises(SigningError) as caught:
        signing.PublicKey.of(Ed25519PublicKey.from_public_bytes(mixed), "test")
    assert caught.value.reason is Reason.WEAK_KEY


def test_verifiers_would_judge_a_mixed_key_differently() -> None:
    """Why they are refused: every one of these holds by the cofactored equation; the library takes some of them."""
    secret = 0x1234567890ABCDEF
    mixed = encoded(_add(times(secret, point(BASE)), point(bytes.fromhex(SMALL_ORDER[4]))))
    taken = set()
    for nonce in range(1, 40):
        commitment = encoded(times(nonce, point(BASE)))
        challenge = int.from_bytes(hashlib.sha512(commitment + mixed + b"m").digest(), "little")
        response = (nonce + challenge % _ORDER * secret) % _ORDER
        signature = commitment + response.to_bytes(32, "little")
        right = _add(point(commitment), times(challenge % _ORDER, point(mixed)))
        assert encoded(times(8, times(response, point(BASE)))) == encoded(times(8, right))
        try:
            Ed25519PublicKey.from_public_bytes(mixed).verify(signature, b"m")
            taken.add(True)
        except InvalidSignature:
            taken.add(False)
    assert taken == {True, False}


def test_bytes_that_are_no_point_are_no_key() -> None:
    """Half of all 32 bytes have no point; the library takes them as a key that verifies nothing."""
    wrong = [y for y in range(2, 40) if _decode(y.to_bytes(32, "little")) is None]
    assert 10 < len(wrong) < 30
    for y in wrong:
        with pytest.raises(SigningError) as caught:
            signing.PublicKey.of(Ed25519PublicKey.from_public_bytes(y.to_bytes(32, "little")), "test")
        assert caught.value.reason is Reason.WEAK_KEY
    assert not is_prime_order(b"")
    assert not is_prime_order(bytes.fromhex(PUBLISHED[0]) + b"\0")


def test_a_key_is_checked_once() -> None:
    key = signing.PrivateKey.generate(signing.Algorithm.ED25519).public
    before = is_prime_order.cache_info()
    for _ in range(100):
        signing.PublicKey.from_pem(key.pem.encode(), "test")
    after = is_prime_order.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 100)
