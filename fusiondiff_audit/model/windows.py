"""Micro-batches of an image's tiles: as they come, or windows of neighbouring tiles with their places.

Where the global path sees windows, it sees all tiles of one at once, so that it can tell how pores, cracks and layers
are arranged beyond a tile; a window is then a micro-batch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.tiles import Tile


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """Some tiles of an image."""

    tiles: tuple[int, ...]  # their numbers among the tiles of the image
    # Tiles x 2: how many tiles below and right of the window's first row and column; None: they are no window.
    places: npt.NDArray[np.float32] | None


def micro_batches(tiles: Sequence[Tile], side: int, *, most: int, across: int | None) -> list[MicroBatch]:
    """Return the tiles of an image in windows of `across` by `across` at most; None: `most` in turn."""
    if across is not None:
        return windows(tiles, side, across)
    starts = range(0, len(tiles), most)
    return [MicroBatch(tuple(range(start, min(start + most, len(tiles)))), None) for start in starts]


def windows(tiles: Sequence[Tile], side: int, across: int) -> list[MicroBatch]:
    """Return the tiles of an image, `side` pixels wide, in windows of about the same size.

    Rows and columns without a tile count for nothing.

    >>> two = windows([Tile(0, 0), Tile(0, 128), Tile(0, 256)], 128, 2)
    >>> [(window.tiles, window.places.tolist()) for window in two]
    [((0, 1), [[0.0, 0.0], [0.0, 1.0]]), ((2,), [[0.0, 0.0]])]
    """
    row, column = (_parts(places, across) for places in ((t.top for t in tiles), (t.left for t in tiles)))
    groups: dict[tuple[int, int], list[int]] = {}
    for number, tile in enumerate(tiles):
        groups.setdefault((row[tile.top], column[tile.left]), []).append(number)
    found = []
    for members in groups.values():
        corners = np.array([(tiles[number].top, tiles[number].left) for number in members], np.float32)
        found.append(MicroBatch(tuple(members), (corners - corners.min(0)) / np.float32(side)))
    return found


def _parts(places: Iterable[int], most: int) -> dict[int, int]:
    """Return the part of each place, in increasing order: as few parts as hold `most` places each, evenly filled."""
    ordered = sorted(set(places))
    count = -(-len(ordered) // most)
    return {place: number * count // len(ordered) for number, place in enumerate(ordered)}
