"""PNG, read chunk by chunk (PNG specification, third edition): each chunk's length, CRC and kind are checked."""

import re
import struct
import zlib
from typing import TypeVar

from fusiondiff_audit.images.errors import malformed, too_large, unsupported
from fusiondiff_audit.images.formats.image_format import ImageFormat, Spans
from fusiondiff_audit.images.formats.inflate import Inflater
from fusiondiff_audit.images.formats.png_chunks import check_chunk
from fusiondiff_audit.images.header import MAX_METADATA, ImageHeader, check_bytes, check_size

_Data = TypeVar("_Data", bytes, memoryview)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 65_536
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_REPEATED = frozenset({b"tEXt", b"zTXt", b"iTXt", b"sPLT"})
_DEPTHS = {0: (8, 16), 2: (8, 16), 3: (8,), 4: (8, 16), 6: (8, 16)}


def _read_header(data: bytes, _name: str) -> tuple[ImageHeader, Spans]:
    """Return the header of a PNG, whose structure is checked, and whose pixels are inflated to be counted."""
    kind, body, position = _chunk(data, len(SIGNATURE))
    if kind != b"IHDR":
        raise malformed("IHDR is not first")
    width, height, bits, colour = _read_ihdr(body)
    # A filter byte for each row, and the samples.
    expected = height * (1 + width * _CHANNELS[colour] * bits // 8)
    too_much = malformed(f"inflates to more than the {expected:,} bytes that its size means")
    pixels = Inflater(expected, "the image's data", too_much)
    palette, ancillary, begun = b"", 0, False
    ignored: set[bytes] = set()
    for _ in range(MAX_CHUNKS):
        previous = kind
        kind, body, position = _chunk(data, position)
        if kind == b"IHDR":
            raise malformed("IHDR is there twice")
        if kind == b"PLTE":
            if palette or not body or len(body) % 3 or len(body) > 768 or begun:
                raise malformed("a palette of the wrong size, twice, or after the image")
            if colour in (0, 4):
                raise malformed("a palette in a grey image")
            palette = body
        elif kind == b"IDAT":
            if begun and previous != b"IDAT":
                raise malformed("the image's data is interrupted by other chunks")
            begun = True
            for _ in pixels.feed(body):
                pass
        elif kind == b"IEND":
            if body:
                raise malformed("IEND is not empty")
            break
        else:
            if kind in ignored and kind not in _REPEATED:
                raise malformed(f"chunk {kind!a} is there twice")
            ancillary += check_chunk(kind, body, bits=bits, channels=_CHANNELS[colour])
            ignored.add(kind)
            if ancillary > MAX_METADATA:
                raise too_large(f"more than {MAX_METADATA:,} bytes beside the image")
    else:
        raise too_large(f"more than {MAX_CHUNKS:,} chunks")
    pixels.finish()
    if pixels.produced != expected:
        raise malformed(f"inflates to {pixels.produced:,} bytes, its size means {expected:,}")
    if colour == 3 and not palette:
        raise malformed("an image of indices without a palette")
    header = ImageHeader(
        format="png",
        width=width,
        height=height,
        channels=_CHANNELS[colour],
        bits=bits,
        palette=palette if colour == 3 else b"",
        alpha=colour in (4, 6),
        notes=(f"chunks ignored: {', '.join(kind.decode() for kind in sorted(ignored))}",) if ignored else (),
    )
    return header, [(0, position)]


def strip_metadata(data: memoryview) -> bytes:
    """Return a PNG whose header was read, with its image alone, for the decoder; palette indices become greys."""
    parts: list[bytes | memoryview] = [SIGNATURE]
    position = len(SIGNATURE)
    while True:
        kind, body, position = _chunk(data, position)
        part: bytes | memoryview = body
        if kind == b"IHDR":
            part = bytes(body[:9]) + bytes([0 if body[9] == 3 else body[9]]) + bytes(body[10:])
        if kind in (b"IHDR", b"IDAT", b"IEND"):
            crc = zlib.crc32(part, zlib.crc32(kind))
            parts += (struct.pack(">I", len(part)), kind, part, struct.pack(">I", crc))  # one copy, when all are joined
        if kind == b"IEND":
            return b"".join(parts)


def _chunk(data: _Data, position: int) -> tuple[bytes, _Data, int]:
    """Return a chunk's kind and body, and where the next one begins."""
    if position + 12 > len(data):
        raise malformed("cut short: a chunk is missing")
    (length,) = struct.unpack_from(">I", data, position)
    kind, end = bytes(data[position + 4 : position + 8]), position + 8 + length
    if end + 4 > len(data):
        raise malformed(f"cut short: chunk {kind!a} claims {length:,} bytes")
    body = data[position + 8 : end]
    (crc,) = struct.unpack_from(">I", data, end)
    if crc != zlib.crc32(body, zlib.crc32(kind)):
        raise malformed(f"chunk {kind!a} has another CRC than it says")
    if not kind.isalpha():
        raise malformed(f"{kind!a} is no chunk")
    return kind, body, end + 4


def _read_ihdr(body: bytes) -> tuple[int, int, int, int]:
    if len(body) != 13:
        raise malformed("IHDR has not 13 bytes")
    width, height, bits, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    check_size(width, height)
    if compression or filtering or interlace > 1 or colour not in _DEPTHS:
        raise malformed("IHDR names a method that PNG does not have")
    if interlace:
        raise unsupported("an interlaced PNG")
    if bits not in _DEPTHS[colour]:
        raise unsupported(f"a PNG of {bits} bits and colour type {colour}; 8 and 16 bits are read")
    check_bytes(width * height * _CHANNELS[colour] * bits // 8)  # before they are inflated to be counted
    return width, height, bits, colour


def _decoder_memory(header: ImageHeader, size: int) -> int:
    """Return the bytes of what the library gets and gives, or of the samples and their grey levels."""
    return header.nbytes + max(size, header.nbytes)


PNG = ImageFormat(
    name="png",
    suffixes=(".png",),
    signatures=(re.escape(SIGNATURE),),
    read_header=_read_header,
    decoder_memory=_decoder_memory,
    decoder="fusiondiff_audit.images.formats.png_decoder",
    library="imagecodecs",
)
