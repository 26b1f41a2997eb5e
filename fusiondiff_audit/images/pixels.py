"""Decoded pixels, and the digest that is equal for equal pixels (FORMAT.md)."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]  # rows x columns x channels, of u1, u2, u4 or f4
_BAND = 1 << 20  # bytes
_HEADING = "fusiondiff-audit/pixels/v1"


def bands(rows: Samples) -> Iterator[Samples]:
    """Yield rows from the top in bands that are small enough to be copied in the processor's cache."""
    step = max(1, _BAND // max(1, rows[:1].nbytes))
    for top in range(0, len(rows), step):
        yield rows[top : top + step]


class PixelDigest:
    """The SHA-256 of an image's canonical form, built from its rows: the same for every way to store it."""

    def __init__(self, dtype: str, shape: tuple[int, int, int]) -> None:
        self._dtype = np.dtype(dtype).newbyteorder("<")
        kind = dtype if self._dtype.itemsize == 1 else f"<{dtype}"
        self._sha = hashlib.sha256(f"{_HEADING}\n{kind} {' '.join(map(str, shape))}\n".encode("ascii"))

    def add(self, rows: Samples) -> None:
        """Add the next rows."""
        self._sha.update(np.ascontiguousarray(rows, self._dtype).data)

    def value(self) -> str:
        """Return the digest."""
        return self._sha.hexdigest()


def digest_pixels(pixels: Samples) -> str:
    """Return the digest of a whole image."""
    height, width, channels = pixels.shape
    digest = PixelDigest(pixels.dtype.str[1:], (height, width, channels))
    digest.add(pixels)
    return digest.value()
