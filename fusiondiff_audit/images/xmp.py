"""Text beside a picture: looked at for an orientation, which some readers take from XMP."""

import re

from fusiondiff_audit.images.errors import ambiguous

# `tiff:Orientation="6"` and `<tiff:Orientation>6</tiff:Orientation>`, under whatever prefix
_ORIENTATION = re.compile(rb"orientation(?:\s*=\s*[\"']|(?:\s[^<>]{0,200})?>)\s*([^\"'\s]{0,8})", re.IGNORECASE)
_HARMLESS = re.compile(rb"(?:1(?:<.*)?|</.*|)", re.DOTALL)  # upright, behind a closing tag, or nothing


def check_xmp(text: bytes) -> None:
    """Refuse text that says that the picture is to be turned; UTF-16 and UTF-32 are read as if they were ASCII."""
    for match in _ORIENTATION.finditer(text.replace(b"\0", b"")):
        if not _HARMLESS.fullmatch(match[1]):
            raise ambiguous(f"XMP orientation {match[1].decode('ascii', 'replace')!a}: some readers would turn it")
