"""Augmentation changes what a microscope session changes; objectives fall as embeddings meet them."""

import numpy as np
import pytest
import torch
from torch import nn

from fusiondiff_audit.training.augmentation import _blurred, augmented, half_augmented, randomly_oriented
from fusiondiff_audit.training.dataset import TileDataset
from fusiondiff_audit.training.objectives import (
    CompositionRegression,
    ContrastiveHead,
    MakerClassifier,
    contrastive_loss,
    objective_head,
)
from fusiondiff_audit.training.recipe import Objective


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_augmentation_depends_on_its_generator_alone_and_stays_in_range() -> None:
    tiles = torch.rand(16, 1, 32, 32, generator=generator(1))
    first, again, other = (augmented(tiles, generator(seed)) for seed in (2, 2, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == tiles.shape
    assert 0 <= float(first.min()) <= float(first.max()) <= 1


def test_orientations_keep_all_pixels_and_all_eight_occur() -> None:
    tile = torch.arange(16.0).reshape(1, 1, 4, 4)
    oriented = randomly_oriented(tile.expand(400, -1, -1, -1), generator())
    assert torch.equal(oriented.flatten(1).sort(1).values, tile.flatten(1).expand(400, -1))
    assert len({tuple(row.tolist()) for row in oriented.flatten(1)}) == 8


def test_a_blur_keeps_the_mean_and_has_each_tiles_own_width() -> None:
    tiles = torch.zeros(2, 1, 9, 9)
    tiles[:, :, 4, 4] = 1
    sharp, soft = _blurred(tiles, torch.tensor([0.01, 0.9]).reshape(2, 1, 1, 1))
    assert torch.allclose(sharp, tiles[0], atol=1e-6)
    assert float(soft.sum()) == pytest.approx(1, abs=1e-5)
    assert float(soft[0, 4, 4]) < 0.3


def test_every_second_tile_is_augmented() -> None:
    tile = torch.rand(1, 1, 16, 16, generator=generator(1)) / 2 + 0.25
    half = half_augmented(tile.expand(40, -1, -1, -1), generator(2))
    same_pixels = [torch.equal(other.flatten().sort().values, tile.flatten().sort().values) for other in half]
    assert same_pixels == [True, False] * 20


def test_agreeing_views_cost_less_than_unrelated_ones() -> None:
    views = torch.randn(32, 8, generator=generator())
    others = torch.randn(32, 8, generator=generator(1))
    assert contrastive_loss(views, views) < contrastive_loss(views, views + others) < contrastive_loss(views, others)


def test_the_contrastive_loss_of_two_pairs_is_that_by_hand() -> None:
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # each view has its partner at similarity 1 and two others at 0, all over a temperature of 0.1
    expected = torch.log(1 + 2 * torch.exp(torch.tensor(-10.0)))
    assert torch.allclose(contrastive_loss(first, first), expected, atol=1e-6)


def dataset(composition: list[list[float]]) -> TileDataset:
    """Return two specimens, each with an image of two tiles."""
    tiles, numbers = np.zeros((4, 8, 8), np.uint8), np.array([0, 0, 1, 1])
    return TileDataset(tiles, numbers, numbers, ("b", "a"), ("", ""), np.array(composition, np.float32))


def make_identity(head: nn.Linear) -> None:
    """Let a head return its input."""
    torch.nn.init.eye_(head.weight)
    torch.nn.init.zeros_(head.bias)


def test_makers_are_classified() -> None:
    classifier = MakerClassifier(8, dataset([[], []]))
    make_identity(classifier.head)
    logits = 9 * torch.eye(8)[torch.tensor([1, 0])]  # a tile of b's specimen, and one of a's
    assert classifier(logits, torch.tensor([0, 2])) < 0.01
    assert classifier(logits, torch.tensor([2, 0])) > 5


def test_quantities_are_standardised_and_absent_ones_left_out() -> None:
    nan = float("nan")
    tiles = dataset([[100.0, 0.2, nan], [300.0, 0.4, 7.0]])
    regression = objective_head(tiles, Objective.COMPOSITION, 3, lambda: torch.zeros(4, 1))
    assert isinstance(regression, CompositionRegression)
    make_identity(regression.head)
    nn.init.zeros_(regression.texture_head.weight)  # the texture targets are all zero
    nn.init.zeros_(regression.texture_head.bias)
    regression.requires_grad_(False)
    right = torch.tensor([[-1.0, -1.0, 55.0], [1.0, 1.0, 0.0]])  # deviations from the mean; the 55 has no target
    assert regression(right, torch.tensor([1, 3])) < 1e-3
    assert regression(right, torch.tensor([3, 1])) > 1
    wrong = right + torch.tensor([1.0, 0.0, 0.0])
    assert float(regression(wrong, torch.tensor([1, 3]))) == pytest.approx(1 / 3, abs=0.01)


def test_texture_targets_are_of_each_tile() -> None:
    nan = float("nan")
    regression = CompositionRegression(2, dataset([[nan], [nan]]), torch.tensor([[-1.0], [1.0], [1.0], [-1.0]]))
    make_identity(regression.texture_head)
    regression.requires_grad_(False)
    low, high = torch.tensor([[-1.0, 9.0]]), torch.tensor([[1.0, 9.0]])  # the 9 has no target
    assert regression(torch.cat([low, high, high, low]), torch.arange(4)) < 1e-3
    assert regression(torch.cat([high, low, low, high]), torch.arange(4)) > 1


def test_at_all_scales_images_are_sampled_and_augmented_tiles_have_no_texture_target() -> None:
    tiles = np.zeros((9, 8, 8), np.uint8)  # an image of eight tiles, and a downsampled one of one tile
    numbers = np.array([0] * 8 + [2])  # image 1 has no tile
    uneven = TileDataset(tiles, numbers, numbers, ("", "", ""), ("",) * 3, np.array([[0.0], [0.0], [9.0]], np.float32))
    regression = CompositionRegression(2, uneven, torch.zeros(9, 1)).requires_grad_(False)
    make_identity(regression.head)
    make_identity(regression.texture_head)
    embeddings, indices = torch.tensor([[0.0, 0.0], [7.0, 0.0]]), torch.tensor([0, 0])
    before = float(regression(embeddings, indices))
    rare = sum(regression.sample(np.random.default_rng(n), 100).tolist().count(8) for n in range(20))
    assert 150 < rare < 300  # one of nine
    regression.sample_all_scales()
    assert float(regression(embeddings, indices)) == pytest.approx(before - 0.5 * 49 / 2)  # the texture error of the 7
    drawn = [index for n in range(20) for index in regression.sample(np.random.default_rng(n), 100).tolist()]
    assert set(drawn) == set(range(9))
    assert 900 < drawn.count(8) < 1100  # one of two
    assert regression.augment is half_augmented


def refuse_to_compute() -> torch.Tensor:
    raise AssertionError("texture targets cost time, and this objective needs none")


def test_views_are_contrasted_where_the_composition_is_unknown_or_contrast_is_asked_for() -> None:
    unknown = objective_head(dataset([[], []]), Objective.COMPOSITION, 8, refuse_to_compute)
    known = objective_head(dataset([[1.0], [2.0]]), Objective.CONTRAST, 8, refuse_to_compute)
    assert isinstance(unknown, ContrastiveHead)
    assert isinstance(known, ContrastiveHead)
