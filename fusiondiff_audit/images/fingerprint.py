"""Fingerprints of images, by which one that was changed a little is known again.

A fingerprint is the image as 32 x 32 mean greys, without what is smooth over five of them (shading, brightness), in
units of its deviation. Two images of different places correlate by chance alone; another compression, a changed pixel,
another contrast, turning or mirroring hardly lower the correlation of a copy. A cropped or shifted copy is not known
again.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> image, other = rng.integers(0, 255, (2, 200, 300)).astype(np.uint8)
    >>> similarity(fingerprint(image[::-1]), fingerprint(image)[None]).round(2).tolist()
    [1.0]
    >>> bool(similarity(fingerprint(image), fingerprint(other)[None])[0] < NEAR_DUPLICATE)
    True
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_SIDE = 32
FINGERPRINT_SIZE = _SIDE**2  # numbers
NEAR_DUPLICATE = 0.55  # a correlation that one of 20,000 pairs of real micrographs reaches
_SMOOTH = 5  # mean greys, a side of the square whose mean is taken off
_UNIT = 40  # of a deviation; three of them fit eight bits
Fingerprints = npt.NDArray[np.int8]


def fingerprint(plane: npt.NDArray[Any]) -> Fingerprints:
    """Return the fingerprint of a plane of greys; of one without any structure it is zeros."""
    greys = np.asarray(
        Image.fromarray(plane.astype(np.float32)).resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float64
    )
    padded = np.pad(greys, _SMOOTH // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_SMOOTH, _SMOOTH))
    detail = greys - windows.mean((2, 3))
    deviation = detail.std()
    unit = detail / deviation * _UNIT if deviation > 0 else np.zeros_like(detail)
    limited: Fingerprints = np.clip(np.rint(unit), -127, 127).astype(np.int8).ravel()
    return limited


def similarity(image: Fingerprints, others: Fingerprints) -> npt.NDArray[np.float64]:
    """Return the largest correlation of an image with each of others (rows), over all turned and mirrored copies."""
    square = image.reshape(_SIDE, _SIDE).astype(np.float64)
    turned = [np.rot90(face, turns).ravel() for face in (square, square.T) for turns in range(4)]
    rows = others.astype(np.float64)
    products = rows @ np.stack(turned, 1)
    norms = np.linalg.norm(rows, axis=1) * np.linalg.norm(square)
    correlations: npt.NDArray[np.float64] = products.max(1) / np.maximum(norms, 1)
    return correlations
