"""Views differ in what a session at the microscope changes; objectives fall when views agree."""

import pytest
import torch

from fusiondiff_audit.training.objectives import Known, contrast, decorrelate
from fusiondiff_audit.training.views import _blurred, _turned, another_look


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_look_is_drawn_from_its_generator_alone_and_stays_a_picture() -> None:
    tiles = torch.rand(16, 1, 32, 32, generator=generator(1))
    first, again, other = (another_look(tiles, generator(seed)) for seed in (2, 2, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == tiles.shape
    assert 0 <= float(first.min()) <= float(first.max()) <= 1


def test_turns_lose_nothing_and_all_eight_happen() -> None:
    tile = torch.arange(16.0).reshape(1, 1, 4, 4)
    turned = _turned(tile.expand(400, -1, -1, -1), generator())
    assert torch.equal(turned.flatten(1).sort(1).values, tile.flatten(1).expand(400, -1))
    assert len({tuple(one.flatten().tolist()) for one in turned}) == 8


def test_a_blur_keeps_the_mean_and_is_of_each_tiles_own_width() -> None:
    tiles = torch.zeros(2, 1, 9, 9)
    tiles[:, :, 4, 4] = 1
    sharp, soft = _blurred(tiles, torch.tensor([0.01, 0.9]).reshape(2, 1, 1, 1))
    assert torch.allclose(sharp, tiles[0], atol=1e-6)
    assert float(soft.sum()) == pytest.approx(1, abs=1e-5)
    assert float(soft[0, 4, 4]) < 0.3


def test_agreement_costs_less_than_chance_and_labels_can_be_read_off() -> None:
    views = torch.randn(32, 8, generator=generator())
    others = torch.randn(32, 8, generator=generator(1))
    assert contrast(views, views) < contrast(views, views + others) < contrast(views, others)
    assert decorrelate(views, views) < decorrelate(views, others)
    collapsed = torch.ones(32, 8)
    assert decorrelate(collapsed, collapsed) > decorrelate(views, views)
    known = Known(8, ["b", "a"])
    torch.nn.init.eye_(known.head.weight)
    torch.nn.init.zeros_(known.head.bias)
    apart = 9 * torch.eye(8)[torch.tensor([1, 0, 1, 0])]  # two views of an object of b, and of one of a
    assert known(apart, torch.tensor([0, 1])) < 0.01
    assert known(apart, torch.tensor([1, 0])) > 5


def test_a_contrast_of_two_pairs_is_what_it_is_by_hand() -> None:
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # each view has its twin at 1 and two others at 0, all over a temperature of 0.1
    expected = torch.log(1 + 2 * torch.exp(torch.tensor(-10.0)))
    assert torch.allclose(contrast(first, first), expected, atol=1e-6)
