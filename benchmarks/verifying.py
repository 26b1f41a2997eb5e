"""The processor time to verify a report, over starting Python with the libraries that `verify` needs.

    python -P benchmarks/verifying.py [--large]

A report of 1,000 rows is compared with `python -c 'import click; ...'`, in user CPU of whole processes, in interleaved
rounds. `--large` also measures the time per row and the peak memory of 10,000 and 100,000 rows.
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

ROUNDS, BOUND, GROWTH, MAX_MEMORY = 9, 1.6, 1.25, 500 * 2**20
BARE = """import click
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519"""
VERIFY = "from fusiondiff_audit.cli import main; main()"
_MEASURE = """import resource, subprocess, sys
subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime, used.ru_maxrss * 1024)"""


def write_report(folder: Path, rows: int) -> list[str]:
    """Write a report and a trust store, and return the arguments of the process that verifies it."""
    folder.mkdir()
    auditor = write_trust_store(folder, signing.Role.AUDITOR)[signing.Role.AUDITOR]
    body = report(auditor.public, rows, specimens=rows // 2, issued=signing.write_time(signing.now()))
    for name, data in issue(body, auditor).items():
        (folder / name).write_bytes(data)
    return ["-c", VERIFY, "verify", str(folder), "--trust", str(folder / "trust.json"), "--json"]


def process_usage(arguments: list[str]) -> tuple[float, int]:
    """Return the user CPU and the peak memory of a process."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }  # so that bytecode is cached
    process = subprocess.run(
        [sys.executable, "-c", _MEASURE, *arguments], check=True, capture_output=True, text=True, env=environment
    )
    seconds, peak = process.stdout.split()
    return float(seconds), int(peak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true")
    large = parser.parse_args().large
    failed = False
    with tempfile.TemporaryDirectory() as name:
        sides = {"bare": ["-c", BARE], "verify": write_report(Path(name, "small"), 1000)}
        times: dict[str, list[float]] = {side: [] for side in sides}
        for number in range(ROUNDS + 1):
            for side in sides if number % 2 else reversed(sides):
                times[side].append(process_usage(sides[side])[0])
        for side, used in times.items():
            del used[0]
            print(f"{side:7} {min(used):.3f} s of user CPU at least, median {statistics.median(used):.3f}")
        ratio = min(times["verify"]) / min(times["bare"])
        print(f"1,000 rows: {ratio:.2f} of starting Python with the libraries; at most {BOUND}")
        failed |= ratio > BOUND
        if large:
            per_row = {}
            for rows in (10_000, 100_000):
                seconds, peak = process_usage(write_report(Path(name, str(rows)), rows))
                per_row[rows] = seconds / rows
                print(
                    f"{rows:,} rows: {seconds:.2f} s, {1e6 * per_row[rows]:.0f} us a row, peak {peak / 2**20:.0f} MiB"
                )
            growth = per_row[100_000] / per_row[10_000]
            print(f"time per row grows by {growth:.2f}; at most {GROWTH}, in {MAX_MEMORY // 2**20} MiB")
            failed |= growth > GROWTH or peak > MAX_MEMORY
    if failed:
        sys.exit("above a bound")


if __name__ == "__main__":
    main()
