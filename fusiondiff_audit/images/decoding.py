"""Pixels of a file at full depth, decoded by the libraries of its format.

Here foreign code parses hostile bytes, so this module is called in a sandboxed process only. It takes bytes, never a
path: an OME-TIFF names other files, and a decoder that is given a path opens them.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from fusiondiff_audit.images.errors import ImageError, malformed, too_large, unsupported
from fusiondiff_audit.images.formats.registry import FORMATS, format_of
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.lossless_steps import DROPPED, MAPPED, MERGED
from fusiondiff_audit.images.pixels import Samples, bands


@dataclass(frozen=True, slots=True, eq=False)
class PixelRows:
    """The pixels of an image in blocks of rows from the top; a block is valid until the next one is asked for."""

    channels: int
    steps: tuple[str, ...]
    blocks: Iterator[Samples]


def decode_samples(data: memoryview, header: ImageHeader) -> PixelRows:
    """Return rows x columns x channels in this machine's byte order.

    Grey palettes are mapped, full opacity is dropped, three equal channels become one; no sample loses a bit. Samples
    unlike the header are malformed, which may be raised only when the last rows are asked for.
    """
    decoder: Any = import_module(format_of(header).decoder)
    decoded = (band for block in _refusing(decoder.decode_rows(data, header)) for band in bands(block))
    blocks = _checked(decoded, header)
    steps = []
    if header.palette:
        blocks = (_map_palette(block, header.palette) for block in blocks)
        steps.append(MAPPED)
    if header.alpha:
        blocks = _drop_opacity(blocks)
        steps.append(DROPPED)
    channels = header.channels - header.alpha
    if channels == 3:  # equal or not is known when all rows are decoded
        image, equal = _collect(blocks, header)
        if equal:
            image, channels = image[:, :, :1], 1
            steps.append(MERGED)
        blocks = iter((image,))
    return PixelRows(channels, tuple(steps), blocks)


def warm_up() -> None:
    """Load all decoders, and the libraries that they load on first use."""
    for image_format in FORMATS:
        import_module(image_format.decoder).warm_up()


def _refusing(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """Yield the rows; every exception of a decoder becomes a refusal of the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a decoder that warns has guessed
            yield from blocks
    except ImageError:
        raise
    except MemoryError as e:
        raise too_large("decoding it takes more memory than a decoder has") from e
    except Exception as e:  # decoders raise exceptions of any type
        raise malformed(f"the decoder refuses it ({type(e).__name__})") from e


def _checked(blocks: Iterator[Samples], header: ImageHeader) -> Iterator[Samples]:
    """Yield the rows; refuse other ones than the header states."""
    rows = 0
    for decoded in blocks:
        block = decoded[:, :, None] if decoded.ndim == 2 else decoded
        rows += len(block)
        if rows > header.height:
            break
        if block.shape[1:] != (header.width, header.channels) or block.dtype.str[1:] != header.dtype:
            claimed = f"{header.width} x {header.channels} of {header.dtype}"
            raise malformed(f"has rows of {block.shape[1:]} of {block.dtype}, its header says {claimed}")
        yield block
    if rows != header.height:
        raise malformed(f"decodes to {rows:,} rows, its header says {header.height:,}")


def _collect(blocks: Iterator[Samples], header: ImageHeader) -> tuple[Samples, bool]:
    """Return all rows, and whether the three channels are equal everywhere."""
    shape, top, equal = (header.height, header.width, 3), 0, True
    image = np.empty(0, header.dtype)
    for block in blocks:
        if not top:  # allocated after the first block, when the decoder has freed part of its memory
            image = np.empty(shape, header.dtype)
        image[top : top + len(block)] = block
        top += len(block)
        equal = equal and bool((block[:, :, 1:] == block[:, :, :1]).all())
    return image, equal


def _map_palette(block: Samples, palette: bytes) -> Samples:
    """Map indices to greys. Instruments keep colours for overlays on indices that no pixel uses."""
    colours = np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)
    used = np.flatnonzero(np.bincount(block.ravel(), minlength=256))
    if used[-1] >= len(colours):
        raise malformed(f"index {used[-1]} in a palette of {len(colours)}")
    if (colours[used] != colours[used][:, :1]).any():
        raise unsupported("a palette of colours that its pixels use")
    greys = np.zeros(256, dtype=np.uint8)
    greys[: len(colours)] = colours[:, 0]
    mapped: Samples = np.take(greys, block)
    return mapped


def _drop_opacity(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """Drop the last channel, which must be opaque everywhere: viewers show nothing of an image that is transparent."""
    for block in blocks:
        if (block[:, :, -1] != np.iinfo(block.dtype).max).any():
            raise unsupported("an image that is transparent in places")
        yield block[:, :, :-1]
