"""A terminal for tests: runs a command on a pseudo-terminal and answers its prompts."""

import os
import pty
import subprocess
from pathlib import Path


def converse(command: list[str], *, answer: str, folder: Path) -> tuple[int, str]:
    """Run a command as a person would, typing `answer` at each passphrase prompt; return its code and its screen."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        screen, answered = b"", 0
        while piece := _read(ours):
            screen += piece
            if screen.endswith(b": ") and len(screen) > answered:
                answered = len(screen)
                os.write(ours, answer.encode() + b"\n")
    os.close(ours)
    return process.returncode, screen.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # on Linux the other side's end shows as an error
        return b""
