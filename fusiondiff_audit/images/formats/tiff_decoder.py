"""A TIFF's strips and tiles, decompressed one by one (TIFF 6.0, sections 3, 9, 14 and 15).

What each piece must decode to is known from the walk; one that decodes to less or to more is malformed, so no decoder
decides how large anything is. Rows are handed on while they are in the cache: an image that is never whole in this
process needs no fresh pages, which would cost as much as its decompression.
"""

from collections.abc import Callable, Iterator
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.errors import malformed
from fusiondiff_audit.images.formats.inflate import Inflater
from fusiondiff_audit.images.header import Compression, ImageHeader
from fusiondiff_audit.images.pixels import Samples, bands

Bytes = npt.NDArray[np.uint8]
_DECODERS: dict[Compression, Callable[..., Any]] = {
    Compression.LZW: imagecodecs.lzw_decode,
    Compression.PACKBITS: imagecodecs.packbits_decode,
}


def decode_rows(data: memoryview, header: ImageHeader) -> Iterator[Samples]:
    """Yield an image's stored samples from the top, some rows at a time; each is good until the next is asked for."""
    layout = header.layout
    if layout is None:
        raise ValueError("not the header of a TIFF")
    stored = np.dtype(header.dtype).newbyteorder(layout.order)
    native = stored.newbyteorder("=")
    across, down, channels = layout.columns, layout.rows, header.channels
    size = down * across * channels * stored.itemsize
    room = np.empty(size + 1, np.uint8)  # one more, so that too much shows
    columns = -(-header.width // across)
    beside = np.empty((down, header.width, channels), native) if columns > 1 else None  # tiles, until their row is full
    for i, (offset, length) in enumerate(layout.pieces):
        top, left = i // columns * down, i % columns * across
        rows = min(down, header.height - top)
        unpacked = _decompress(data[offset : offset + length], layout.compression, room)
        if len(unpacked) != (size if layout.tiled else rows * across * channels * stored.itemsize):
            raise malformed(f"piece {i} of the image decodes to another size than its own")
        block = unpacked.view(stored).reshape(-1, across, channels)[:rows, : header.width - left]
        if beside is None:
            yield from (_native(band, native, predictor=layout.predictor) for band in bands(block))
            continue
        first = 0
        for band in bands(block):
            place = beside[first : first + len(band), left : left + across]
            place[:] = _native(band, native, predictor=layout.predictor)
            first += len(band)
        if i % columns == columns - 1:
            yield beside[:rows]


def warm_up() -> None:
    """Load the libraries of both compressions that zlib does not decode."""
    sample = bytes(64)
    imagecodecs.lzw_decode(imagecodecs.lzw_encode(sample))
    imagecodecs.packbits_decode(imagecodecs.packbits_encode(sample))


def _native(block: Samples, native: np.dtype[Any], *, predictor: bool) -> Samples:
    """Return samples in this machine's byte order, summed from differences where they are stored so."""
    return np.cumsum(block, axis=1, dtype=native) if predictor else block.astype(native, copy=False)


def _decompress(piece: memoryview, compression: Compression, room: Bytes) -> Bytes:
    """Return a piece's bytes, in `room` where they had to be decompressed."""
    if compression is Compression.NONE:
        return np.frombuffer(piece, np.uint8)
    if compression is Compression.DEFLATE:
        return _inflate(piece, room)
    unpacked: Bytes = _DECODERS[compression](piece, out=room)
    return unpacked


def _inflate(piece: memoryview, room: Bytes) -> Bytes:
    """Inflate a piece into `room`."""
    name, filled = "a piece of the image", 0
    inflater = Inflater(len(room), name, malformed(f"{name} decodes to more than its size means"))
    for part in inflater.feed(piece):
        room[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
        filled += len(part)
    inflater.finish()
    return room[:filled]
