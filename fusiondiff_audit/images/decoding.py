"""Pixels of a file at full depth, decoded by the libraries of its format.

This is the part that trusts foreign code with hostile bytes, so it is called in a guarded child and nowhere else. It
gets bytes, never a path: an OME-TIFF names other files, and a decoder that is given a path opens them.
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
from fusiondiff_audit.images.pixels import DROPPED, MAPPED, MERGED, Samples, bands


@dataclass(frozen=True, slots=True, eq=False)
class PixelRows:
    """The pixels of an image in blocks of rows from the top, its number of channels, and the steps taken.

    A block is valid until the next one is asked for.
    """

    channels: int
    steps: tuple[str, ...]
    blocks: Iterator[Samples]


def decode_samples(data: memoryview, header: ImageHeader) -> PixelRows:
    """Return rows x columns x channels in this machine's byte order.

    Grey palettes are mapped, full opacity is dropped, three equal channels are one; nothing loses a bit. Anything
    but what the header said is malformed, which may show only as the last rows are asked for.
    """
    decoded = (band for block in _refusing(_decoder(header).decode_rows(data, header)) for band in bands(block))
    blocks = _checked(decoded, header)
    steps = []
    if header.palette:
        blocks = (_map_palette(block, header.palette) for block in blocks)
        steps.append(MAPPED)
    if header.alpha:
        blocks = _drop_opacity(blocks)
        steps.append(DROPPED)
    channels = header.channels - header.alpha
    if channels == 3:  # whether they are equal is known when all rows are there
        whole, equal = _whole(blocks, header)
        if equal:
            whole, channels = whole[:, :, :1], 1
            steps.append(MERGED)
        blocks = iter((whole,))
    return PixelRows(channels, tuple(steps), blocks)


def warm_up() -> None:
    """Load all decoders, and what they load on first use."""
    for image_format in FORMATS:
        import_module(image_format.decoder).warm_up()


def _decoder(header: ImageHeader) -> Any:
    return import_module(format_of(header).decoder)


def _refusing(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """Hand rows on; whatever a decoder raises means that the file is not what it says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a decoder that warns is one that guesses
            yield from blocks
    except ImageError:
        raise
    except MemoryError as e:
        raise too_large("decoding it takes more memory than a decoder has") from e
    except Exception as e:  # a list of all that decoders raise is longer, and never complete
        raise malformed(f"the decoder refuses it ({type(e).__name__})") from e


def _checked(blocks: Iterator[Samples], header: ImageHeader) -> Iterator[Samples]:
    """Hand on as many rows as the header says, of its width, channels and kind."""
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


def _whole(blocks: Iterator[Samples], header: ImageHeader) -> tuple[Samples, bool]:
    """Return all rows, and whether the three channels are equal everywhere."""
    shape, top, equal = (header.height, header.width, 3), 0, True
    whole = np.empty(0, header.dtype)
    for block in blocks:
        if not top:  # not sooner: a decoder has needed its memory by now, and given some back
            whole = np.empty(shape, header.dtype)
        whole[top : top + len(block)] = block
        top += len(block)
        equal = equal and bool((block[:, :, 1:] == block[:, :, :1]).all())
    return whole, equal


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
