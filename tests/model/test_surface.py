"""Descriptors of a tile do not hang on how it lies or how bright it is, and tell what it looks like."""

import pytest
import torch
from torch.nn import functional

from fusiondiff_audit.training.surface import described


def noise(blur: int = 1) -> torch.Tensor:
    tiles = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    return functional.avg_pool2d(tiles, blur, 1, blur // 2) if blur > 1 else tiles


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_tile_that_is_turned_looks_the_same(turns: int, mirrored: bool) -> None:
    tiles = noise(3)
    turned = torch.rot90(tiles.flip(3) if mirrored else tiles, turns, (2, 3))
    assert torch.allclose(described(tiles), described(turned), atol=1e-3)


def test_brightness_and_contrast_are_left_out() -> None:
    assert torch.allclose(described(noise()), described(0.3 * noise() + 0.4), atol=1e-2)


def test_what_is_blurred_looks_otherwise_than_what_is_not() -> None:
    sharp, blurred = described(noise()), described(noise(3))
    within = (sharp - sharp.mean(0)).abs().mean()
    assert (sharp - blurred).abs().mean() > 3 * within


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_of_one_grey_alone_every_number_is_one(grey: float) -> None:
    assert described(torch.full((2, 1, 64, 64), grey)).isfinite().all()


def test_a_tile_does_not_depend_on_its_company() -> None:
    assert torch.equal(described(noise())[:1], described(noise()[:1]))
