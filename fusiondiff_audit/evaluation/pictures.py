"""Making many pictures at once, and keeping only what is measured on them."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.evaluation.task import Item
from fusiondiff_audit.kiln.specimens import Pixels, Specimen
from fusiondiff_audit.kiln.workers import spread

Floats = npt.NDArray[np.float64]
Descriptor = Callable[[Pixels, Specimen], Floats]
Rows = Iterable[tuple[Floats, ...]]
Watch = Callable[[Rows, int], Rows]
Row = TypeVar("Row")


def unwatched(rows: Iterable[Row], total: int) -> Iterable[Row]:
    """Return rows as they are: nobody wants to see how many are still to come."""
    return rows


def describe(
    items: Sequence[Item], descriptors: Sequence[Descriptor], *, workers: int, watch: Watch
) -> tuple[Floats, ...]:
    """Return one array for each descriptor, with a row for each item; every picture is made once."""
    rows = spread(partial(_describe, tuple(descriptors)), items, workers)
    return tuple(np.stack(column) for column in zip(*watch(rows, len(items)), strict=True))


def _describe(descriptors: tuple[Descriptor, ...], item: Item) -> tuple[Floats, ...]:
    drawn = item.drawn()
    pixels = item.pixels(drawn)
    return tuple(descriptor(pixels, drawn) for descriptor in descriptors)
