"""Runs a command and looks, as long as it runs, where a secret could be seen by others."""

import base64
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Watched(NamedTuple):
    code: int
    said: bytes
    seen: frozenset[str]  # where a secret stood


def spellings(secret: bytes) -> frozenset[bytes]:
    """Return how bytes could be written down: raw, hexadecimal, as Python shows them, and the inside of any base64."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), repr(secret)[2:-1].encode()}
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + secret)
        whole = text[4 if shift else 0 : -4]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)


def watched(
    command: Sequence[object], *, secrets: Sequence[bytes], home: Path, stdin: int | None = subprocess.DEVNULL
) -> Watched:
    """Run a command in a folder, which is also its HOME and TMPDIR, and say where a secret stood meanwhile."""
    wanted = frozenset().union(*map(spellings, secrets))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"HOME": str(home), "TMPDIR": str(home), "PYTHONFAULTHANDLER": "1"}
    seen: set[str] = set()
    ended = threading.Event()
    looked: dict[str, tuple[int, int]] = {}  # at files, as large and as old as they were

    def look() -> None:
        seen.update(where for where in _open_to_others(home) if _is_new(where, looked) and _holds(where, wanted))

    def watch() -> None:
        while not ended.wait(0.01):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        done = subprocess.run(
            [*map(str, command)], cwd=home, env=environment, stdin=stdin, capture_output=True, check=False
        )
    finally:
        ended.set()
        watcher.join()
    look()
    said = done.stdout + done.stderr
    if any(spelling in said for spelling in wanted):
        seen.add("what it said")
    return Watched(done.returncode, said, frozenset(seen))


def _open_to_others(home: Path) -> Iterator[str]:
    """Return what `ps` and a reader of the folder see; the folder `secrets` in it is where passphrases are kept."""
    for process in os.listdir("/proc"):
        if process.isdigit():
            yield f"/proc/{process}/cmdline"
            yield f"/proc/{process}/environ"
    for folder, inner, files in os.walk(home):
        inner[:] = [name for name in inner if name != "secrets"]
        yield from (os.path.join(folder, name) for name in files)


def _is_new(where: str, looked: dict[str, tuple[int, int]]) -> bool:
    if where.startswith("/proc/"):  # always as large and as old
        return True
    try:
        status = os.stat(where)
    except OSError:
        return False
    before, looked[where] = looked.get(where), (status.st_size, status.st_mtime_ns)
    return before != looked[where]


def _holds(where: str, wanted: frozenset[bytes]) -> bool:
    try:
        data = Path(where).read_bytes()
    except OSError:  # ended, or renamed
        return False
    return any(spelling in data for spelling in wanted)
