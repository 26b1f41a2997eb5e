"""A folder's regular files, listed and read without ever following a link or leaving it."""

import errno
import hashlib
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from signing.errors import Reason, SigningError
from signing.files import CHUNK, READ_FLAGS, over, read_exactly, unreadable
from signing.names import MAX_PARTS

MAX_LISTED = 200_000  # entries of all kinds; a batch holds at most half of that
_KEY_LABEL, _KEY_HEAD = b"PRIVATE KEY-----", 1024  # the PEM label of private keys, and how many bytes are searched
_NOT_FILES = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK, errno.ENXIO)  # a link under O_NOFOLLOW; a socket
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Listing:
    """The content of a folder: its regular files, and a description of each other entry that was not descended into."""

    files: frozenset[str]
    others: dict[str, str]


def list_folder(folder: Path) -> Listing:
    """List a folder and the folders in it; names are relative, with `/`."""
    files: set[str] = set()
    others: dict[str, str] = {}
    try:
        top = os.open(folder, _FOLDER_FLAGS & ~os.O_NOFOLLOW)
        for count, (name, entry) in enumerate(_walk(top, ""), start=1):
            if count > MAX_LISTED:
                raise SigningError(Reason.TOO_LARGE, f"{folder}: holds more than {MAX_LISTED:,} entries")
            if entry.is_file(follow_symlinks=False):
                files.add(name)
            elif entry.is_dir(follow_symlinks=False):
                if _too_deep(name):
                    others[name] = f"a folder deeper than {MAX_PARTS} levels, whose content is not listed"
            else:
                others[name] = "a symbolic link" if entry.is_symlink() else "neither a file nor a folder"
    except OSError as e:
        raise unreadable(folder, e) from e
    return Listing(frozenset(files), others)


class Reader:
    """Reads files below one folder. A link in any part of a name is refused, also one that has just been put there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str, *, limit: int) -> bytes:
        """Return a file's bytes; a file larger than `limit` is refused."""
        with self._opened(name) as descriptor:
            return read_exactly(descriptor, repr(name), limit=limit)

    def read_if(self, name: str, *, size: int) -> tuple[int, bytes | None]:
        """Return a file's actual size, and its bytes if that is the expected size."""
        with self._opened(name) as descriptor:
            actual = os.fstat(descriptor).st_size
            return actual, read_exactly(descriptor, repr(name), limit=size) if actual == size else None

    def digest(self, name: str, *, limit: int, refuse_keys: bool = False) -> tuple[str, int]:
        """Return a file's SHA-256 and its size, without keeping its bytes; `refuse_keys` refuses private keys."""
        digest, size = hashlib.sha256(), 0
        with self._opened(name) as descriptor:
            if os.fstat(descriptor).st_size > limit:
                raise over(repr(name), limit)
            while chunk := os.read(descriptor, CHUNK):
                if refuse_keys and not size and _KEY_LABEL in chunk[:_KEY_HEAD]:
                    hint = "move it elsewhere: everybody who receives the folder would have the key"
                    raise SigningError(Reason.KEY_EXPOSED, f"{name!a}: is a private key", hint=hint)
                digest.update(chunk)
                size += len(chunk)
                if size > limit:
                    raise over(repr(name), limit)
        return digest.hexdigest(), size

    def load(self, name: str, *, limit: int) -> tuple[str, memoryview]:
        """Read a file once into private memory, and return the SHA-256 of that memory together with it.

        Each piece is hashed in that memory right after it was read, while it is in the cache. The memory is not a
        mapping of the file, since later writes to the file would show even in a private mapping.
        """
        with self._opened(name) as descriptor:
            if (size := os.fstat(descriptor).st_size) > limit:
                raise over(repr(name), limit)
            memory = _own_memory(size)
            digest, done = hashlib.sha256(), 0
            while done < size and (count := os.readv(descriptor, [memory[done : done + CHUNK]])):
                digest.update(memory[done : done + count])
                done += count
            if done < size or os.read(descriptor, 1):
                raise SigningError(Reason.DIGEST_MISMATCH, f"{name!r}: changed while it was read")
        return digest.hexdigest(), memory

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        *folders, last = name.split("/")
        opened = []
        try:
            # The top folder, which the user named, may be a link; nothing below it may.
            opened.append(os.open(self._folder, _FOLDER_FLAGS & ~os.O_NOFOLLOW))
            for part in folders:
                opened.append(os.open(part, _FOLDER_FLAGS, dir_fd=opened[-1]))
            file = os.open(last, READ_FLAGS | os.O_NOFOLLOW, dir_fd=opened[-1])
            opened.append(file)
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise SigningError(Reason.NOT_A_FILE, f"{name!r}: not a regular file")
            yield file
        except FileNotFoundError as e:
            raise SigningError(Reason.MISSING_FILE, f"{name!r}: not there") from e
        except OSError as e:
            if e.errno in _NOT_FILES:
                raise SigningError(Reason.NOT_A_FILE, f"{name!r}: a link, or neither a file nor a folder") from e
            raise unreadable(repr(name), e) from e
        finally:
            for descriptor in opened:
                os.close(descriptor)


def _own_memory(size: int) -> memoryview:
    """Return memory that no other process shares, in huge pages where the kernel has them: a fifth of the time."""
    memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # a kernel without huge pages
            memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)[:size]


def _walk(descriptor: int, prefix: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    """Yield the entries of an open folder and of the folders in it, each opened from its parent, so never by a link."""
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                yield prefix + entry.name, entry
                if entry.is_dir(follow_symlinks=False) and not _too_deep(prefix + entry.name):
                    inner = os.open(entry.name, _FOLDER_FLAGS, dir_fd=descriptor)
                    yield from _walk(inner, f"{prefix}{entry.name}/")
    finally:
        os.close(descriptor)


def _too_deep(name: str) -> bool:
    """Say whether every file in this folder would have a name with too many parts to be signed."""
    return name.count("/") >= MAX_PARTS
