"""What a file says of its picture, read by our own code before any decoder sees a byte.

A header is a claim that was checked as far as it can be without decoding: every offset lies within the file, the
counts add up, and what follows the picture is nothing that another program would open.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath

from fusiondiff_audit.images.errors import malformed, too_large, unsupported

MAX_FILE = 256 * 1024 * 1024  # bytes; the largest real micrograph seen has 4 MB
MAX_PIXELS = 100_000_000  # 16384 x 5000 zeros deflate to 83 KB, so pixels are the limit and not the file's size
MAX_SIDE = 32_768
MAX_TRAILING = 64 * 1024  # bytes after the picture; of 480 laboratory TIFFs 40 had some
_MAGICS = {  # what must not hide behind a picture
    b"PK\x03\x04": "a ZIP archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG",
    b"\xff\xd8\xff": "a JPEG",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"#!": "a script",
    b"<": "markup",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip stream",
    b"BZh": "a bzip2 stream",
    b"\xfd7zXZ": "an xz stream",
    b"GIF8": "a GIF",
    b"BM": "a bitmap",
}


class Container(StrEnum):
    """The file formats that are read."""

    TIFF = "tiff"
    PNG = "png"
    JPEG = "jpeg"


_SUFFIXES = {
    Container.TIFF: frozenset({".tif", ".tiff"}),
    Container.PNG: frozenset({".png"}),
    Container.JPEG: frozenset({".jpg", ".jpeg"}),
}


@dataclass(frozen=True, slots=True)
class Header:
    """A picture as its container describes it. `channels` counts what is stored, a constant alpha included."""

    container: Container
    width: int
    height: int
    channels: int
    bits: int
    lossy: bool = False
    palette: bytes = b""  # red, green and blue of each index, where the picture is one of indices
    alpha: bool = False  # the last channel is opacity
    trailing: int = 0  # bytes after the picture
    notes: tuple[str, ...] = ()
    detail: object = field(default=None, repr=False)  # what the decoder of this container must know

    @property
    def nbytes(self) -> int:
        """Return how many bytes the stored samples have."""
        return self.width * self.height * self.channels * (self.bits // 8)


def read_header(data: bytes, name: str) -> Header:
    """Read the header of a file; what is not a PNG, TIFF or JPEG is unsupported, and named as what it is."""
    if len(data) > MAX_FILE:
        raise too_large(f"{len(data):,} bytes, at most {MAX_FILE:,} are read")
    container = _container(data)
    suffix = PurePath(name).suffix.lower()
    if suffix not in _SUFFIXES[container]:
        raise malformed(f"named {suffix or 'without an ending'!s}, but it is a {container.upper()}")
    return _walker(container)(data)


def check_size(width: int, height: int) -> None:
    """Refuse pictures without pixels, or with more than are read."""
    if width < 1 or height < 1:
        raise malformed(f"a picture of {width} x {height} pixels")
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise too_large(f"{width} x {height} pixels, at most {MAX_PIXELS:,} and {MAX_SIDE:,} a side")


def check_trailing(rest: bytes | memoryview) -> int:
    """Return how many bytes follow a picture; another file among them, or very many, are refused."""
    start = bytes(rest[:8])
    for magic, what in _MAGICS.items():
        if start.startswith(magic):
            raise malformed(f"{what} follows the picture")
    if len(rest) > MAX_TRAILING:
        raise malformed(f"{len(rest):,} bytes follow the picture, at most {MAX_TRAILING:,}")
    return len(rest)


def _container(data: bytes) -> Container:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Container.PNG
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return Container.TIFF
    if data.startswith(b"\xff\xd8\xff"):
        return Container.JPEG
    found = next((what for magic, what in _MAGICS.items() if data.startswith(magic)), None)
    raise unsupported(f"{found or 'neither PNG, TIFF nor JPEG'}, beginning with {data[:8].hex(' ') or 'nothing'}")


def _walker(container: Container) -> Callable[[bytes], Header]:
    from fusiondiff_audit.images import jpeg, png, tiff

    return {Container.PNG: png.walk, Container.TIFF: tiff.walk, Container.JPEG: jpeg.walk}[container]
