"""A TIFF's strips and tiles, decompressed one by one (TIFF 6.0, sections 3, 9, 14 and 15).

The header states the size of each decoded piece; a piece that decodes to another size is malformed, so no decoder
decides how much memory is used. Rows are handed on while they are in the cache: an image that is never complete in this
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
    """Yield an image's stored samples from the top, some rows at a time; each block is valid until the next."""
    layout = header.layout
    if layout is None:
        raise ValueError("not the header of a TIFF")
    stored = np.dtype(header.dtype).newbyteorder(layout.order)
    native = stored.newbyteorder("=")
    across, down, channels = layout.columns, layout.rows, header.channels
    size = down * across * channels * stored.itemsize
    buffer = np.empty(size + 1, np.uint8)  # one byte more, by which excess data shows
    columns = -(-header.width // across)
    row_of_tiles = np.empty((down, header.width, channels), native) if columns > 1 else None  # until it is full
    for i, (offset, length) in enumerate(layout.pieces):
        top, left = i // columns * down, i % columns * across
        rows = min(down, header.height - top)
        unpacked = _decompress(data[offset : offset + length], layout.compression, buffer)
        if len(unpacked) != (size if layout.tiled else rows * across * channels * stored.itemsize):
            raise malformed(f"piece {i} of the image decodes to another size than its own")
        block = unpacked.view(stored).reshape(-1, across, channels)[:rows, : header.width - left]
        if row_of_tiles is None:
            yield from (_native(band, native, predictor=layout.predictor) for band in bands(block))
            continue
        first = 0
        for band in bands(block):
            place = row_of_tiles[first : first + len(band), left : left + across]
            place[:] = _native(band, native, predictor=layout.predictor)
            first += len(band)
        if i % columns == columns - 1:
            yield row_of_tiles[:rows]


def warm_up() -> None:
    """Load the libraries of both compressions that zlib does not decode."""
    sample = bytes(64)
    imagecodecs.lzw_decode(imagecodecs.lzw_encode(sample))
    imagecodecs.packbits_decode(imagecodecs.packbits_encode(sample))


def _native(block: Samples, native: np.dtype[Any], *, predictor: bool) -> Samples:
    """Return samples in this machine's byte order, summed from differences where they are stored so."""
    return np.cumsum(block, axis=1, dtype=native) if predictor else block.astype(native, copy=False)


def _decompress(piece: memoryview, compression: Compression, buffer: Bytes) -> Bytes:
    """Return a piece's bytes, in `buffer` where they had to be decompressed."""
    if compression is Compression.NONE:
        return np.frombuffer(piece, np.uint8)
    if compression is Compression.DEFLATE:
        return _inflate(piece, buffer)
    unpacked: Bytes = _DECODERS[compression](piece, out=buffer)
    return unpacked


def _inflate(piece: memoryview, buffer: Bytes) -> Bytes:
    """Inflate a piece into `buffer`."""
    name, filled = "a piece of the image", 0
    inflater = Inflater(len(buffer), name, malformed(f"{name} decodes to more than its size means"))
    for part in inflater.feed(piece):
        buffer[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
        filled += len(part)
    inflater.finish()
    return buffer[:filled]
