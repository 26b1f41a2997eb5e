"""How the format of a file is recognised, and its header read."""

from dataclasses import replace
from pathlib import PurePath

from fusiondiff_audit.images.errors import ambiguous, malformed, too_large, unsupported
from fusiondiff_audit.images.formats.image_format import ImageFormat
from fusiondiff_audit.images.formats.registry import FORMATS
from fusiondiff_audit.images.formats.unreferenced import check_gaps, format_at
from fusiondiff_audit.images.header import MAX_IMAGE_FILE, ImageHeader

_PDF_WITHIN = 1024  # bytes at the beginning of a file, in which readers of PDF search for its signature


def read_image_header(data: bytes, name: str) -> ImageHeader:
    """Read the header of a file; a file of another format is unsupported, and its format is named where it is known."""
    if len(data) > MAX_IMAGE_FILE:
        raise too_large(f"{len(data):,} bytes, at most {MAX_IMAGE_FILE:,} are read")
    if not data:
        raise malformed("an empty file")
    recognised = _recognise(data)
    suffix = PurePath(name).suffix.lower()
    if suffix not in recognised.suffixes:
        raise malformed(f"its name ends in {suffix!a}, but it is a {recognised.name.upper()}")
    if b"%PDF-" in data[:_PDF_WITHIN]:
        raise malformed("its first bytes contain a PDF's signature")
    header, spans = recognised.read_header(data, PurePath(name).name)
    return replace(header, unreferenced=check_gaps(data, spans))


def _recognise(data: bytes) -> ImageFormat:
    recognised = [image_format for image_format in FORMATS if image_format.recognises(data)]
    if len(recognised) > 1:
        names = " and of a ".join(image_format.name.upper() for image_format in recognised)
        raise ambiguous(f"its beginning is that of a {names}")
    if recognised:
        return recognised[0]
    names = ", ".join(image_format.name.upper() for image_format in FORMATS)
    raise unsupported(f"{format_at(data[:8]) or f'none of {names}'}, beginning with {data[:8].hex(' ')}")
