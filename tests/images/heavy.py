"""Files that are costly to decode for their size, and files of the largest sizes, small as they are stored."""

import io
import struct
import zlib
from unittest import mock

import imagecodecs
import numpy as np
from PIL import Image, ImageFile

from tests.vectors.images import make


def flat_png(width: int, height: int, colour: int, bits: int) -> bytes:
    """Return an image of zeros, opaque where it says so."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    return png_of(width, height, colour, bits, b"\0" + width * _flat_pixel(channels, bits))


def png_of(width: int, height: int, colour: int, bits: int, row: bytes, level: int = 1) -> bytes:
    """Return an image whose rows are all the same filtered one."""
    packer = zlib.compressobj(level)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return make.png(make.ihdr(width, height, bits=bits, colour=colour), make.chunk(b"IDAT", data))


def tiff_of(
    piece: bytes, count: int, width: int, height: int, *, compression: int, predictor: int = 1, bits: int = 16,
    channels: int = 1, tile: tuple[int, int] | None = None, rows: int = 0,
) -> bytes:  # fmt: skip
    """Return a TIFF whose pieces all hold the same bytes, each in a place of its own."""
    data = piece * count
    start = 8 + len(data) + len(data) % 2
    lists: list[tuple[int, bytes]] = [
        (258, struct.pack(f"<{channels}H", *(channels * [bits]))),
        (324 if tile else 273, struct.pack(f"<{count}I", *range(8, 8 + len(data), len(piece)))),
        (325 if tile else 279, struct.pack(f"<{count}I", *(count * [len(piece)]))),
    ]
    tags = [(256, 4, 1, width), (257, 4, 1, height), (259, 3, 1, compression), (262, 3, 1, 2 if channels > 2 else 1)]
    tags += [(277, 3, 1, channels), (317, 3, 1, predictor)]
    tags += [(322, 4, 1, tile[0]), (323, 4, 1, tile[1])] if tile else [(278, 4, 1, rows or height)]
    tags += [(338, 3, 1, 2)] if channels == 4 else []
    after = b""
    place = start + 2 + 12 * (len(tags) + len(lists)) + 4
    for tag, values in lists:
        size = 2 if tag == 258 else 4
        value = place + len(after) if len(values) > 4 else int.from_bytes(values, "little")
        tags.append((tag, 3 if size == 2 else 4, len(values) // size, value))
        after += values if len(values) > 4 else b""
    packed = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + packed + struct.pack("<I", 0) + after
    return b"II*\0" + struct.pack("<I", start) + data + b"\0" * (len(data) % 2) + directory


def flat_tiff(width: int, height: int, *, compression: int, channels: int = 1, bits: int = 16, rows: int = 0) -> bytes:
    """Return the same, in strips of so many rows, which must divide its height, or in one."""
    flat = (rows or height) * width * _flat_pixel(channels, bits)
    packed = {1: bytes, 5: imagecodecs.lzw_encode, 8: lambda data: zlib.compress(data, 1)}[compression](flat)  # type: ignore[operator]
    return tiff_of(
        bytes(packed), height // (rows or height), width, height,
        compression=compression, channels=channels, bits=bits, rows=rows,
    )  # fmt: skip


def _flat_pixel(channels: int, bits: int) -> bytes:
    """Return black, and full opacity where there are two or four channels."""
    colours = channels - (channels in (2, 4))
    return bytes(colours * bits // 8) + b"\xff" * ((channels - colours) * bits // 8)


def many_tiles() -> bytes:
    """Return 65,536 tiles of noise with differences, each as small as a tile may be."""
    noise = np.random.default_rng(1).integers(0, 256, 16 * 16 * 6, np.uint8)
    piece = bytes(imagecodecs.lzw_encode(noise.tobytes()))
    return tiff_of(piece, 65_536, 4096, 4096, compression=5, predictor=2, channels=3, tile=(16, 16))


def empty_blocks(count: int) -> bytes:
    """Return a PNG whose data is mostly deflate blocks with tables of their own that hold nothing (RFC 1951, 3.2.7)."""
    bits = _Bits()
    for _ in range(8):  # until it ends with a byte
        bits.empty_block()
    row = b"\0" * 5 * 4
    last = b"\x01" + struct.pack("<HH", len(row), len(row) ^ 0xFFFF) + row
    data = b"\x78\x01" + bits.to_bytes() * (count // 8) + last + struct.pack(">I", zlib.adler32(row))
    return make.png(make.ihdr(), make.chunk(b"IDAT", data))


class _Bits:
    """Bits as deflate packs them, the lowest of a byte first."""

    def __init__(self) -> None:
        self._value = self._count = 0

    def put(self, value: int, count: int) -> None:
        self._value |= value << self._count
        self._count += count

    def empty_block(self) -> None:
        """Add a block with two codes, of which the second ends it."""
        self.put(0b100, 3)  # not the last, tables follow
        self.put(0, 10)  # 257 codes of literals, one of distances
        self.put(18 - 4, 4)  # lengths of code lengths, in RFC 1951's order: of 18, of 0 and of 1
        order = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1)
        for symbol in order:
            self.put({18: 1, 0: 2, 1: 2}.get(symbol, 0), 3)
        one, none, zeros = (0b11, 2), (0b01, 2), (0b0, 1)  # their codes, the highest bit first in the stream
        self.put(*one)  # literal 0
        for count in (138, 117):  # literals 1 to 255 have no code
            self.put(*zeros)
            self.put(count - 11, 7)
        self.put(*one)  # the end
        self.put(*none)  # no distances
        self.put(1, 1)

    def to_bytes(self) -> bytes:
        return self._value.to_bytes(self._count // 8, "little")


def progressive(side: int) -> bytes:
    """Return noise at the best quality in ten scans: each bit of each coefficient is decoded on its own."""
    noise = np.random.default_rng(2).integers(0, 256, (side, side, 3), np.uint8)
    file = io.BytesIO()
    with mock.patch.object(ImageFile, "MAXBLOCK", 4 * noise.nbytes):  # Pillow's writer needs all of it at once
        Image.fromarray(noise).save(file, "JPEG", quality=95, subsampling=0, progressive=True)
    return file.getvalue()
