"""Small files read whole and new files written whole: bounded, regular, never half there."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from signing.errors import Reason, SigningError

# A FIFO must not block us on opening, and a terminal must not become ours.
READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
CHUNK = 256 * 1024  # bytes a read; fits a core's cache, so that hashing finds them there
_Check = Callable[[Path, os.stat_result], None]


def unreadable(path: object, error: OSError) -> SigningError:
    """Return the refusal for a file that the system does not let us read."""
    return SigningError(Reason.UNREADABLE, f"{path}: {(error.strerror or str(error)).lower()}")


def over(where: str, limit: int) -> SigningError:
    """Return the refusal for a file that is larger than we read."""
    return SigningError(Reason.TOO_LARGE, f"{where}: more than {limit:,} bytes")


def read_capped(path: Path, *, limit: int, check: _Check | None = None) -> bytes:
    """Read a regular file once; `check` judges the open file's own status, so that no swap comes between."""
    try:
        descriptor = os.open(path, READ_FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SigningError(Reason.NOT_A_FILE, f"{path}: not a regular file")
            if check is not None:
                check(path, status)
            return read_exactly(descriptor, str(path), limit=limit)
        finally:
            os.close(descriptor)
    except OSError as e:
        raise unreadable(path, e) from e


def read_exactly(descriptor: int, where: str, *, limit: int) -> bytes:
    """Read to the end of an open file, at most `limit` bytes, in one piece where the system gives one."""
    if (size := os.fstat(descriptor).st_size) > limit:
        raise over(where, limit)
    pieces: list[bytes] = []
    left, total = size + 1, 0
    while piece := os.read(descriptor, left):
        pieces.append(piece)
        total += len(piece)
        if total > limit:
            raise over(where, limit)
        left = min(limit + 1 - total, CHUNK)  # the end of the file, or more of one that grows
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def refuse_existing(*paths: Path) -> None:
    """Refuse names that are taken, before the first second of work."""
    for path in paths:
        if path.exists() or path.is_symlink():
            raise _taken(path)


def create(path: Path, data: bytes, *, mode: int = 0o644, force: bool = False) -> None:
    """Write a new file under a temporary name, sync it and give it its name in one step."""
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if force:
                os.replace(temporary, path)
            else:
                _name(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        _sync_folder(path.parent)
    except FileExistsError as e:
        raise _taken(path) from e
    except OSError as e:
        raise SigningError(Reason.CANNOT_WRITE, f"{path}: cannot be written: {(e.strerror or str(e)).lower()}") from e


def _taken(path: Path) -> SigningError:
    return SigningError(Reason.EXISTS, f"{path}: exists already", hint="choose another name, or say --force")


def _name(temporary: Path, path: Path) -> None:
    """Give a file its name, unless that is taken."""
    try:
        os.link(temporary, path)  # fails if the name is taken, which a rename would not
    except OSError as e:
        if e.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        if path.exists():  # memory sticks and some shares have no links; there two writers at once may collide
            raise FileExistsError(errno.EEXIST, "File exists", str(path)) from e
        os.replace(temporary, path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
