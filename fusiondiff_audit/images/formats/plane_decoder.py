"""The samples of a stored plane, band by band, as unsigned numbers that are exactly the stored ones."""

from collections.abc import Iterator

import numpy as np

from fusiondiff_audit.images.errors import unsupported
from fusiondiff_audit.images.formats.plane import EXPORT
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.pixels import Samples, bands


def decode_rows(data: memoryview, header: ImageHeader) -> Iterator[Samples]:
    """Yield an image's samples from the top; a sample that unsigned whole numbers cannot state is refused."""
    plane = header.plane
    if plane is None:
        raise ValueError("not the header of a plane")
    stored = np.frombuffer(data, plane.kind, header.height * header.width, plane.offset)
    rows = stored.reshape(header.height, header.width)
    for band in bands(rows[::-1] if plane.upward else rows):
        yield _exact(band, header.dtype)


def warm_up() -> None:
    """Load nothing: numpy is there."""


def _exact(band: Samples, dtype: str) -> Samples:
    most = int(np.iinfo(dtype).max)
    with np.errstate(invalid="ignore"):  # comparisons with numbers that are none are false
        within = (band >= 0) & (band <= most)
    if not within.all():
        raise unsupported(
            f"a sample below 0, above {most:,} or no number: only whole ones between are read", hint=EXPORT
        )
    exact = band.astype(dtype)
    if band.dtype.kind == "f" and (exact != band).any():
        raise unsupported("a sample that is no whole number: only whole ones are read", hint=EXPORT)
    return exact
