"""Regular files read in one piece up to a size limit, and new files written completely or not at all."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from signing.errors import Reason, SigningError

# Opening a FIFO must not block, and a terminal must not become this process's controlling terminal.
READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
CHUNK = 256 * 1024  # bytes a read; fits a core's cache, so that hashing finds them there
_PART = ".part"
_Check = Callable[[Path, os.stat_result, bytes], None]


def unreadable(path: object, error: OSError | ValueError) -> SigningError:
    """Return the refusal for a file that the operating system does not let the process read."""
    return SigningError(Reason.UNREADABLE, f"{path}: {_why(error)}")


def is_temporary(name: str) -> bool:
    """Say whether a file has the temporary name that `create` uses: a killed run left it."""
    return name.startswith(".") and name.endswith(_PART)


def over(where: str, limit: int) -> SigningError:
    """Return the refusal for a file that is larger than the limit."""
    return SigningError(Reason.TOO_LARGE, f"{where}: more than {limit:,} bytes")


def read_capped(path: Path, *, limit: int, check: _Check | None = None) -> bytes:
    """Read a regular file once; `check` may refuse the open file's status and bytes."""
    try:
        descriptor = os.open(path, READ_FLAGS)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SigningError(Reason.NOT_A_FILE, f"{path}: not a regular file")
            data = read_exactly(descriptor, str(path), limit=limit)
            if check is not None:
                check(path, status, data)
            return data
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as e:  # ValueError: a name with a NUL byte
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
        left = min(limit + 1 - total, CHUNK)  # the file may have grown since its size was read
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def refuse_existing(*paths: Path) -> None:
    """Refuse paths that exist, before any work is done."""
    for path in paths:
        _refuse_nameless(path)
        if os.path.lexists(path):
            raise _taken(path)


def create(path: Path, data: bytes, *, mode: int | None = None, force: bool = False) -> None:
    """Write a file under a temporary name, sync it and rename it in one step; a replaced file's mode is kept."""
    _refuse_nameless(path)
    if os.path.islink(path):  # a rename would replace the link, and leave what it points to as it was
        raise SigningError(Reason.CANNOT_WRITE, f"{path}: is a link", hint="name the file that it points to")
    temporary = path.with_name(f".{os.urandom(8).hex()}{_PART}")
    if mode is None:
        mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.isfile(path) else 0o644
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
        raise SigningError(Reason.CANNOT_WRITE, f"{path}: cannot be written: {_why(e)}") from e


def _why(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _refuse_nameless(path: Path) -> None:
    if not path.name or "\0" in str(path):
        raise SigningError(Reason.BAD_REQUEST, f"{str(path)!a} does not name a file")


def _taken(path: Path) -> SigningError:
    hint = "choose another name; a few verbs have --force"
    return SigningError(Reason.EXISTS, f"{path}: exists already", hint=hint)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    try:
        path.unlink(missing_ok=True)
    except OSError as e:
        raise SigningError(Reason.CANNOT_WRITE, f"{path}: cannot be removed: {_why(e)}") from e


def _name(temporary: Path, path: Path) -> None:
    """Rename a file, unless the name is taken."""
    try:
        os.link(temporary, path)  # fails if the name is taken, which a rename would not
    except OSError as e:
        if e.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        if path.exists():  # some file systems have no hard links; there, two writers may overwrite each other
            raise FileExistsError(errno.EEXIST, "File exists", str(path)) from e
        os.replace(temporary, path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
