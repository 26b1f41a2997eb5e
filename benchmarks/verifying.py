"""What it costs to verify a report, beside starting Python with the libraries that it takes.

    python -P benchmarks/verifying.py [--large]

A report of 1,000 rows is held against `python -c 'import click; ...'`, as user CPU of whole processes, in interleaved
rounds. `--large` also asks for the time per row and the peak memory of 10,000 and 100,000 rows.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
import signing
from benchmarks.trust_store import write_trust_store
from reports.verdict.issue import issue
from tests.reports.verdict.made import report

ROUNDS, MOST, GROWTH, ROOM = 9, 1.6, 1.25, 500 * 2**20
BARE = """import click
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519"""
VERIFY = "from fusiondiff_audit.cli import main; main()"
_RUN = """import resource, subprocess, sys
subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime, used.ru_maxrss * 1024)"""


def made(folder: Path, rows: int) -> list[str]:
    """Write a report and a trust store, and return the words that verify it."""
    folder.mkdir()
    auditor = write_trust_store(folder, signing.Role.AUDITOR)[signing.Role.AUDITOR]
    said = report(auditor.public, rows, specimens=rows // 2, issued=signing.write_time(signing.now()))
    for name, data in issue(said, auditor).items():
        (folder / name).write_bytes(data)
    return ["-c", VERIFY, "verify", str(folder), "--trust", str(folder / "trust.json"), "--json"]


def used(words: list[str]) -> tuple[float, int]:
    """Return the user CPU and the peak memory of a process."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}  # bytecode is kept
    done = subprocess.run([sys.executable, "-c", _RUN, *words], check=True, capture_output=True, text=True, env=plain)
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def main() -> None:
    """Measure, print, and fail above a bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true")
    large = parser.parse_args().large
    failed = False
    with tempfile.TemporaryDirectory() as name:
        sides = {"bare": ["-c", BARE], "verify": made(Path(name, "small"), 1000)}
        times: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(ROUNDS + 1):
            for side in sides if turn % 2 else reversed(sides):
                times[side].append(used(sides[side])[0])
        for side, found in times.items():
            del found[0]
            print(f"{side:7} {min(found):.3f} s of user CPU at least, median {statistics.median(found):.3f}")
        ratio = min(times["verify"]) / min(times["bare"])
        print(f"1,000 rows: {ratio:.2f} of starting Python with what it takes; at most {MOST}")
        failed |= ratio > MOST
        if large:
            each = {}
            for rows in (10_000, 100_000):
                seconds, peak = used(made(Path(name, str(rows)), rows))
                each[rows] = seconds / rows
                print(
                    f"{rows:,} rows: {seconds:.2f} s, {1e6 * each[rows]:.0f} us a row, {peak / 2**20:.0f} MiB at most"
                )
            growth = each[100_000] / each[10_000]
            print(f"time per row grows by {growth:.2f}; at most {GROWTH}, in {ROOM // 2**20} MiB")
            failed |= growth > GROWTH or peak > ROOM
    if failed:
        sys.exit("above a bound")


if __name__ == "__main__":
    main()
