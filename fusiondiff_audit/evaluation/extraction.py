"""Descriptors of many benchmark images, drawn in several processes and not kept."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.evaluation.task import IMAGE_SIDE, BenchmarkItem
from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.kiln.specimens import Pixels, Specimen

Floats = npt.NDArray[np.float64]
Descriptor = Callable[[Pixels, Specimen], Floats]
Rows = Iterable[tuple[Floats, ...]]
RowProgress = Callable[[Rows, int], Rows]


def extract_descriptors(
    items: Sequence[BenchmarkItem], descriptors: Sequence[Descriptor], *, workers: int, watch: RowProgress
) -> tuple[Floats, ...]:
    """Return one array for each descriptor, with a row for each item; every image is drawn once."""
    rows = parallel_map(partial(_describe, tuple(descriptors)), items, workers)
    return tuple(np.stack(column) for column in zip(*watch(rows, len(items)), strict=True))


def _describe(descriptors: tuple[Descriptor, ...], item: BenchmarkItem) -> tuple[Floats, ...]:
    specimen = item.specimen()
    pixels = specimen.field(item.field, IMAGE_SIDE)
    return tuple(descriptor(pixels, specimen) for descriptor in descriptors)
