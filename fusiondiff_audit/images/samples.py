"""From a file's bytes to its samples, at full depth, by the one decoder named for each container.

This is the part that trusts foreign code with hostile bytes, so it is called in a guarded child and nowhere else. It
gets bytes, never a path: an OME-TIFF names other files, and a decoder that is given a path opens them.
"""

import io
import warnings
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from fusiondiff_audit.images.errors import malformed, unsupported
from fusiondiff_audit.images.header import Container, Header
from fusiondiff_audit.images.tiff import Layout

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
DECODERS = {  # what a report names, beside its version
    Container.TIFF: "tifffile",
    Container.PNG: "Pillow, imagecodecs beyond 8 bits",
    Container.JPEG: "Pillow",
}


def decode_samples(data: bytes, header: Header) -> Samples:
    """Return rows x columns x channels, unsigned, 8 or 16 bits, in this machine's byte order.

    Grey palettes are mapped, constant opacity is dropped; anything but what the header said is malformed.
    """
    stored = _decode(data, header)
    dtype = np.dtype(np.uint8 if header.bits == 8 else np.uint16)
    if stored.ndim == 2:
        stored = stored[:, :, None]
    if stored.shape != (header.height, header.width, header.channels) or stored.dtype.newbyteorder("=") != dtype:
        claimed = f"{header.height} x {header.width} x {header.channels} of {header.bits} bits"
        raise malformed(f"decodes to {' x '.join(map(str, stored.shape))} of {stored.dtype}, its header says {claimed}")
    samples: Samples = np.ascontiguousarray(stored, dtype=dtype)
    if header.palette:
        return _map_palette(samples, header.palette)
    return _drop_opacity(samples) if header.alpha else samples


def _decode(data: bytes, header: Header) -> npt.NDArray[Any]:
    """Call the container's decoder; whatever it raises means that the file is not what it says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns where it guesses
            match header.container:
                case Container.TIFF:
                    return _decode_tiff(data, header)
                case Container.PNG if header.bits == 16:
                    return np.asarray(imagecodecs.png_decode(data))
                case _:
                    return _decode_pillow(data, header)
    except (Exception, MemoryError) as e:  # a list of all that decoders raise is longer, and never complete
        raise malformed(f"the decoder refuses it ({type(e).__name__})") from e


def _decode_tiff(data: bytes, header: Header) -> npt.NDArray[Any]:
    layout = header.detail
    if not isinstance(layout, Layout):
        raise TypeError("a TIFF's header names its page")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[layout.page]
        if not isinstance(page, tifffile.TiffPage):
            raise TypeError("not a page")
        return page.asarray(maxworkers=1)


def _decode_pillow(data: bytes, header: Header) -> npt.NDArray[Any]:
    with Image.open(io.BytesIO(data), formats=(header.container.upper(),)) as picture:
        picture.load()
        expected = ("P",) if header.palette else {1: ("L",), 2: ("LA",), 3: ("RGB",), 4: ("RGBA",)}[header.channels]
        if picture.mode not in expected:  # Pillow would have turned it into something else
            raise ValueError(f"mode {picture.mode}")
        return np.asarray(picture)


def _map_palette(samples: Samples, palette: bytes) -> Samples:
    """Map indices to greys. Instruments keep colours for overlays on indices that no pixel uses."""
    colours = np.frombuffer(palette, dtype=np.uint8).reshape(-1, 3)
    used = np.flatnonzero(np.bincount(samples.ravel(), minlength=256))
    if used[-1] >= len(colours):
        raise malformed(f"index {used[-1]} in a palette of {len(colours)}")
    if (colours[used] != colours[used][:, :1]).any():
        raise unsupported("a palette of colours that its pixels use")
    greys = np.zeros(256, dtype=np.uint8)
    greys[: len(colours)] = colours[:, 0]
    mapped: Samples = np.take(greys, samples)
    return mapped


def _drop_opacity(samples: Samples) -> Samples:
    opacity = samples[:, :, -1]
    if (opacity != opacity[0, 0]).any():
        raise unsupported("a picture that is transparent in places")
    return samples[:, :, :-1].copy()
