"""Images that tests look at: grains with edges at every scale, and files that hold them."""

import io
from typing import Any

import numpy as np
import tifffile


def grains(height: int = 480, width: int = 640, *, top: int = 255, seed: int = 5) -> np.ndarray[Any, Any]:
    """Return blocks of random greys with a little noise, of 8 bits, or of 16 where `top` needs them."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((height // 8 + 1, width // 8 + 1))
    blocks = np.kron(coarse, np.ones((8, 8)))[:height, :width]
    image = 0.15 + 0.6 * blocks + 0.02 * rng.standard_normal((height, width))
    return (np.clip(image, 0, 1) * top).astype(np.uint8 if top < 256 else np.uint16)


def written(pixels: np.ndarray[Any, Any], **options: Any) -> bytes:
    """Return a TIFF."""
    file = io.BytesIO()
    whole = {k: options.pop(k) for k in ("bigtiff", "byteorder", "imagej", "ome") if k in options}
    with tifffile.TiffWriter(file, **whole) as writer:
        writer.write(pixels, **options)
    return file.getvalue()
