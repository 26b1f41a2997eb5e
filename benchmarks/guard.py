"""The cost of the guard: images per second from signed file to micrograph, over unguarded processes.

    python -P benchmarks/guard.py

Both sides read and hash each file, walk its header, decode it, hash its pixels and read its claims, in equally many
processes. Images have 2048 x 2048 pixels of 16 bits.
"""

import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import signing
from fusiondiff_audit.images.batch import decode_batch
from fusiondiff_audit.images.decoding import decode_samples
from fusiondiff_audit.images.file_claims import read_claims
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.guard import Guard, stored_pixels
from fusiondiff_audit.images.micrograph import SignedMicrograph
from fusiondiff_audit.images.pixels import PixelDigest, digest_pixels
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from signing.folder import Reader

SIDE, FILES, ROUNDS, LEAST_RATIO = 2048, 40, 9, 0.75
PROCESSES = os.cpu_count() or 1
NOW = datetime.now(UTC).replace(microsecond=0)
KINDS: dict[str, dict[str, Any]] = {
    "uncompressed": {},
    "uncompressed, big-endian": {"byteorder": ">"},
    "deflate": {"compression": "deflate"},
    "deflate, predictor": {"compression": "deflate", "predictor": True},
    "LZW": {"compression": "lzw"},
}
BOUNDED = ("uncompressed", "deflate")


