"""Unreferenced bytes: those before, between and behind the parts of a file that its container describes.

Another file could hide there, for programs that search a file for their own format. A few such bytes are ordinary
(padding, remains of an edit), and are counted.
"""

import re
from collections.abc import Iterable

from fusiondiff_audit.images.errors import malformed
from fusiondiff_audit.images.formats.registry import FORMATS

MAX_UNREFERENCED = 64 * 1024  # bytes of a file; of 480 laboratory TIFFs 40 had some
_PADDING = b"\0\xff \t\r\n"
_SEARCHED = 3  # bytes of a signature or more: noise of the admitted size has one in one file of a hundred at most
_IMAGES = {signature: f"a {image.name.upper()}" for image in FORMATS for signature in image.signatures}  # patterns
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "a ZIP archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG",  # whatever follows
    b"\x7fELF": "a program",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b\x08": "a gzip stream",
    b"\xfd7zXZ": "an xz stream",
    b"GIF8": "a GIF",
}
_COMPARED = {  # ordinary bytes or too few to be searched for; they are compared with the beginning of a gap
    b"MZ": "a program",
    b"#!": "a script",
    b"<": "markup",
    b"BZh": "a bzip2 stream",
    b"BM": "a bitmap",
    b"\x1f\x8b": "a gzip stream",
}
_FORMATS = {re.compile(pattern): name for pattern, name in _IMAGES.items()} | {
    re.compile(re.escape(magic)): name for magic, name in (_OTHERS | _COMPARED).items()
}
_ANYWHERE = re.compile(
    b"|".join([*_IMAGES, *(re.escape(magic) for magic in _OTHERS if len(magic) >= _SEARCHED)])
    + rb"|(?i:<(?:!doctype|html|script|svg))"
)


def format_at(start: bytes) -> str | None:
    """Return the format of files that begin so, if it is known."""
    return next((name for pattern, name in _FORMATS.items() if pattern.match(start)), None)


def check_gaps(data: bytes, spans: Iterable[tuple[int, int]]) -> int:
    """Return the number of bytes outside all spans; refuse many bytes, and another file among them."""
    total, end = 0, 0
    for start, stop in [*sorted(spans), (len(data), len(data))]:
        if start > end:
            total += start - end
            if total > MAX_UNREFERENCED:
                message = f"{total:,} bytes or more that belong to no part of the image, at most {MAX_UNREFERENCED:,}"
                raise malformed(message)
            gap = data[end:start]
            match = _ANYWHERE.search(gap)
            if name := format_at(match[0] if match else gap.lstrip(_PADDING)):
                raise malformed(f"{name} hides beside the image")
        end = max(end, stop)
    return total
