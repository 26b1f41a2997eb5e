"""How much a signed batch costs over reading and hashing its files: `python benchmarks/signing.py`.

A is the plain work, `hashlib.sha256` over each file's bytes in a pool of threads; B opens the batch and reads every
file through `Batch.files`. Rounds are interleaved (A B, B A, ...), one warm-up is dropped, and the ratio is that of the
least times. Growth compares the time per file at n, 4n and 16n, memory the peaks at n and 10n.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

# A script's own folder comes first on the path, and there this file would stand in for the room that it measures.
sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]

import signing  # noqa: E402
from signing.parallel import THREADS  # noqa: E402

MAX_RATIO = 1.15
MAX_GROWTH = 1.25
MAX_PEAK = 300 * 1024 * 1024  # bytes
YEAR = timedelta(days=365)


def main() -> int:
    """Measure, print a table, and say by the exit code whether the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--size", type=int, default=2_147_484, help="bytes; 1,000 of them are 2 GiB")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the files are made; default: a temporary folder")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of is not None:
        print(peak(options.peak_of))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        home = Path(name)
        held = [ratio(home, options.files, options.size, options.rounds), growth(home), memory(home, options.size)]
    return 0 if all(held) else 1


def ratio(home: Path, count: int, size: int, rounds: int) -> bool:
    """Compare opening a batch with plain reading and hashing."""
    folder, trust = make(home / "large", count, size)
    threads = THREADS
    work: dict[str, Callable[[], object]] = {"A": lambda: plain(folder, threads), "B": lambda: drain(folder, trust)}
    times: dict[str, list[float]] = {"A": [], "B": []}
    for i in range(rounds + 1):
        for name in "AB" if i % 2 else "BA":
            start = time.perf_counter()
            work[name]()
            if i:
                times[name].append(time.perf_counter() - start)
    for name, what in (("A", "read and hash"), ("B", "open a signed batch")):
        low, high = min(times[name]), max(times[name])
        print(f"{name} {what:20} least {low:.3f} s, most {high:.3f} s, {count * size / low / 1e9:.2f} GB/s")
    found = min(times["B"]) / min(times["A"])
    return verdict(
        f"ratio B/A over {rounds} rounds, {count} files of {size:,} bytes, {threads} threads", found, MAX_RATIO
    )


def growth(home: Path) -> bool:
    """Compare the time per file of batches of n, 4n and 16n small files."""
    per_file = []
    for n in (1000, 4000, 16000):
        folder, trust = make(home / f"grow-{n}", n, 1024)
        per_file.append(min(timed(folder, trust) for _ in range(5)) / n)
        print(f"  {n:6} files of 1 KiB: {per_file[-1] * 1e6:.1f} us a file")
    return verdict("growth of the time per file from n to 16n", max(per_file) / per_file[0], MAX_GROWTH)


def memory(home: Path, size: int) -> bool:
    """Compare peaks of fresh processes that read n and 10n files."""
    peaks = []
    for n in (100, 1000):
        folder, _ = make(home / f"memory-{n}", n, size)
        command = [sys.executable, __file__, "--peak-of", str(folder)]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
        print(f"  {n:6} files of {size:,} bytes: peak {peaks[-1] / 2**20:.0f} MiB")
    flat = verdict("growth of the peak from n to 10n", peaks[1] / (1.05 * peaks[0] + 32 * 2**20), 1.0)
    return verdict("peak at 10n, of 300 MiB", peaks[1] / MAX_PEAK, 1.0) and flat


def verdict(what: str, found: float, most: float) -> bool:
    """Print a figure beside its bound."""
    print(f"{'holds' if found <= most else 'FAILS'}: {what}: {found:.3f}, at most {most:.2f}")
    return found <= most


def make(folder: Path, count: int, size: int) -> tuple[Path, signing.TrustStore]:
    """Make a signed folder of random files, and the trust store for it beside the folder."""
    folder.mkdir()
    block = os.urandom(size)
    for i in range(count):
        (folder / f"{i:05}.tif").write_bytes(i.to_bytes(8, "big") + block[8:])
    root, device = (signing.PrivateKey.generate(signing.Algorithm.ED25519) for _ in range(2))
    now = signing.now()
    window = (now, now + YEAR)
    entry = signing.TrustEntry(device.public.keyid, signing.Role.DEVICE, "sem", device.public.pem, *window)
    first = signing.propose_first((root.public,), threshold=1, entries=(entry,), issued=now, expires=now + YEAR)
    trust = first.cosigned((root,)).complete(now)
    signing.sign_batch(folder, key=device, device="sem", lab=None, captured=now, issued=now, valid_for=YEAR, sequence=1)
    folder.with_suffix(".json").write_bytes(trust.to_bytes())
    return folder, trust


def plain(folder: Path, threads: int) -> int:
    """Read and hash every file of a folder, as anybody would."""
    with ThreadPoolExecutor(threads) as pool:
        return len(list(pool.map(lambda p: hashlib.sha256(p.read_bytes()).digest(), sorted(folder.glob("*.tif")))))


def drain(folder: Path, trust: signing.TrustStore) -> None:
    """Open a batch and read all of its files; all must be genuine."""
    for file in signing.open_batch(folder, trust=trust).files():
        assert isinstance(file, signing.SignedFile)


def timed(folder: Path, trust: signing.TrustStore) -> float:
    """Return the seconds that `drain` takes."""
    start = time.perf_counter()
    drain(folder, trust)
    return time.perf_counter() - start


def peak(folder: Path) -> int:
    """Return this process's peak memory in bytes after reading a batch."""
    drain(folder, signing.load_trust(folder.with_suffix(".json"), at=signing.now()))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
