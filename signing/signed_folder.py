"""Checks of a folder against a signed list, file by file: one refused file never stops the others."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from signing.errors import Reason, SigningError
from signing.files import is_temporary
from signing.folder import Listing, Reader, list_folder
from signing.names import refuse_collisions, refuse_unsafe
from signing.parallel import THREADS, map_in_order

_MOST_NAMED = 20  # names in a message
_LEFTOVERS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".localized"})


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that differs from the signed list, and the reason."""

    name: str
    reason: Reason
    message: str
    hint: str | None = None


def require_folder(folder: Path) -> None:
    """Refuse a path that is not a folder."""
    if not os.path.isdir(folder):
        raise SigningError(Reason.UNREADABLE, f"{folder}: not a folder that can be read")


def plain_files(folder: Path, *, besides: frozenset[str], most: int) -> list[str]:
    """Return the names to sign, in code-point order, or refuse the folder before the first second of hashing.

    Links and special files are refused, since their bytes are not in the folder; so are leftovers of the system.
    """
    require_folder(folder)
    listing = list_folder(folder)
    if listing.others:
        name, description = min(listing.others.items())
        hint = "sign a folder of plain files"
        raise SigningError(Reason.NOT_A_FILE, f"{folder}: {name!a} is {description}", hint=hint)
    names = sorted(listing.files - besides)
    if not names:
        raise SigningError(Reason.EMPTY, f"{folder}: holds no files to sign")
    if len(names) > most:
        hint = "split the folder"
        raise SigningError(Reason.TOO_LARGE, f"{folder}: {len(names):,} files, at most {most:,}", hint=hint)
    if leftovers := [name for name in names if is_leftover(name)]:
        named = ", ".join(ascii(name) for name in leftovers[:_MOST_NAMED])
        more = f" and {len(leftovers) - _MOST_NAMED:,} more" if len(leftovers) > _MOST_NAMED else ""
        hint = "the operating system, or a run that was killed, left them: delete them, then sign"
        raise SigningError(Reason.EXTRA_FILE, f"{folder}: leftovers: {named}{more}", hint=hint)
    for name in names:
        refuse_unsafe(name)
    refuse_collisions((*besides, *names))
    return names


def hash_files(
    folder: Path, names: list[str], *, limit: int, progress: Callable[[int, int], None]
) -> Iterator[tuple[str, str, int]]:
    """Yield name, SHA-256 and size of each file that is about to be signed; a private key among them is refused."""
    reader = Reader(folder)
    digests = map_in_order(lambda name: reader.digest(name, limit=limit, refuse_keys=True), names, threads=THREADS)
    for done, (name, (digest, size)) in enumerate(zip(names, digests, strict=True), start=1):
        yield name, digest, size
        progress(done, len(names))


def refuse_absent(listing: Listing, name: str) -> RefusedFile | None:
    """Return the refusal for a signed file that is missing or not a regular file."""
    if description := listing.others.get(name):
        return RefusedFile(name, Reason.NOT_A_FILE, f"{name!a}: signed as a file, found {description}")
    if name not in listing.files:
        return RefusedFile(name, Reason.MISSING_FILE, f"{name!a}: signed, but not there")
    return None


def refuse_altered(name: str, signed: str, found: str) -> RefusedFile:
    """Return the refusal for a file with another digest or size than the signed one."""
    return RefusedFile(name, Reason.DIGEST_MISMATCH, f"{name!a}: signed as {signed}, found {found}")


def refuse_extra(listing: Listing, signed: frozenset[str]) -> Iterator[RefusedFile]:
    """Yield the refusals for all files that are not signed."""
    leftover = "the operating system left this file, or a run that was killed; delete it, it was not signed"
    for name in sorted((listing.files | listing.others.keys()) - signed):
        hint = leftover if is_leftover(name) else None
        yield RefusedFile(name, Reason.EXTRA_FILE, f"{name!a}: there, but not signed", hint)


def is_leftover(name: str) -> bool:
    """Say whether files of that name are left by operating systems or by a killed run of this program."""
    last = name.rsplit("/", 1)[-1]
    return last in _LEFTOVERS or is_temporary(last)
