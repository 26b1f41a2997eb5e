"""SER, the series files of FEI's TIA: a header, the places of the elements, and one image as the only element.

We know of no official description; the fields are those that readers agree on. Rows are stored from the lowest to
the highest, as TIA shows them and as ncempy and RosettaSciIO read them.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fusiondiff_audit.images.errors import malformed, too_large, unsupported
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

MAX_DIMENSIONS = 8  # of a series; real ones have one or two
_IMAGES, _SPECTRA = 0x4122, 0x4120  # kinds of elements
_TAGS = {0x4152: 8, 0x4142: 24}  # bytes of the tag of an element: its time, and its position
_OFFSETS = {0x0210: "i", 0x0220: "q"}  # by version
_TYPES = {1: "u1", 2: "u2", 3: "u4", 4: "i1", 5: "i2", 6: "i4", 7: "f4", 8: "f8"}
_OTHER_TYPES = {9: "complex numbers", 10: "complex numbers of 128 bits"}


@dataclass(frozen=True, slots=True)
class SerImage:
    """The one image of a file; the sides of a pixel are text, in metres by TIA's convention."""

    width: int
    height: int
    kind: str
    offset: int
    across: str
    down: str
    spans: tuple[tuple[int, int], ...]  # of all but the samples


def read_ser(data: bytes) -> SerImage:
    """Read a file of one image; series and spectra are refused."""
    version, elements, tag_kind, total, valid = _unpack(data, "Hiiii", 4)
    if version not in _OFFSETS:
        raise unsupported(f"a SER of version {version:#06x}")
    if elements == _SPECTRA:
        raise unsupported("a SER of spectra", hint=EXPORT_ONE)
    if elements != _IMAGES or tag_kind not in _TAGS:
        raise malformed(f"a SER of elements {elements:#06x} with tags {tag_kind:#06x}")
    if total != 1 or valid != 1:
        raise unsupported(f"a SER with places for {total:,} images, {valid:,} of them taken", hint=EXPORT_ONE)
    form = _OFFSETS[version]
    places, dimensions = _unpack(data, f"{form}i", 22)
    header_end = _skip_dimensions(data, 22 + struct.calcsize(f"<{form}i"), dimensions)
    element, tag = _unpack(data, f"2{form}", places)
    _, across, _, _, down, _, number_type, width, height = _unpack(data, "ddiddihii", element)
    if number_type not in _TYPES:
        name = _OTHER_TYPES.get(number_type, f"type {number_type}")
        raise unsupported(f"a SER of {name}; whole numbers and floating point are read", hint=EXPORT)
    samples = element + struct.calcsize("<ddiddihii")
    spans = [(0, header_end), (places, places + struct.calcsize(f"<2{form}")), (element, samples)]
    if 0 < tag <= len(data) - _TAGS[tag_kind]:  # some writers state a wrong place
        spans.append((tag, tag + _TAGS[tag_kind]))
    return SerImage(width, height, f"<{_TYPES[number_type]}", samples, f"{across:.10g}", f"{down:.10g}", tuple(spans))


def _skip_dimensions(data: bytes, position: int, count: int) -> int:
    """Return where the descriptions of the series' dimensions end."""
    if not 0 <= count <= MAX_DIMENSIONS:
        raise malformed(f"a series of {count:,} dimensions")
    start = position
    for _ in range(count):
        position += 24  # size, offset, step and element
        for _text in ("description", "unit"):
            (length,) = _unpack(data, "i", position)
            if length < 0:
                raise malformed(f"a text of {length:,} bytes")
            position += 4 + length
            if position - start > MAX_METADATA:
                raise too_large(f"{position - start:,} bytes beside the image or more, at most {MAX_METADATA:,}")
    if position > len(data):
        raise malformed("cut short: a dimension lies outside the file")
    return position


def _unpack(data: bytes, form: str, offset: int) -> tuple[Any, ...]:
    if offset < 0 or offset + struct.calcsize(f"<{form}") > len(data):
        raise malformed("cut short: a part of the header lies outside the file")
    return struct.unpack_from(f"<{form}", data, offset)


def _read_header(data: bytes, _name: str) -> tuple[ImageHeader, Spans]:
    image = read_ser(data)
    layout = PlaneLayout(image.kind, image.offset, upward=True)
    header, samples = plane_header(data, "ser", image.width, image.height, layout)
    described = sorted([*image.spans[:3], samples])
    if any(start < end for (_, end), (start, _) in pairwise(described)):
        raise malformed("parts of the file overlap")
    return header, [*image.spans, samples]


SER = ImageFormat(
    name="ser",
    suffixes=(".ser",),
    signatures=(rb"II\x97\x01[\x10\x20]\x02",),
    read_header=_read_header,
    decoder_memory=plane_memory,
    decoder=PLANE_DECODER,
    library=PLANE_LIBRARY,
)
