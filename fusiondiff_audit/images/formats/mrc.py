"""MRC, as MRC2014 describes it: a header of 1,024 bytes, an extended header of any content, and the samples.

Rows are read in the order of the file, as mrcfile and ncempy read them. Bio-Formats takes the first one for the lowest,
so its picture is the mirror image of ours. Some readers take mode 0 for unsigned, and mode 1 where the header states a
maximum above 32,767; only files in which no sample is negative are admitted, so that all see the same numbers.
"""

import struct
from dataclasses import dataclass

from fusiondiff_audit.images.errors import ambiguous, malformed, too_large, unsupported
from fusiondiff_audit.images.formats.image_format import ImageFormat, Spans
from fusiondiff_audit.images.formats.plane import (
    EXPORT,
    EXPORT_ONE,
    PLANE_DECODER,
    PLANE_LIBRARY,
    plane_header,
    plane_memory,
)
from fusiondiff_audit.images.header import MAX_METADATA, ImageHeader, PlaneLayout

_HEADER = 1024  # bytes
_EXTENDED_KIND, _MAP, _STAMP = 104, 208, 212  # offsets
_BIG_ENDIAN = b"\x11\x11"
_MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2"}
_OTHER_MODES = {3: "complex whole numbers", 4: "complex numbers", 12: "16-bit floating point", 101: "4 bits"}
_AXES = ((1, 2, 3), (0, 0, 0))  # columns, rows, sections; some writers leave them out
_IMOD, _PACKED = 1_146_047_817, 16  # IMOD's stamp, and its flag of two samples in a byte


@dataclass(frozen=True, slots=True)
class MrcHeader:
    """What the header of a file of one section states; the sides of a pixel are ångströms, as text, if stated."""

    width: int
    height: int
    kind: str
    offset: int
    across: str
    down: str


def read_mrc(data: bytes) -> MrcHeader:
    """Read the header; files of several sections and samples of other modes are refused."""
    if len(data) < _HEADER:
        raise malformed("cut short: an MRC has a header of 1,024 bytes")
    order = ">" if data[_STAMP : _STAMP + 2] == _BIG_ENDIAN else "<"
    width, height, sections, mode = struct.unpack_from(f"{order}4i", data)
    if sections > 1:
        raise unsupported(f"an MRC of {sections:,} sections; files of one are read", hint=EXPORT_ONE)
    if sections < 1:
        raise malformed(f"an MRC of {sections:,} sections")
    if mode not in _MODES:
        name = _OTHER_MODES.get(mode, "unknown")
        raise unsupported(f"an MRC of mode {mode} ({name}); modes 0, 1, 2 and 6 are read", hint=EXPORT)
    axes = struct.unpack_from(f"{order}3i", data, 64)
    if axes not in _AXES:
        raise ambiguous(f"an MRC whose columns, rows and sections are the axes {axes}: readers heed it or not")
    stamp, flags = struct.unpack_from(f"{order}2i", data, 152)
    if mode == 0 and stamp == _IMOD and flags & _PACKED:
        raise unsupported("an MRC of two samples in each byte", hint=EXPORT)
    (extended,) = struct.unpack_from(f"{order}i", data, 92)
    if extended < 0:
        raise malformed(f"an extended header of {extended:,} bytes")
    if extended > MAX_METADATA:
        raise too_large(f"an extended header of {extended:,} bytes, at most {MAX_METADATA:,}")
    across, down = _pixel_sides(data, order)
    return MrcHeader(width, height, f"{order}{_MODES[mode]}", _HEADER + extended, across, down)


def _pixel_sides(data: bytes, order: str) -> tuple[str, str]:
    """Return the sides of a pixel: the cell's, divided by its samples; writers without a scale leave 0, or 1 each."""
    if data[_EXTENDED_KIND : _EXTENDED_KIND + 4] == b"AGAR":  # FEI's older writers mean micrometres
        return "", ""
    columns, rows = struct.unpack_from(f"{order}2i", data, 28)
    wide, high = struct.unpack_from(f"{order}2f", data, 40)
    if columns < 1 or rows < 1 or (wide, high) == (columns, rows):
        return "", ""
    return f"{wide / columns:.7g}", f"{high / rows:.7g}"


def _read_header(data: bytes, _name: str) -> tuple[ImageHeader, Spans]:
    mrc = read_mrc(data)
    extended = mrc.offset - _HEADER
    ignored = (f"an extended header of {extended:,} bytes",) if extended else ()
    layout = PlaneLayout(mrc.kind, mrc.offset)
    header, span = plane_header(data, "mrc", mrc.width, mrc.height, layout, ignored)
    return header, [(0, mrc.offset), span]


MRC = ImageFormat(
    name="mrc",
    suffixes=(".mrc",),
    signatures=(rb"MAP D[DA]\0\0", rb"MAP \x11\x11\0\0"),
    read_header=_read_header,
    decoder_memory=plane_memory,
    decoder=PLANE_DECODER,
    library=PLANE_LIBRARY,
    signature_offset=_MAP,
)
