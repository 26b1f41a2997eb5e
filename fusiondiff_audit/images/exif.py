"""EXIF beside a picture (CIPA DC-008): looked at for the one thing in it that turns the picture, its orientation."""

import struct

from fusiondiff_audit.images.errors import ambiguous

_ORIENTATION, _SHORT, _UPRIGHT = 274, 3, 1
_ENTRY = 12  # bytes


def check_exif(data: bytes) -> None:
    """Refuse EXIF that turns the picture, or whose first directory some readers would read and others would not."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        raise ambiguous("EXIF that does not begin as it must")
    order = "<" if data[:2] == b"II" else ">"
    (place,) = _unpack(data, f"{order}I", 4)
    (count,) = _unpack(data, f"{order}H", place)
    for number in range(count):
        tag, kind, values, value, _ = _unpack(data, f"{order}HHIHH", place + 2 + number * _ENTRY)
        if tag == _ORIENTATION and (kind, values, value) != (_SHORT, 1, _UPRIGHT):
            raise ambiguous(f"EXIF orientation {value}: some readers would turn the picture")


def _unpack(data: bytes, form: str, offset: int) -> tuple[int, ...]:
    if offset + struct.calcsize(form) > len(data):
        raise ambiguous("EXIF whose first directory lies outside it")
    return struct.unpack_from(form, data, offset)
