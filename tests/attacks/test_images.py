"""Quantisation: the plane that a file can hold is within the budget."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attacks.images import (
    Budget,
    LabelledImage,
    Norm,
    Plane,
    centre_crop,
    decode_png,
    distance,
    encode_png,
    plane_digest,
    quantise,
)
from tests.attacks.toys import toy_images

NORMS = [
    (Norm.LINF, 0.02),
    (Norm.LINF, 8 / 255),
    (Norm.L2, 0.05),
    (Norm.L2, 0.5),
    (Norm.L2, 3.0),
    (Norm.L0, 0.01),
    (Norm.L0, 0.5),
]


@pytest.mark.parametrize(("norm", "size"), NORMS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@given(seed=st.integers(0, 2**32), spread=st.sampled_from([1e-4, 0.03, 0.5, 1e6]))
def test_quantised_planes_are_within_the_budget(norm: Norm, size: float, kind: type, seed: int, spread: float) -> None:
    (picture,) = toy_images(1, kind=kind)
    returned = picture.unit + np.random.default_rng(seed).normal(0, spread, picture.plane.shape)
    returned[0, 0], returned[1, 1], returned[2, 2] = np.nan, np.inf, -np.inf
    quantised = quantise(picture, returned, Budget(norm, size))
    assert quantised.dtype == picture.plane.dtype
    assert distance(picture.plane, quantised, norm) <= size * (1 + 1e-9)


def test_a_plane_within_the_budget_is_not_changed_by_quantisation() -> None:
    (picture,) = toy_images(1)
    changed = picture.plane.astype(np.int64) + np.random.default_rng(0).integers(-8, 9, picture.plane.shape)
    for budget in (Budget(Norm.LINF, 8 / 255), Budget(Norm.L2, 1.0), Budget(Norm.L0, 1.0)):
        assert np.array_equal(quantise(picture, changed / 255, budget), changed)


def test_a_small_euclidean_budget_is_spent_where_the_change_is_largest() -> None:
    (picture,) = toy_images(1)
    change = np.full(picture.plane.shape, 0.3 / 255)  # less than half a grey: rounding would leave nothing
    change[3, 4] = 1 / 255
    quantised = quantise(picture, picture.unit + change, Budget(Norm.L2, 2 / 255))
    assert quantised[3, 4] == picture.plane[3, 4] + 1
    assert (quantised != picture.plane).sum() == 1


def test_an_attack_that_gives_another_shape_is_refused() -> None:
    (picture,) = toy_images(1)
    with pytest.raises(ValueError, match="the attack gave"):
        quantise(picture, np.zeros((3, 3)), Budget(Norm.LINF, 0.1))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_plane_comes_back_from_its_file(kind: type) -> None:
    plane = np.random.default_rng(1).integers(0, np.iinfo(kind).max, (7, 5), dtype=kind)
    again = decode_png(encode_png(plane))
    assert again.dtype == kind
    assert plane_digest(again) == plane_digest(plane)


def test_depth_and_shape_are_part_of_a_digest() -> None:
    plane = np.zeros((2, 4), np.uint8)
    assert len({plane_digest(plane), plane_digest(plane.reshape(4, 2)), plane_digest(np.zeros((2, 2), np.uint16))}) == 3


@pytest.mark.parametrize("plane", [np.zeros((2, 2, 2), np.uint8), np.zeros((0, 2), np.uint8), np.zeros((2, 2))])
def test_arrays_that_are_no_grey_plane_are_refused(plane: Plane) -> None:
    with pytest.raises(ValueError, match="a grey plane is expected"):
        LabelledImage("x", plane, authentic=True, specimen="x")


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_that_is_no_positive_number_is_refused(size: float) -> None:
    with pytest.raises(ValueError, match="a number above 0"):
        Budget(Norm.LINF, size)


def test_a_centre_crop_pads_small_planes_by_reflection() -> None:
    plane = np.arange(20, dtype=np.uint16).reshape(4, 5)
    assert np.array_equal(centre_crop(plane, 4, 5), plane)
    assert np.array_equal(centre_crop(plane, 2, 3), plane[1:3, 1:4])
    assert np.array_equal(centre_crop(plane, 4, 7), np.pad(plane, ((0, 0), (1, 1)), "reflect"))
    large = centre_crop(plane, 30, 2)
    assert (large.shape, large.dtype) == ((30, 2), plane.dtype)
    assert set(large[:, 0]) == {1, 6, 11, 16}
