"""JPEG, walked marker by marker (ITU T.81, annex B): one frame of 8 bits, and its end where it must be."""

import re
import struct

from fusiondiff_audit.images.errors import malformed, too_large, unsupported
from fusiondiff_audit.images.header import Container, Header, check_size, check_trailing

MAX_SEGMENTS = 4096
_AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended and progressive, Huffman-coded
_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})


def walk(data: bytes) -> Header:
    """Return the header of a JPEG, with its markers walked to the end."""
    position, frame, scans = 2, None, 0
    for _ in range(MAX_SEGMENTS):
        marker, position = _marker(data, position)
        if marker == 0xD9:
            break
        if marker in _STANDALONE:
            continue
        body, position = _segment(data, position)
        if marker == 0xD8:
            raise malformed("a picture within the picture")
        if marker in _OTHER_FRAMES:
            raise unsupported("a lossless, hierarchical or arithmetic-coded JPEG")
        if marker in _FRAMES:
            if frame is not None:
                raise malformed("two frames")
            frame = _read_frame(body)
        if marker == 0xDA:
            if frame is None:
                raise malformed("a scan before its frame")
            scans += 1
            position = _skip_scan(data, position)
    else:
        raise too_large(f"more than {MAX_SEGMENTS:,} segments")
    if frame is None or not scans:
        raise malformed("a JPEG without a picture")
    height, width, channels = frame
    return Header(
        container=Container.JPEG,
        width=width,
        height=height,
        channels=channels,
        bits=8,
        lossy=True,
        trailing=check_trailing(memoryview(data)[position:]),
    )


def _marker(data: bytes, position: int) -> tuple[int, int]:
    if data[position : position + 1] != b"\xff":
        raise malformed("cut short, or no marker where one must be")
    while data[position : position + 1] == b"\xff":  # fill bytes
        position += 1
    if position >= len(data) or not data[position]:
        raise malformed("cut short: a marker is missing")
    return data[position], position + 1


def _segment(data: bytes, position: int) -> tuple[bytes, int]:
    if position + 2 > len(data):
        raise malformed("cut short: a segment is missing")
    (length,) = struct.unpack_from(">H", data, position)
    if length < 2 or position + length > len(data):
        raise malformed("a segment lies outside the file")
    return data[position + 2 : position + length], position + length


def _read_frame(body: bytes) -> tuple[int, int, int]:
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise malformed("a frame of another length than its components need")
    bits, height, width, channels = struct.unpack_from(">BHHB", body)
    check_size(width, height)
    if bits != 8 or channels not in (1, 3):
        raise unsupported(f"a JPEG of {bits} bits and {channels} channels")
    return height, width, channels


def _skip_scan(data: bytes, position: int) -> int:
    """Return where the next marker stands that is neither a stuffed byte nor a restart."""
    found = _AFTER_SCAN.search(data, position)
    if found is None:
        raise malformed("cut short: the picture does not end")
    return found.start()
