"""The container of a file, known by its first bytes, and walked by the code for its kind."""

from pathlib import PurePath

from fusiondiff_audit.images.errors import malformed, too_large, unsupported
from fusiondiff_audit.images.formats import jpeg, png, tiff
from fusiondiff_audit.images.formats.unreferenced import format_at
from fusiondiff_audit.images.header import DEFAULT, MAX_FILE, Container, ImageHeader, Limits

_PDF_WITHIN = 1024  # bytes in which readers of PDF look for its beginning
_SUFFIXES = {
    Container.TIFF: frozenset({".tif", ".tiff"}),
    Container.PNG: frozenset({".png"}),
    Container.JPEG: frozenset({".jpg", ".jpeg"}),
}


def read_image_header(data: bytes, name: str, limits: Limits = DEFAULT) -> ImageHeader:
    """Read the header of a file; what is not a PNG, TIFF or JPEG is unsupported, and named as what it is."""
    if len(data) > MAX_FILE:
        raise too_large(f"{len(data):,} bytes, at most {MAX_FILE:,} are read")
    if not data:
        raise malformed("an empty file")
    container = _container(data)
    suffix = PurePath(name).suffix.lower()
    if suffix not in _SUFFIXES[container]:
        raise malformed(f"its name ends in {suffix!a}, but it is a {container.upper()}")
    if b"%PDF-" in data[:_PDF_WITHIN]:
        raise malformed("a PDF hides in its beginning")
    return _walk(container, data, PurePath(name).name, limits)


def _container(data: bytes) -> Container:
    if data.startswith(png.SIGNATURE):
        return Container.PNG
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return Container.TIFF
    if data.startswith(b"\xff\xd8\xff"):
        return Container.JPEG
    found = format_at(data[:8]) or "neither PNG, TIFF nor JPEG"
    raise unsupported(f"{found}, beginning with {data[:8].hex(' ')}")


def _walk(container: Container, data: bytes, name: str, limits: Limits) -> ImageHeader:
    match container:
        case Container.PNG:
            return png.walk(data)
        case Container.JPEG:
            return jpeg.walk(data)
        case Container.TIFF:
            return tiff.walk(data, name, limits)
