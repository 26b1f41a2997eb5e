"""Loading a model: the hashed bytes are the returned bytes, and one bad file refuses them all."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import signing
from signing.folder import Reader
from signing.model_manifest import root_digest

RNG = np.random.default_rng(8)
FILES = {
    "bundle.json": b'{"format": 1}',
    "encoder-1.safetensors": RNG.bytes(700_000),
    "encoder-2.safetensors": RNG.bytes(700_000),
    "empty": b"",
}
LIMIT = 10**6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    for name, data in FILES.items():
        (made / name).write_bytes(data)
    return made


@pytest.fixture
def trusted(
    folder: Path, keys: dict[str, signing.PrivateKey], trust: signing.TrustStore
) -> Callable[[], signing.SignedModel]:
    """Return the way to open the folder, which a trusted key has signed."""
    signing.sign_model(folder, key=keys["model"])
    return lambda: signing.open_model(folder, trust=trust)


def test_loaded_bytes_are_those_of_the_files(trusted: Callable[[], signing.SignedModel]) -> None:
    loaded = trusted().load(limit=LIMIT)
    assert {name: bytes(memory) for name, memory in loaded.items()} == FILES


def test_later_writes_do_not_change_loaded_bytes(trusted: Callable[[], signing.SignedModel], folder: Path) -> None:
    """A mapped file, even mapped privately, would show them."""
    loaded = trusted().load(limit=LIMIT)
    with (folder / "encoder-1.safetensors").open("r+b") as file:
        file.write(b"\xff" * 4096)
    assert bytes(loaded["encoder-1.safetensors"]) == FILES["encoder-1.safetensors"]


def test_any_flipped_bit_refuses_everything(trusted: Callable[[], signing.SignedModel], folder: Path) -> None:
    model = trusted()
    for name in ("bundle.json", "encoder-1.safetensors", "encoder-2.safetensors"):
        for place in (0, len(FILES[name]) // 2, len(FILES[name]) - 1):
            data = bytearray(FILES[name])
            data[place] ^= 1 << int(RNG.integers(8))
            (folder / name).write_bytes(data)
            with pytest.raises(signing.SigningError) as caught:
                model.load(limit=LIMIT)
            assert caught.value.reason is signing.Reason.DIGEST_MISMATCH
            assert name in str(caught.value)
        (folder / name).write_bytes(FILES[name])
    assert len(model.load(limit=LIMIT)) == len(FILES)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: (d / "bundle.json").unlink(), signing.Reason.MISSING_FILE),
        (lambda d: (d / "extra.pkl").write_bytes(b"\x80\x04."), signing.Reason.EXTRA_FILE),
        (lambda d: (d / "bundle.json").rename(d / "other.json"), signing.Reason.EXTRA_FILE),
        (lambda d: os.truncate(d / "encoder-1.safetensors", 10), signing.Reason.DIGEST_MISMATCH),
        (lambda d: ((d / "empty").unlink(), (d / "empty").symlink_to("bundle.json")), signing.Reason.NOT_A_FILE),
        (lambda d: pipe(d / "empty"), signing.Reason.NOT_A_FILE),
    ],
)
def test_a_folder_that_is_not_as_signed_is_refused(
    trusted: Callable[[], signing.SignedModel], folder: Path, change: Callable[[Path], object], reason: signing.Reason
) -> None:
    change(folder)
    with pytest.raises(signing.SigningError) as caught:
        trusted().load(limit=LIMIT)
    assert caught.value.reason is reason


def test_a_file_over_the_limit_is_not_read(trusted: Callable[[], signing.SignedModel]) -> None:
    with pytest.raises(signing.SigningError) as caught:
        trusted().load(limit=699_999)
    assert caught.value.reason is signing.Reason.TOO_LARGE


def test_a_file_that_grows_or_shrinks_meanwhile_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "encoder-1.safetensors"
    real = os.readv
    for size in (800_000, 300_000):

        def meddle(descriptor: int, buffers: list[memoryview], size: int = size) -> int:
            os.truncate(path, size)
            return real(descriptor, buffers)

        path.write_bytes(FILES["encoder-1.safetensors"])
        monkeypatch.setattr(os, "readv", meddle)
        with pytest.raises(signing.SigningError, match="changed while it was read"):
            Reader(folder).load("encoder-1.safetensors", limit=LIMIT)


def test_a_pin_holds_whoever_signed(folder: Path, keys: dict[str, signing.PrivateKey]) -> None:
    signed = signing.sign_model(folder, key=keys["p256"])  # a key that no trust store holds
    lines = sorted(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in FILES.items())
    pin = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert signing.list_digest(signed.resources) == pin
    loaded = signing.open_pinned(folder, pin).load(limit=LIMIT)
    assert {name: bytes(memory) for name, memory in loaded.items()} == FILES
    with pytest.raises(signing.SigningError) as caught:
        signing.open_pinned(folder, "0" * 64)
    assert caught.value.reason is signing.Reason.DIGEST_MISMATCH


def test_files_that_exchange_names_keep_the_root_digest_but_not_the_pin(
    folder: Path, keys: dict[str, signing.PrivateKey]
) -> None:
    signed = signing.sign_model(folder, key=keys["p256"])
    *rest, first, second = signed.resources
    places = (signing.Resource(second.name, first.sha256), signing.Resource(first.name, second.sha256))
    swapped = (*rest, *places)
    assert root_digest(swapped) == signed.digest
    assert signing.list_digest(swapped) != signing.list_digest(signed.resources)
