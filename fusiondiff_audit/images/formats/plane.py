"""One grey plane of numbers, as the formats of microscopes store it, and the header that such a file has.

Numbers of other types than 8 and 16 bits unsigned are read only where every one of them is whole and within 0 to
65,535, or 0 to 255 where they have 8 bits: the pixels are then exactly the stored numbers. The decoder looks at each.
"""

from fusiondiff_audit.images.errors import malformed
from fusiondiff_audit.images.header import ImageHeader, PlaneLayout, check_bytes, check_size

EXPORT = "export the image as a grey TIFF of 8 or 16 bits, before signing"
EXPORT_ONE = "export the image that is meant as a grey TIFF of 8 or 16 bits, before signing"
PLANE_DECODER, PLANE_LIBRARY = "fusiondiff_audit.images.formats.plane_decoder", "numpy"
_BANDS = 16 * 1024 * 1024  # bytes; a band of 1 MiB is stored in up to 8 times as many, and compared with its copy
_TYPES = {"u": "unsigned", "i": "signed", "f": "floating-point"}


def plane_header(
    data: bytes, name: str, width: int, height: int, plane: PlaneLayout, ignored: tuple[str, ...] = ()
) -> tuple[ImageHeader, tuple[int, int]]:
    """Return the header of a file with one plane, and the span of its samples, which must lie within the file."""
    check_size(width, height)
    kind, size = plane.kind[1], int(plane.kind[2:])
    bits = 8 if size == 1 else 16
    check_bytes(width * height * bits // 8)
    end = plane.offset + width * height * size
    if end > len(data):
        raise malformed(f"cut short: {width} x {height} samples of {size} bytes end at {end:,} of {len(data):,} bytes")
    notes = [f"ignored: {', '.join(ignored)}"] if ignored else []
    if plane.kind[1:] != f"u{bits // 8}":
        notes.append(f"{_TYPES[kind]} samples of {8 * size} bits, all whole and from 0 to {_most(kind, size):,}")
    if plane.upward:
        notes.append("rows stored from the lowest to the highest")
    header = ImageHeader(name, width, height, channels=1, bits=bits, notes=tuple(notes), plane=plane)
    return header, (plane.offset, end)


def _most(kind: str, size: int) -> int:
    """Return the largest sample that is read of numbers of so many bytes."""
    return min(65_535, (1 << 8 * size - (kind == "i")) - 1)


def plane_memory(_header: ImageHeader, _size: int) -> int:
    """Return the bytes that decoding a plane takes: a few copies of a band of rows."""
    return _BANDS
