"""The processor time of `fusiondiff-audit --version` over that of `import click`: `python -P benchmarks/startup.py`."""

import resource
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

ROUNDS = 15
MAX_RATIO = 2.5
COMMANDS = {
    "A import click": [sys.executable, "-c", "import click"],
    "B --version": [str(Path(sysconfig.get_path("scripts")) / "fusiondiff-audit"), "--version"],
}


def main() -> int:
    """Return the exit code: 1 where the ratio of the least times exceeds the bound."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(ROUNDS + 1):
        for name in sorted(COMMANDS, reverse=number % 2 == 0):
            used = user_seconds(COMMANDS[name])
            if number:  # the first round warms the caches
                seconds[name].append(used)
    for name, times in seconds.items():
        print(f"{name:15} least {min(times):.3f} s, median {statistics.median(times):.3f} s")
    first, second = seconds.values()
    ratio = min(second) / min(first)
    print(f"{'holds' if ratio <= MAX_RATIO else 'FAILS'}: ratio B/A {ratio:.2f}, at most {MAX_RATIO}")
    return 0 if ratio <= MAX_RATIO else 1


def user_seconds(command: list[str]) -> float:
    """Return the user CPU seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


if __name__ == "__main__":
    sys.exit(main())
