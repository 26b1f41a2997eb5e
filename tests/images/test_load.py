"""The same states on a busy machine: large files of every kind, alone and beside processes that compute."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import signing
from fusiondiff_audit.images.batch import RefusedImage, decode_batch
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import SignedMicrograph
from signing import TrustStore
from tests.conftest import NOW
from tests.images import heavy
from tests.images.synthetic import grains, written
from tests.vectors.images import make

BUSY = 8  # processes
THREADS = 4  # more than there are cores, so that budgets and turns matter


def flat_jpeg(side: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (side, side), (90, 90, 90)).save(file, "JPEG")
    return file.getvalue()


def noise_png(side: int) -> bytes:
    """Return an image that is transparent in places, which its decoder finds out."""
    row = b"\0" + np.random.default_rng(3).integers(0, 256, side * 8, np.uint8).tobytes()
    return heavy.png_of(side, side, 6, 16, row)


def damaged() -> bytes:
    """Return an image of 64 MB whose one piece of LZW ends after its first bytes."""
    return heavy.tiff_of(b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01" * 1000, 1, 8000, 4000, compression=5)


def files() -> dict[str, bytes]:
    """Return 24 files: five that cost much, the largest that are read, and some just above that."""
    zeros = np.zeros((6000, 6000), np.uint16)
    return {
        "blocks-that-hold-nothing.png": heavy.empty_blocks(400_000),
        "damaged.tif": damaged(),
        "grains.tif": written(grains(2048, 2048, top=65_535), compression="deflate", predictor=True),
        "grey-100-megapixels.png": heavy.flat_png(10_000, 10_000, 0, 16),
        "grey-100-megapixels.tif": heavy.flat_tiff(10_000, 10_000, compression=5, rows=100),
        "grey-8-bits.png": heavy.flat_png(10_000, 10_000, 0, 8),
        "grey-and-opacity.png": heavy.flat_png(5000, 5000, 4, 16),
        "jpeg-above.jpg": make.jpeg(make.frame(width=9460, height=9460, names=b"\1\2\3")),
        "jpeg-flat.jpg": flat_jpeg(5000),
        "jpeg-noise.jpg": heavy.progressive(1500),
        "opacity-10000-1.png": heavy.flat_png(10_000, 10_000, 6, 16),
        "opacity-10000-2.png": heavy.flat_png(10_000, 9_999, 6, 16),
        "opacity-10000-3.png": heavy.flat_png(10_000, 9_998, 6, 16),
        "opacity-above.png": heavy.flat_png(4096, 8193, 6, 16),
        "opacity-above.tif": heavy.flat_tiff(4096, 8193, compression=8, channels=4),
        "opacity-at-the-limit.png": heavy.flat_png(4096, 8192, 6, 16),
        "opacity-at-the-limit.tif": heavy.flat_tiff(4096, 8192, compression=8, channels=4, rows=64),
        "padding-above.tif": make.TOO_LARGE["tiff-bytes-of-padding.tif"],
        "plain-big-endian.tif": written(zeros, byteorder=">"),
        "plain-strips.tif": written(zeros[:3000], rowsperstrip=64),
        "rgb-above.png": heavy.flat_png(9460, 9460, 2, 8),
        "rgb-below.tif": heavy.flat_tiff(9459, 9459, compression=8, channels=3, bits=8),
        "tiles.tif": written(zeros[:4096, :4096], compression="lzw", tile=(256, 256)),
        "transparent-in-places.png": noise_png(2000),
    }


REFUSED = {
    "damaged.tif": "malformed",
    "jpeg-above.jpg": "too-large",
    "opacity-10000-1.png": "too-large",
    "opacity-10000-2.png": "too-large",
    "opacity-10000-3.png": "too-large",
    "opacity-above.png": "too-large",
    "opacity-above.tif": "too-large",
    "padding-above.tif": "too-large",
    "rgb-above.png": "too-large",
    "transparent-in-places.png": "unsupported",
}


@contextmanager
def busy_machine() -> Iterator[None]:
    """Keep every core computing, several times over."""
    others = [subprocess.Popen([sys.executable, "-I", "-c", "while True: pass"]) for _ in range(BUSY)]
    try:
        yield
    finally:
        for process in others:
            process.kill()
            process.wait()


def states(folder: Path, trust: TrustStore) -> dict[str, tuple[str, str]]:
    """Return what becomes of each file: its reason and message, or the digest of its pixels."""
    batch = signing.open_batch(folder, trust=replace(trust, at=NOW))
    seen: dict[str, tuple[str, str]] = {}
    with Guard() as guard:
        for file in decode_batch(batch, guard=guard, threads=THREADS):
            if isinstance(file, RefusedImage):
                seen[file.name] = file.reason, file.message
            else:
                assert isinstance(file, SignedMicrograph), file
                seen[file.name] = "admitted", file.pixel_digest
    return seen


@pytest.mark.slow
def test_large_files_have_the_same_states_alone_and_beside_eight_busy_processes(
    make_batch: Callable[..., Path], trust: TrustStore
) -> None:
    """Of three equal images one was admitted and two were `timed-out`, as the load happened to be."""
    folder = make_batch(files())
    alone = states(folder, trust)
    assert {name: state for name, (state, _) in alone.items() if state != "admitted"} == REFUSED
    assert len(alone) == 24
    with busy_machine():
        assert states(folder, trust) == alone
