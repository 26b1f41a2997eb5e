"""Percentiles by counting are numpy's own, to the last bit."""

import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.percentiles import percentiles
from fusiondiff_audit.images.quality import Fault, measure_quality

RNG = np.random.default_rng(41)
SHARES = (0, 0.1, 1, 12.5, 33.3, 50, 66.6, 99, 99.9, 100)


def drawn(kind: str) -> npt.NDArray[Any]:
    shape = tuple(RNG.integers(1, 70, 2))
    match kind:
        case "uint8" | "uint16":
            return RNG.integers(0, np.iinfo(kind).max, shape, dtype=kind, endpoint=True)
        case "few":
            return RNG.integers(3, 5, shape, dtype=np.uint16)
        case "signed":
            return RNG.integers(-4, 300_000, shape, dtype=np.int32)
        case "large":
            return RNG.integers(0, 2**40, shape, dtype=np.uint64)
        case _:
            return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "few", "signed", "large", "float"])
def test_percentiles_equal_those_of_numpy(kind: str) -> None:
    for _ in range(200):
        greys = drawn(kind)
        for view in (greys, greys[::2, ::-1]):
            assert (percentiles(view, SHARES) == np.percentile(view, SHARES)).all()


def test_one_grey_is_every_percentile() -> None:
    assert (percentiles(np.full((1, 1), 7, np.uint8), SHARES) == 7).all()


def test_a_large_image_is_counted_in_pieces() -> None:
    greys = RNG.integers(0, 2**16, (2048, 8192), dtype=np.uint16)
    tracemalloc.start()
    try:
        counted = percentiles(greys, SHARES)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (counted == np.percentile(greys, SHARES)).all()
    assert most < 2 * greys.size  # less than a copy of the image


def test_noise_of_32_bits_is_no_sharper_than_that_of_16() -> None:
    """What would overflow where sums of 16 bits are exact is not added up as they are."""
    plane = RNG.integers(0, 2, (128, 128)).astype(np.uint16) * 65535
    deep = plane.astype(np.uint32) * 65537  # black and white, as before
    assert Fault.OUT_OF_FOCUS in measure_quality(plane).faults == measure_quality(deep).faults
    assert (Intensity().apply(deep) == Intensity().apply(plane)).all()
