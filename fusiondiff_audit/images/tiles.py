"""Large images in equal squares, and the rule by which the squares' scores become one."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product, starmap

import numpy as np
import numpy.typing as npt

TRIMMED = 0.2  # share of the scores left out at either end


class Aggregation(StrEnum):
    """How tiles become one verdict. Neither lets one odd tile decide."""

    MEDIAN = "median"
    TRIMMED_MEAN = "trimmed mean"


@dataclass(frozen=True, slots=True)
class Tile:
    """A square's upper left corner."""

    top: int
    left: int


def tile_grid(height: int, width: int, side: int, overlap: float) -> tuple[Tile, ...]:
    """Return evenly spaced squares that cover an image and overlap by at least `overlap`; none for a smaller image."""
    return tuple(starmap(Tile, product(_places(height, side, overlap), _places(width, side, overlap))))


def mirror_padded(plane: npt.NDArray[np.unsignedinteger], side: int) -> npt.NDArray[np.unsignedinteger]:
    """Return an image that is no smaller than a square, continued by its mirror image."""
    return np.pad(plane, [(0, max(0, side - length)) for length in plane.shape], mode="symmetric")


def aggregate(scores: npt.NDArray[np.floating], rule: Aggregation) -> float:
    """Return one score for an image."""
    if not len(scores):
        raise ValueError("no tiles, no score")
    if rule is Aggregation.MEDIAN:
        return float(np.median(scores))
    out = int(len(scores) * TRIMMED)
    return float(np.sort(scores)[out : len(scores) - out].mean())


def _places(length: int, side: int, overlap: float) -> tuple[int, ...]:
    if length < side:
        return ()
    count = 1 + int(np.ceil((length - side) / (side * (1 - overlap))))
    return tuple(round(i * (length - side) / max(count - 1, 1)) for i in range(count))
