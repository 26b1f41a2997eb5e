"""EXIF metadata (CIPA DC-008): its orientation is checked; nothing else in EXIF changes how an image is shown."""

import struct

from fusiondiff_audit.images.errors import ambiguous

_ORIENTATION, _EXIF_POINTER, _SHORT, _LONG, _UPRIGHT = 274, 34665, 3, 4, 1
_ENTRY = 12  # bytes


def check_exif(data: bytes) -> None:
    """Refuse EXIF that turns the image, or whose directories some readers would read and others would not."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        raise ambiguous("EXIF without the header of a TIFF")
    order = "<" if data[:2] == b"II" else ">"
    (offset,) = _unpack(data, f"{order}I", 4)
    nested = _check_directory(data, order, offset)
    if nested is not None:
        _check_directory(data, order, nested)


def _check_directory(data: bytes, order: str, offset: int) -> int | None:
    """Refuse a directory with an orientation other than upright; return the offset of a nested EXIF directory."""
    (count,) = _unpack(data, f"{order}H", offset)
    nested = None
    for number in range(count):
        entry = offset + 2 + number * _ENTRY
        tag, kind, values, value, _ = _unpack(data, f"{order}HHIHH", entry)
        if tag == _ORIENTATION and (kind, values, value) != (_SHORT, 1, _UPRIGHT):
            raise ambiguous(f"EXIF orientation {value}: some readers would turn the image")
        if tag == _EXIF_POINTER and kind == _LONG:
            (nested,) = _unpack(data, f"{order}I", entry + 8)
    return nested


def _unpack(data: bytes, form: str, offset: int) -> tuple[int, ...]:
    if offset + struct.calcsize(form) > len(data):
        raise ambiguous("EXIF whose directory lies outside it")
    return struct.unpack_from(form, data, offset)
