"""Photoshop's image resources, from which some readers take EXIF, XMP or a profile."""

import struct
from typing import Any

from fusiondiff_audit.images.errors import ambiguous
from fusiondiff_audit.images.formats.exif import check_exif
from fusiondiff_audit.images.formats.icc import check_profile
from fusiondiff_audit.images.formats.xmp import check_xmp

_SIGNATURE = b"8BIM"
_PROFILE, _EXIF, _EXIF_MORE, _XMP = 0x040F, 0x0422, 0x0423, 0x0424


def check_resources(data: bytes, channels: int) -> None:
    """Refuse resources that turn the image or change its tones, and resources that cannot be parsed."""
    place = 0
    while place < len(data.rstrip(b"\0")):
        signature, number, length = _unpack(data, ">4sHB", place)
        if signature != _SIGNATURE:
            raise ambiguous("Photoshop's resources that cannot be read")
        place += 6 + (length + 2) // 2 * 2  # the name, with its length, takes an even number of bytes
        (size,) = _unpack(data, ">I", place)
        body = data[place + 4 : place + 4 + size]
        if len(body) != size:
            raise ambiguous("Photoshop's resources that are cut short")
        place += 4 + (size + 1) // 2 * 2
        if number in (_EXIF, _EXIF_MORE):
            check_exif(body)
        elif number == _XMP:
            check_xmp(body)
        elif number == _PROFILE:
            check_profile(body, channels)


def _unpack(data: bytes, form: str, place: int) -> tuple[Any, ...]:
    if place + struct.calcsize(form) > len(data):
        raise ambiguous("Photoshop's resources that are cut short")
    return struct.unpack_from(form, data, place)
