"""Percentiles by counting are numpy's own, to the last bit."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fusiondiff_audit.images.greys import percentiles

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
def test_they_are_numpys(kind: str) -> None:
    for _ in range(200):
        greys = drawn(kind)
        for seen in (greys, greys[::2, ::-1]):
            assert (percentiles(seen, SHARES) == np.percentile(seen, SHARES)).all()


def test_one_grey_is_every_percentile() -> None:
    assert (percentiles(np.full((1, 1), 7, np.uint8), SHARES) == 7).all()
