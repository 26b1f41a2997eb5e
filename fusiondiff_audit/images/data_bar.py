"""The data bar: the strip of text that microscopes burn into the bottom of an image.

It belongs to the signed pixels and not to the specimen, and its text states magnification and date, from which a model
could learn. Where metadata does not state the rows of the image without the bar, rows at the bottom count as data bar
if most of their pixels have the darkest or the brightest grey, as drawn text and its background do.
"""

from typing import Any

import numpy.typing as npt

_PURE = 0.5  # share of a row's pixels that are pure black or white
_LEAST, _MOST = 8, 0.25  # rows of a bar; share of the image. More is an image of few greys
_GAP = 2  # rows of a frame or a fade that may lie within a bar


def data_bar_rows(plane: npt.NDArray[Any]) -> int:
    """Return the number of rows of the data bar, by their greys; 0 where there is none."""
    height = len(plane)
    most = int(height * _MOST)
    bottom = plane[-(most + 1) :][::-1]
    pure = ((bottom == plane.min()) | (bottom == plane.max())).mean(axis=1) > _PURE
    rows = gap = 0
    for row, is_pure in enumerate(pure, start=1):
        gap = 0 if is_pure else gap + 1
        if gap > _GAP:
            break
        if is_pure:
            rows = row
    return rows if _LEAST <= rows <= most else 0
