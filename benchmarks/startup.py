"""What `fusiondiff-audit --version` costs over `import click`, in user CPU: `python benchmarks/startup.py`."""

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
    """Run both commands in interleaved rounds and compare the least times."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for i in range(ROUNDS + 1):
        for name in sorted(COMMANDS, reverse=i % 2 == 0):
            spent = user_seconds(COMMANDS[name])
            if i:  # the first round warms the caches
                seconds[name].append(spent)
    for name, found in seconds.items():
        print(f"{name:15} least {min(found):.3f} s, median {statistics.median(found):.3f} s")
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
