"""Plain PNG images: still, without text, profiles or trailing bytes, and of a bounded size."""

import zlib
from dataclasses import dataclass

PAGE_THUMBNAIL_SIDE = 136  # pixels of the longer side of a thumbnail on a page, at most
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 13  # bytes
_CHANNELS = {0: 1, 2: 3, 3: 1}  # grey, RGB, palette
_BITS = (1, 2, 4, 8)
_CHUNKS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")  # in this order; PLTE may be absent, IDAT be several


@dataclass(frozen=True, slots=True)
class PlainPng:
    """What a PNG image shows, whatever its compression: its header, its palette, and its filtered lines."""

    header: bytes
    palette: bytes
    lines: bytes


def read_plain_png(data: bytes, *, side: int) -> PlainPng:
    """Return what an image of at most `side` pixels each way shows; any other file raises ValueError."""
    chunks = _chunks(data)
    kinds = [kind for kind, _ in chunks]
    if kinds != sorted(kinds, key=_CHUNKS.index) or kinds.count(b"PLTE") > 1:
        raise ValueError("a PNG whose chunks are out of order")
    if kinds.count(b"IHDR") != 1 or kinds.count(b"IEND") != 1 or b"IDAT" not in kinds:
        raise ValueError("a PNG that lacks a chunk, or has it twice")
    parts = {kind: b"".join(body for other, body in chunks if other == kind) for kind in _CHUNKS}
    header = parts[b"IHDR"]
    if len(header) != _HEADER or parts[b"IEND"]:
        raise ValueError("a PNG header of another length")
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    bits, colour = header[8], header[9]
    if not (0 < width <= side and 0 < height <= side):
        raise ValueError(f"{width} x {height} pixels, and a thumbnail has {side} at most each way")
    if colour not in _CHANNELS or bits not in _BITS or any(header[10:]):
        raise ValueError("a PNG of another kind than thumbnails are")
    size = height * (1 + (width * bits * _CHANNELS[colour] + 7) // 8)
    decompressor = zlib.decompressobj()
    try:
        lines = decompressor.decompress(parts[b"IDAT"], size + 1)
    except zlib.error as e:
        raise ValueError(f"a PNG that cannot be decompressed: {e}") from e
    if len(lines) != size or not decompressor.eof or decompressor.unused_data:
        raise ValueError("a PNG with more or fewer pixels than its header says")
    return PlainPng(header, parts[b"PLTE"], lines)


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a PNG, by kind and content, with nothing between or behind them."""
    if not data.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    chunks, at = [], len(_SIGNATURE)
    while at < len(data):
        length = int.from_bytes(data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        end = at + 12 + length
        if kind not in _CHUNKS or len(body) != length or end > len(data):
            raise ValueError(f"a PNG with a part {kind!a}, or cut short")
        if zlib.crc32(kind + body) != int.from_bytes(data[end - 4 : end]):
            raise ValueError("a PNG with a bad checksum")
        chunks.append((kind, body))
        at = end
    return chunks
