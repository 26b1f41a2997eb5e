"""The orientation in text metadata, which some readers take from XMP, and some from any text."""

import re

from fusiondiff_audit.images.errors import ambiguous

_WORD = re.compile(rb"orientation", re.IGNORECASE)
_NEAR = 300  # bytes on either side of the word that are checked
_IN_TAG = re.compile(rb"<(/?)[^\s<>]*$")  # the word is an element's name, perhaps of a closing tag
_UPRIGHT_ATTRIBUTE = re.compile(rb"\s*=\s*([\"'])1\1")
_UPRIGHT_ELEMENT = re.compile(rb">\s*1\s*</")
_CLOSED = re.compile(rb">\s*(?:<|$)")


def check_xmp(text: bytes) -> None:
    """Refuse text by which some readers would turn the image.

    Readers look for `tiff:Orientation="6"` and `tiff:Orientation>6` with or without parsing XML. UTF-16 and UTF-32 are
    read as if they were ASCII.
    """
    text = text.replace(b"\0", b"")
    for match in _WORD.finditer(text):
        before = text[max(0, match.start() - _NEAR) : match.start()]
        after = text[match.end() : match.end() + _NEAR]
        if not _is_harmless(before, after):
            raise ambiguous(f"text that says {match[0] + after[:20]!a}: some readers would turn the image")


def _is_harmless(before: bytes, after: bytes) -> bool:
    tag = _IN_TAG.search(before)
    if tag and tag[1]:
        return bool(_CLOSED.match(after))
    if after.lstrip()[:1] == b"=":
        return bool(_UPRIGHT_ATTRIBUTE.match(after))
    if tag or after.lstrip()[:1] == b">":
        return bool(_UPRIGHT_ELEMENT.match(after))
    return len(before) < _NEAR or bool(re.search(rb"[\s<>]", before))  # a plain word
