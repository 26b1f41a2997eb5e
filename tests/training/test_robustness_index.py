"""The index says whether embeddings cluster by maker or by device, and when nothing can be said."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from fusiondiff_audit.training.confounding import ImagedSpecimen, check_confounding
from fusiondiff_audit.training.robustness_index import robustness_index
from reports.verdict.confounding import ConfoundingState

MAKERS, DEVICES, SIZE = 4, 2, 5  # specimens of each maker by each device


def specimens_with(*, maker: float, device: float, makers: int = MAKERS, seed: int = 0) -> list[ImagedSpecimen]:
    """Return specimens whose embeddings depend so much on maker and device, beside noise of size one."""
    rng = np.random.default_rng(seed)
    of_maker, of_device = maker * rng.normal(size=(makers, 8)), device * rng.normal(size=(DEVICES, 8))
    return [
        ImagedSpecimen(
            f"{m} {d} {i}",
            m % 2 == 0,
            f"maker {m}",
            {"device": f"device {d}"},
            (of_maker[m] + of_device[d] + rng.normal(size=8)).astype(np.float32),
        )
        for m, d, i in product(range(makers), range(DEVICES), range(SIZE))
    ]


def test_embeddings_by_maker_are_above_one_and_embeddings_by_device_below() -> None:
    by_maker = robustness_index(specimens_with(maker=10, device=0.1), device="device")
    by_device = robustness_index(specimens_with(maker=0.1, device=10), device="device")
    assert by_maker.state is by_device.state is ConfoundingState.CHECKED
    assert by_maker.by_maker
    assert by_maker.value is None or by_maker.value > 10
    assert not by_device.by_maker
    assert by_device.value is not None
    assert by_device.value < Fraction(1, 10)
    assert by_maker.sentence().startswith("embeddings cluster by maker rather than by device")
    assert by_device.sentence().startswith(
        "embeddings do not cluster more by maker than by device (robustness index 0.0"
    )


@pytest.mark.parametrize("makers", [2, 4, 12])
def test_embeddings_of_noise_are_near_one_for_any_number_of_makers(makers: int) -> None:
    indices = [
        robustness_index(specimens_with(maker=0, device=0, makers=makers, seed=seed), device="device").value
        for seed in range(40)
    ]
    assert 0.9 < float(np.mean([float(value) for value in indices if value is not None])) < 1.15
    assert None not in indices


def test_counts_are_those_of_a_line_of_specimens() -> None:
    places = {
        "a": ("M", "1", 0.0),
        "b": ("M", "2", 1.0),
        "c": ("N", "2", 3.0),
        "d": ("N", "1", 7.0),
        "e": ("N", "1", 7.5),
    }
    line = [
        ImagedSpecimen(name, maker == "M", maker, {"device": device}, np.array([x], np.float32))
        for name, (maker, device, x) in places.items()
    ]
    index = robustness_index(line, device="device", neighbours=1)  # a-b, b-a, c-b, d-e, e-d
    assert (index.same_maker, index.same_device) == (2, 1)
    assert (index.same_maker_pairs, index.same_device_pairs) == (6, 6)
    assert index.value == 2
    assert robustness_index(line[::-1], device="device", neighbours=1) == index
    assert index.sentence() == (
        "embeddings cluster by maker rather than by device (robustness index 2.00): among the 1 nearest neighbours of "
        "each of 5 specimens, 2 of 6 pairs of one maker and two devices, and 1 of 6 pairs of one device and two makers"
    )


def test_device_and_label_that_are_one_are_found_and_leave_the_index_undefined() -> None:
    confounded = [replace(s, facts={"device": f"device {int(s.authentic)}"}) for s in specimens_with(maker=1, device=1)]
    check = check_confounding(confounded, alpha=Decimal("0.05"), seed=1, permutations=999)
    assert [(a.fact, a.authentic, a.counterfeit) for a in check.predictors] == [("device", 20, 0)]
    index = robustness_index(confounded, device="device")
    assert (index.state, index.value, index.by_maker) == (ConfoundingState.NOT_CHECKED, None, False)
    assert index.sentence().endswith("of one label alone: device and label are completely confounded")


def test_the_index_is_undefined_with_its_reason() -> None:
    specimens = specimens_with(maker=1, device=1)
    first_maker_by_both = [s for s in specimens if s.maker == "maker 0"]
    cases = {
        "all specimens were imaged by one device": [replace(s, facts={"device": "A"}) for s in specimens],
        "not all specimens have an embedding and a device": [replace(specimens[0], embedding=None), *specimens[1:]],
        "5 specimens are too few for 5 neighbours": specimens[:5],
        "no maker was imaged by two devices": [
            replace(s, facts={"device": f"device {s.maker in ('maker 0', 'maker 1')}"}) for s in specimens
        ],
        "no device imaged two makers": [replace(s, authentic=i % 2 == 0) for i, s in enumerate(first_maker_by_both)],
    }
    for reason, group in cases.items():
        index = robustness_index(group, device="device")
        assert (index.reason, index.value) == (reason, None)
    missing = robustness_index([replace(specimens[0], facts={}), *specimens[1:]], device="device")
    assert missing.reason == "not all specimens have an embedding and a device"
    with pytest.raises(ValueError, match="0 neighbours"):
        robustness_index(specimens, device="device", neighbours=0)


def test_neighbours_that_differ_in_both_or_in_neither_leave_the_index_undefined() -> None:
    places = [("M", "1", 0.0), ("M", "1", 0.1), ("N", "2", 5.0), ("N", "2", 5.1), ("M", "2", 9.0), ("O", "1", 9.1)]
    specimens = [
        ImagedSpecimen(str(i), maker != "N", maker, {"device": device}, np.array([x], np.float32))
        for i, (maker, device, x) in enumerate(places)
    ]
    index = robustness_index(specimens, device="device", neighbours=1)
    assert (index.same_maker_pairs > 0, index.same_device_pairs > 0) == (True, True)
    assert index.reason == "no neighbour differs in either maker or device alone"
