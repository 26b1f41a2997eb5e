"""EXIF beside an image (CIPA DC-008): looked at for the one thing in it that turns the image, its orientation."""

import struct

from fusiondiff_audit.images.errors import ambiguous

_ORIENTATION, _BELOW, _SHORT, _LONG, _UPRIGHT = 274, 34665, 3, 4, 1
_ENTRY = 12  # bytes


def check_exif(data: bytes) -> None:
    """Refuse EXIF that turns the image, or whose directories some readers would read and others would not."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        raise ambiguous("EXIF that does not begin as it must")
    order = "<" if data[:2] == b"II" else ">"
    (place,) = _unpack(data, f"{order}I", 4)
    below = _check_directory(data, order, place)
    if below is not None:
        _check_directory(data, order, below)


def _check_directory(data: bytes, order: str, place: int) -> int | None:
    """Refuse a directory with an orientation other than upright; return where the one below it begins."""
    (count,) = _unpack(data, f"{order}H", place)
    below = None
    for number in range(count):
        entry = place + 2 + number * _ENTRY
        tag, kind, values, value, _ = _unpack(data, f"{order}HHIHH", entry)
        if tag == _ORIENTATION and (kind, values, value) != (_SHORT, 1, _UPRIGHT):
            raise ambiguous(f"EXIF orientation {value}: some readers would turn the image")
        if tag == _BELOW and kind == _LONG:
            (below,) = _unpack(data, f"{order}I", entry + 8)
    return below


def _unpack(data: bytes, form: str, offset: int) -> tuple[int, ...]:
    if offset + struct.calcsize(form) > len(data):
        raise ambiguous("EXIF whose directory lies outside it")
    return struct.unpack_from(form, data, offset)
