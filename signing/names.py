"""Portable file names: a name that does not mean the same file on every system is refused.

A batch is signed on one system and opened on another. A name that some system truncates, treats as equal to another
name, or takes for a device is refused when the batch is signed and when it is opened.
"""

import re
import unicodedata
from collections.abc import Iterable

from signing.errors import Reason, SigningError
from signing.strict import is_name, is_plain

MAX_NAME = 1024  # bytes of a whole name in UTF-8
MAX_PART = 255  # bytes between two slashes, the limit of most file systems
MAX_PARTS = 32
_FORBIDDEN = re.compile(r'[<>:"\\|?*]')  # characters that Windows refuses or interprets
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)


def refuse_unsafe(name: str) -> None:
    """Refuse a name that is not a plain relative path with `/` between its parts."""
    if fault := _fault(name):
        raise SigningError(Reason.UNSAFE_NAME, f"{name[:MAX_NAME]!a}: {fault}", hint="rename the file, then sign again")


def refuse_collisions(names: Iterable[str]) -> None:
    """Refuse two names that are equal on some system, and a file that is also a folder."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        folded = _fold(name)
        if folded in files:
            message = f"{name!a} and {files[folded]!a} are one file on systems that fold case or Unicode forms"
            raise SigningError(Reason.UNSAFE_NAME, message, hint="rename one of them, then sign again")
        files[folded] = name
        parts = folded.split("/")
        for i in range(1, len(parts)):
            folders.setdefault("/".join(parts[:i]), name)
    for folded, name in folders.items():
        if folded in files:
            raise SigningError(Reason.UNSAFE_NAME, f"{files[folded]!a} is a file, and the folder of {name!a}")


def _fold(name: str) -> str:
    """Return the form of a name on systems that fold case and Unicode forms."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _fault(name: str) -> str | None:
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "the name is not UTF-8"
    parts = name.split("/")
    if not name or size > MAX_NAME or len(parts) > MAX_PARTS:
        return f"a name has 1 to {MAX_NAME} bytes in at most {MAX_PARTS} parts"
    if not is_plain(name):
        return "the name holds control or invisible characters"
    if _FORBIDDEN.search(name):
        return 'a name holds none of < > : " \\ | ? *'
    for part in parts:
        if part in ("", ".", ".."):
            return "a name is a relative path without empty parts, `.` or `..`"
        if len(part.encode("utf-8")) > MAX_PART:
            return f"a part of a name has at most {MAX_PART} bytes"
        if part != part.strip() or part.endswith("."):
            return "some systems cut spaces at the ends and dots at the end of a name"
        if not is_name(part):
            return "a name does not begin with a mark that is drawn on the character before it"
        if _DEVICE.fullmatch(part):
            return "the name is a device on some systems"
    return None