def synthetic_pixels(seed: int) -> np.ndarray[Any, Any]:
    """Return grains, a slope and noise of six bits, which deflate to about nine tenths, as micrographs do."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.integers(0, 200, (SIDE // 32, SIDE // 32)), np.ones((32, 32), int))
    slope = np.add.outer(np.arange(SIDE), np.arange(SIDE)) * 4
    pixels: np.ndarray[Any, Any] = coarse * 200 + slope + rng.integers(0, 64, (SIDE, SIDE))
    return pixels.astype(np.uint16)


def signed_folder(home: Path, name: str, options: dict[str, Any], key: signing.PrivateKey, count: int) -> Path:
    """Return a signed folder."""
    folder = home / name.replace(" ", "-")
    folder.mkdir()
    for number in range(count):
        file = io.BytesIO()
        writer_options = {k: v for k, v in options.items() if k == "byteorder"}
        page_options = {k: v for k, v in options.items() if k != "byteorder"}
        with tifffile.TiffWriter(file, **writer_options) as writer:
            writer.write(synthetic_pixels(number % 4), **page_options)
        data = bytearray(file.getvalue())
        (folder / f"{number:03d}.tif").write_bytes(bytes(data) + number.to_bytes(2, "little"))  # so that digests differ
    signing.sign_batch(
        folder, key=key, device="bench", lab=None, captured=NOW, issued=NOW, sequence=len(name) * 1000 + count,
        valid_for=timedelta(days=1), pixel_size=signing.PixelSize.parse("12.5 nm"),
    )  # fmt: skip
    return folder


def guarded_seconds(batch: signing.Batch, guard: Guard) -> float:
    """Return the seconds in which the guard decodes a batch."""
    started = time.perf_counter()
    for file in decode_batch(batch, guard=guard, threads=PROCESSES):
        assert isinstance(file, SignedMicrograph), file
    return time.perf_counter() - started


def unguarded_seconds(batch: signing.Batch) -> float:
    """Return the seconds of the same steps in unguarded processes, each with its share of the files."""
    reader, writer = os.pipe()
    for place in range(PROCESSES):
        if not os.fork():
            entries = batch.manifest.files[place::PROCESSES]
            share = Reader(batch.folder)
            for entry in entries[:1]:
                decode_unguarded(batch, share, entry)
            started = time.perf_counter()
            for entry in entries:
                decode_unguarded(batch, share, entry)
            os.write(writer, f"{time.perf_counter() - started}\n".encode())
            os._exit(0)
    for _ in range(PROCESSES):
        os.wait()
    seconds = os.read(reader, 10_000).split()
    os.close(reader)
    os.close(writer)
    assert len(seconds) == PROCESSES
    return max(map(float, seconds))


def decode_unguarded(batch: signing.Batch, reader: Reader, entry: signing.FileEntry) -> tuple[object, ...]:
    """Read, decode and digest a file in this process, without a guard."""
    file = batch._read(reader, entry)
    assert isinstance(file, signing.SignedFile), file
    header = read_image_header(file.data, file.name)
    pixels = stored_pixels(file.data, header)
    if pixels is not None:
        digest = digest_pixels(pixels)
    else:
        rows = decode_samples(memoryview(file.data), header)
        pixels = np.empty((header.height, header.width, rows.channels), header.dtype)
        running, top = PixelDigest(header.dtype, (header.height, header.width, rows.channels)), 0
        for block in rows.blocks:
            pixels[top : top + len(block)] = block
            running.add(block)
            top += len(block)
        digest = running.value()
    return pixels, digest, read_claims(file.data, header, signed=("12.5", "nm"), sidecar=())


def compare(batch: signing.Batch, guard: Guard) -> tuple[float, float, float]:
    """Return images per second, guarded and not, and the median ratio of the rounds."""
    pairs: list[tuple[float, float]] = []
    for round_number in range(ROUNDS + 1):
        steps: list[Callable[[], float]] = [lambda: guarded_seconds(batch, guard), lambda: unguarded_seconds(batch)]
        order = steps if round_number % 2 else steps[::-1]
        seconds = {id(step): step() for step in order}
        pairs.append((seconds[id(steps[0])], seconds[id(steps[1])]))
    pairs = pairs[1:]  # the first warms up
    files = len(batch.manifest.files)
    ratio = statistics.median(theirs / ours for ours, theirs in pairs)
    return files / min(ours for ours, _ in pairs), files / min(theirs for _, theirs in pairs), ratio


def admission_seconds(batch: signing.Batch, trust: signing.TrustStore, key: signing.PrivateKey, home: Path) -> float:
    """Return the seconds in which a ledger admits a batch and notes its pixels, 64 at a time."""
    names = [(entry.name, f"{i:064x}") for i, entry in enumerate(batch.manifest.files)]
    with Ledger(home / "ledger", key=key, keys=CheckpointKeys.of_auditors(trust), clock=lambda: NOW) as ledger:
        started = time.perf_counter()
        ledger.admit(batch, trust, run="bench")
        for i in range(0, len(names), 64):
            ledger.note_pixels("bench", names[i : i + 64])
        ledger.issue("bench", "0" * 64)
        return time.perf_counter() - started


def peak_memory(batch: signing.Batch, times: int) -> int:
    """Return the peak memory, in MiB, of a process that decodes a batch several times, without that of its decoders."""
    reader, writer = os.pipe()
    if not os.fork():
        with Guard() as guard:
            for _ in range(times):
                guarded_seconds(batch, guard)
        lines = Path("/proc/self/status").read_text().splitlines()
        os.write(writer, next(line.split()[1] for line in lines if line.startswith("VmHWM")).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reader, 100)) // 1024


def main() -> int:
    """Return the exit code: 1 where a bound does not hold."""
    all_hold = True
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        keys = {role: signing.PrivateKey.generate(signing.Algorithm.ED25519) for role in ("root", "device", "auditor")}
        entries = tuple(
            signing.TrustEntry(public.keyid, role, role.value, public.pem, NOW, NOW + timedelta(days=9))
            for role, public in ((r, keys[r.value].public) for r in (signing.Role.DEVICE, signing.Role.AUDITOR))
        )
        first = signing.propose_first(
            (keys["root"].public,), threshold=1, entries=entries, issued=NOW, expires=NOW + timedelta(days=9)
        )
        trust = first.cosigned((keys["root"],)).complete(NOW)
        print(f"{SIDE} x {SIDE}, 16 bits, {FILES} files, {PROCESSES} processes, {ROUNDS} rounds")
        with Guard() as guard:
            for kind, options in KINDS.items():
                batch = signing.open_batch(signed_folder(home, kind, options, keys["device"], FILES), trust=trust)
                rate, bare_rate, median = compare(batch, guard)
                bound = f" (at least {LEAST_RATIO})" if kind in BOUNDED else ""
                all_hold &= kind not in BOUNDED or rate / bare_rate >= LEAST_RATIO
                ratio = f"{rate / bare_rate:.3f}{bound}, median {median:.3f}"
                print(f"{kind:26} {rate:6.1f} /s guarded, {bare_rate:6.1f} /s unguarded: {ratio}")
                if kind == "uncompressed":
                    seconds, decoding = admission_seconds(batch, trust, keys["auditor"], home), FILES / rate
                    all_hold &= seconds <= 0.1 * decoding
                    print(f"{'admission':26} {seconds / decoding:.3f} of decoding (at most 0.1)")
                if kind == "deflate":
                    single, tenfold = peak_memory(batch, 1), peak_memory(batch, 10)
                    all_hold &= tenfold <= single * 1.05 + 32
                    print(f"{'memory':26} {single} MiB for {FILES} files, {tenfold} MiB for {10 * FILES}")
    print("all bounds hold" if all_hold else "A BOUND DOES NOT HOLD")
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())
