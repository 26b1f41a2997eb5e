"""JPEG, read marker by marker (ITU-T T.81, annex B): exactly one frame of 8 bits, with all its scans and its end."""

import math
import re
import struct

from fusiondiff_audit.images.errors import ambiguous, malformed, too_large, unsupported
from fusiondiff_audit.images.formats.image_format import ImageFormat, Spans
from fusiondiff_audit.images.formats.jpeg_scans import Frame, Scans
from fusiondiff_audit.images.formats.jpeg_segments import Segments
from fusiondiff_audit.images.header import MAX_METADATA, ImageHeader, check_bytes, check_size

MAX_SEGMENTS = 4096
_MCU = 32  # pixels, the longest side of a minimum coded unit
_MOST_FILL = 16  # bytes before a marker; T.81 allows any number
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive, Huffman-coded
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF})
_TABLES, _QUANTISATION, _INTERVAL = 0xC4, 0xDB, 0xDD
_SCAN, _START, _END = 0xDA, 0xD8, 0xD9


def _read_header(data: bytes, _name: str) -> tuple[ImageHeader, Spans]:
    """Return the header of a JPEG, whose markers are read to the end."""
    position, frame, scans, has_interval, segment_bytes = 2, None, None, False, 0
    segments = Segments()
    for _ in range(MAX_SEGMENTS):
        marker, position = _marker(data, position)
        if marker == _END:
            break
        body, position = _segment(data, position, marker)
        segment_bytes += len(body)
        if segment_bytes > MAX_METADATA:
            raise too_large(f"more than {MAX_METADATA:,} bytes beside the image's data")
        if marker in _OTHER_FRAMES:
            raise unsupported("a lossless, hierarchical or arithmetic-coded JPEG")
        if marker in _FRAMES:
            if frame is not None:
                raise malformed("two frames")
            frame = _read_frame(body, marker)
            scans = Scans(frame)
        elif marker == _SCAN:
            if scans is None:
                raise malformed("a scan before its frame")
            scans.add(body)
            position = _skip_scan(data, position)
        elif marker == _TABLES:
            continue
        elif scans is not None and scans.begun:
            raise ambiguous(f"JPEG marker {marker:02X} between scans: readers heed it or not")
        elif marker == _INTERVAL:
            if has_interval:
                raise malformed("two restart intervals")
            has_interval = True
        elif marker != _QUANTISATION:
            segments.add(marker, body)
    else:
        raise too_large(f"more than {MAX_SEGMENTS:,} segments")
    if frame is None or scans is None:
        raise malformed("a JPEG without an image")
    scans.finish()
    ignored = segments.finish(frame)
    header = ImageHeader(
        format="jpeg",
        width=frame.width,
        height=frame.height,
        channels=len(frame.components),
        bits=8,
        lossy=True,
        notes=(f"segments ignored: {', '.join(ignored)}",) if ignored else (),
    )
    return header, [(0, position)]


def _marker(data: bytes, position: int) -> tuple[int, int]:
    if data[position : position + 1] != b"\xff":
        raise malformed("cut short, or no marker where one must be")
    start = position
    while data[position : position + 1] == b"\xff":  # fill bytes
        position += 1
        if position - start > _MOST_FILL:
            raise malformed(f"more than {_MOST_FILL} fill bytes before a marker")
    if position >= len(data) or not data[position]:
        raise malformed("cut short: a marker is missing")
    return data[position], position + 1


def _segment(data: bytes, position: int, marker: int) -> tuple[bytes, int]:
    if marker == _START:
        raise malformed("a second start of an image")
    if marker < 0xC0 or 0xD0 <= marker <= 0xD7:
        raise malformed(f"marker {marker:02X} where none of its kind can be")
    if position + 2 > len(data):
        raise malformed("cut short: a segment is missing")
    (length,) = struct.unpack_from(">H", data, position)
    if length < 2 or position + length > len(data):
        raise malformed("a segment lies outside the file")
    return data[position + 2 : position + length], position + length


def _read_frame(body: bytes, marker: int) -> Frame:
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise malformed("a frame of another length than its components need")
    bits, height, width, channels = struct.unpack_from(">BHHB", body)
    check_size(width, height)
    check_bytes(width * height * channels)
    if bits != 8 or channels not in (1, 3):
        raise unsupported(f"a JPEG of {bits} bits and {channels} channels")
    components = tuple(body[6::3])
    if len(set(components)) != channels:
        raise malformed("two components of one name")
    sampled_alike = len(set(body[7::3])) == 1
    return Frame(width, height, components, sampled_alike, progressive=marker == 0xC2)


def _skip_scan(data: bytes, position: int) -> int:
    """Return the position of the next marker; stuffed bytes and restarts are none."""
    match = _AFTER_SCAN.search(data, position)
    if match is None:
        raise malformed("cut short: the image does not end")
    return match.start()


def _decoder_memory(header: ImageHeader, _size: int) -> int:
    """Return the bytes of the coefficients, two each, and of the samples."""
    sides = (math.ceil(side / _MCU) * _MCU for side in (header.width, header.height))
    return 2 * header.channels * math.prod(sides) + header.nbytes


JPEG = ImageFormat(
    name="jpeg",
    suffixes=(".jpg", ".jpeg"),
    signatures=(b"\xff\xd8\xff",),
    read_header=_read_header,
    decoder_memory=_decoder_memory,
    decoder="fusiondiff_audit.images.formats.jpeg_decoder",
    library="simplejpeg",
)
