"""JPEG samples, decoded by libjpeg-turbo through simplejpeg, which reports libjpeg's warnings as errors."""

from collections.abc import Iterator

import numpy as np
import simplejpeg

from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.pixels import Samples


def decode_rows(data: memoryview, header: ImageHeader) -> Iterator[Samples]:
    """Yield the samples of a file, all at once."""
    space = "GRAY" if header.channels == 1 else "RGB"
    yield np.asarray(simplejpeg.decode_jpeg(data, space, strict=True))


def warm_up() -> None:
    """Load the library."""
    simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(np.zeros((8, 8, 1), np.uint8), colorspace="GRAY"), "GRAY")
