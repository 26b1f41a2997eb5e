"""Text beside a picture: looked at for an orientation, which some readers take from XMP."""

import re

from fusiondiff_audit.images.errors import ambiguous

_UPRIGHT = b"1"
_ATTRIBUTE = re.compile(rb"orientation\s*=\s*[\"']\s*([^\"'\s]{0,8})", re.IGNORECASE)  # tiff:Orientation="6"
_ELEMENT = re.compile(rb"(/?)(?:[^\s:]{1,100}:)?orientation(?=[\s/]|$)", re.IGNORECASE)  # <tiff:Orientation>6</...>


def check_xmp(text: bytes) -> None:
    """Refuse text that says that the picture is to be turned; UTF-16 and UTF-32 are read as if they were ASCII."""
    text = text.replace(b"\0", b"")
    values = [value for value in _ATTRIBUTE.findall(text) if value]
    for part in text.split(b"<"):
        tag, ended, content = part.partition(b">")
        if ended and (element := _ELEMENT.match(tag)):
            content = content.strip()
            if not element[1] or content[:1].isdigit():  # behind a closing tag, only what looks like a value
                values.append(content)
    for value in values:
        if value != _UPRIGHT:
            raise ambiguous(f"XMP orientation {value[:8].decode('ascii', 'replace')!a}: some readers would turn it")
