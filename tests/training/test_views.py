"""Views differ in what a session at the microscope changes; objectives fall when they get what they ask for."""

import numpy as np
import pytest
import torch
from torch import nn

from fusiondiff_audit.training.diet import Diet
from fusiondiff_audit.training.objectives import Alike, Known, MadeOf, asked_of, contrast, decorrelate
from fusiondiff_audit.training.recipe import Objective
from fusiondiff_audit.training.views import _blurred, another_look, every_other, turned


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
    found = turned(tile.expand(400, -1, -1, -1), generator())
    assert torch.equal(found.flatten(1).sort(1).values, tile.flatten(1).expand(400, -1))
    assert len({tuple(one.flatten().tolist()) for one in found}) == 8


def test_a_blur_keeps_the_mean_and_is_of_each_tiles_own_width() -> None:
    tiles = torch.zeros(2, 1, 9, 9)
    tiles[:, :, 4, 4] = 1
    sharp, soft = _blurred(tiles, torch.tensor([0.01, 0.9]).reshape(2, 1, 1, 1))
    assert torch.allclose(sharp, tiles[0], atol=1e-6)
    assert float(soft.sum()) == pytest.approx(1, abs=1e-5)
    assert float(soft[0, 4, 4]) < 0.3


def test_agreement_costs_less_than_chance() -> None:
    views = torch.randn(32, 8, generator=generator())
    others = torch.randn(32, 8, generator=generator(1))
    assert contrast(views, views) < contrast(views, views + others) < contrast(views, others)
    assert decorrelate(views, views) < decorrelate(views, others)
    collapsed = torch.ones(32, 8)
    assert decorrelate(collapsed, collapsed) > decorrelate(views, views)


def food(makeup: list[list[float]]) -> Diet:
    """Return two objects with a picture of two tiles each."""
    squares, places = np.zeros((4, 8, 8), np.uint8), np.array([0, 0, 1, 1])
    return Diet(squares, places, places, ("b", "a"), ("", ""), np.array(makeup, np.float32))


def exact(head: nn.Linear) -> None:
    """Let a head say what it hears."""
    torch.nn.init.eye_(head.weight)
    torch.nn.init.zeros_(head.bias)


def test_makers_can_be_read_off() -> None:
    known = Known(8, food([[], []]))
    exact(known.head)
    apart = 9 * torch.eye(8)[torch.tensor([1, 0])]  # a tile of b's object, and one of a's
    assert known(apart, torch.tensor([0, 2])) < 0.01
    assert known(apart, torch.tensor([2, 0])) > 5


def test_what_a_specimen_is_made_of_is_asked_by_its_own_spread_and_where_it_is_there() -> None:
    nan = float("nan")
    asked = asked_of(food([[100.0, 0.2, nan], [300.0, 0.4, 7.0]]), Objective.MAKEUP, 3, lambda: torch.zeros(4, 1))
    assert isinstance(asked, MadeOf)
    exact(asked.head)
    nn.init.zeros_(asked.surface.weight)  # all tiles look alike, and it knows
    nn.init.zeros_(asked.surface.bias)
    asked.requires_grad_(False)
    right = torch.tensor([[-1.0, -1.0, 55.0], [1.0, 1.0, 0.0]])  # spreads from the middle; nobody asks for the 55
    assert asked(right, torch.tensor([1, 3])) < 1e-3
    assert asked(right, torch.tensor([3, 1])) > 1
    assert float(asked(right + torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1, 3]))) == pytest.approx(1 / 3, abs=0.01)


def test_what_a_tile_looks_like_is_asked_of_each_tile() -> None:
    nan = float("nan")
    asked = MadeOf(2, food([[nan], [nan]]), torch.tensor([[-1.0], [1.0], [1.0], [-1.0]]))
    exact(asked.surface)
    asked.requires_grad_(False)
    low, high = torch.tensor([[-1.0, 9.0]]), torch.tensor([[1.0, 9.0]])  # spreads from the middle; the 9 is for others
    assert asked(torch.cat([low, high, high, low]), torch.arange(4)) < 1e-3
    assert asked(torch.cat([high, low, low, high]), torch.arange(4)) > 1


def test_broadened_it_draws_pictures_and_asks_what_changed_tiles_are_made_of_but_not_how_they_look() -> None:
    squares = np.zeros((9, 8, 8), np.uint8)  # a picture of eight tiles, and one from afar
    places = np.array([0] * 8 + [2])  # of the one between them, nothing was to be seen
    uneven = Diet(squares, places, places, ("", "", ""), ("",) * 3, np.array([[0.0], [0.0], [9.0]], np.float32))
    asked = MadeOf(2, uneven, torch.zeros(9, 1)).requires_grad_(False)
    exact(asked.head)
    exact(asked.surface)
    embedded, at = torch.tensor([[0.0, 0.0], [7.0, 0.0]]), torch.tensor([0, 0])
    before = float(asked(embedded, at))
    rare = sum(asked.tiles(np.random.default_rng(n), 100).tolist().count(8) for n in range(20))
    assert 150 < rare < 300  # one of nine
    asked.broaden()
    assert float(asked(embedded, at)) == pytest.approx(before - 0.5 * 49 / 2)  # what it is made of weighs as before
    drawn = [place for n in range(20) for place in asked.tiles(np.random.default_rng(n), 100).tolist()]
    assert set(drawn) == set(range(9))
    assert 900 < drawn.count(8) < 1100  # one of two
    assert asked.look is every_other


def test_every_other_tile_is_seen_in_another_session() -> None:
    tile = torch.rand(1, 1, 16, 16, generator=generator(1)) / 2 + 0.25
    found = every_other(tile.expand(40, -1, -1, -1), generator(2))
    same = [torch.equal(one.flatten().sort().values, tile.flatten().sort().values) for one in found]
    assert same == [True, False] * 20


def unasked() -> torch.Tensor:
    raise AssertionError("what tiles look like costs time, and nobody asks for it")


def test_where_nobody_knows_the_makeup_views_are_contrasted() -> None:
    assert isinstance(asked_of(food([[], []]), Objective.MAKEUP, 8, unasked), Alike)
    assert isinstance(asked_of(food([[1.0], [2.0]]), Objective.DECORRELATE, 8, unasked), Alike)


def test_a_contrast_of_two_pairs_is_what_it_is_by_hand() -> None:
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    # each view has its twin at 1 and two others at 0, all over a temperature of 0.1
    expected = torch.log(1 + 2 * torch.exp(torch.tensor(-10.0)))
    assert torch.allclose(contrast(first, first), expected, atol=1e-6)
