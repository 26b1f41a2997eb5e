"""The time to read a signed batch, over reading and hashing its files: `python -P benchmarks/signing.py`.

A is the reference, `hashlib.sha256` over each file's bytes in a pool of threads; B opens the batch and reads every
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

# Without -P a script's own folder comes first on the path, where this file would hide the package `signing`.
sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]

import signing  # noqa: E402
from signing.parallel import THREADS  # noqa: E402

MAX_RATIO = 1.15
MAX_GROWTH = 1.25
MAX_PEAK = 300 * 1024 * 1024  # bytes
YEAR = timedelta(days=365)


def main() -> int:
    """Return the exit code: 1 where a bound does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--size", type=int, default=2_147_484, help="bytes; 1,000 of them are 2 GiB")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="where the files are made; default: a temporary folder")
    parser.add_argument("--peak-of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of is not None:
        print(peak_memory(options.peak_of))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        home = Path(name)
        results = [ratio(home, options.files, options.size, options.rounds), growth(home), memory(home, options.size)]
    return 0 if all(results) else 1


def ratio(home: Path, count: int, size: int, rounds: int) -> bool:
    """Return whether opening a batch is within the bound over reading and hashing."""
    folder, trust = signed_folder(home / "large", count, size)
    threads = THREADS
    work: dict[str, Callable[[], object]] = {
        "A": lambda: hash_files(folder, threads),
        "B": lambda: read_batch(folder, trust),
    }
    times: dict[str, list[float]] = {"A": [], "B": []}
    for number in range(rounds + 1):
        for name in "AB" if number % 2 else "BA":
            start = time.perf_counter()
            work[name]()
            if number:
                times[name].append(time.perf_counter() - start)
    for name, title in (("A", "read and hash"), ("B", "open a signed batch")):
        low, high = min(times[name]), max(times[name])
        print(f"{name} {title:20} least {low:.3f} s, most {high:.3f} s, {count * size / low / 1e9:.2f} GB/s")
    measured = min(times["B"]) / min(times["A"])
    return print_verdict(
        f"ratio B/A over {rounds} rounds, {count} files of {size:,} bytes, {threads} threads", measured, MAX_RATIO
    )


def growth(home: Path) -> bool:
    """Return whether the time per file stays within the bound for n, 4n and 16n small files."""
    per_file = []
    for n in (1000, 4000, 16000):
        folder, trust = signed_folder(home / f"grow-{n}", n, 1024)
        per_file.append(min(batch_seconds(folder, trust) for _ in range(5)) / n)
        print(f"  {n:6} files of 1 KiB: {per_file[-1] * 1e6:.1f} us a file")
    return print_verdict("growth of the time per file from n to 16n", max(per_file) / per_file[0], MAX_GROWTH)


def memory(home: Path, size: int) -> bool:
    """Return whether the peaks of new processes that read n and 10n files are within the bounds."""
    peaks = []
    for n in (100, 1000):
        folder, _ = signed_folder(home / f"memory-{n}", n, size)
        command = [sys.executable, __file__, "--peak-of", str(folder)]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
        print(f"  {n:6} files of {size:,} bytes: peak {peaks[-1] / 2**20:.0f} MiB")
    flat = print_verdict("growth of the peak from n to 10n", peaks[1] / (1.05 * peaks[0] + 32 * 2**20), 1.0)
    return print_verdict("peak at 10n, of 300 MiB", peaks[1] / MAX_PEAK, 1.0) and flat


def print_verdict(title: str, measured: float, bound: float) -> bool:
    """Print a figure with its bound; return whether the bound holds."""
    print(f"{'holds' if measured <= bound else 'FAILS'}: {title}: {measured:.3f}, at most {bound:.2f}")
    return measured <= bound


def signed_folder(folder: Path, count: int, size: int) -> tuple[Path, signing.TrustStore]:
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


def hash_files(folder: Path, threads: int) -> int:
    """Read and hash every file of a folder; return how many."""
    with ThreadPoolExecutor(threads) as pool:
        return len(list(pool.map(lambda p: hashlib.sha256(p.read_bytes()).digest(), sorted(folder.glob("*.tif")))))


def read_batch(folder: Path, trust: signing.TrustStore) -> None:
    """Open a batch and read all of its files; all must be genuine."""
    for file in signing.open_batch(folder, trust=trust).files():
        assert isinstance(file, signing.SignedFile)


def batch_seconds(folder: Path, trust: signing.TrustStore) -> float:
    """Return the seconds that `drain` takes."""
    start = time.perf_counter()
    read_batch(folder, trust)
    return time.perf_counter() - start


def peak_memory(folder: Path) -> int:
    """Return this process's peak memory in bytes after reading a batch."""
    read_batch(folder, signing.load_trust(folder.with_suffix(".json"), at=signing.now()))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.exit(main())
