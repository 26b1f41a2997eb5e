"""A picture of blocks: what is changed in a block is changed in all of its pixels, and nothing else is."""

import numpy as np
import torch

from attacks.art.estimators import BLOCKS, BlockView
from attacks.catalogue import CATALOGUE
from attacks.cost import Effort
from attacks.images import Budget

UNIT = np.random.default_rng(0).uniform(0.3, 0.7, (40, 64))


def seen(coarse: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(coarse)[None, None]


def test_without_a_change_it_is_the_picture() -> None:
    lens = BlockView(UNIT, blocks=True)
    assert lens.visible.shape == (BLOCKS, BLOCKS)
    assert np.allclose(lens.whole(seen(lens.visible))[0, 0].numpy(), UNIT)


def test_a_changed_block_changes_its_pixels_alike() -> None:
    lens = BlockView(UNIT, blocks=True)
    changed = lens.visible.copy()
    changed[0, 0] += 0.1
    change = lens.whole(seen(changed))[0, 0].numpy() - UNIT
    assert np.allclose(change[:2, :4], 0.1)
    assert np.count_nonzero(change.round(9)) <= 3 * 4
    changed[0, 0] += 9
    assert float(lens.whole(seen(changed)).max()) == 1.0


def test_a_small_picture_is_its_own_blocks() -> None:
    small = UNIT[:12, :16]
    lens = BlockView(small, blocks=True)
    assert np.array_equal(lens.visible, small)
    assert np.array_equal(lens.whole(seen(small + 0.1))[0, 0].numpy(), small + 0.1)


def test_only_what_takes_too_much_for_every_pixel_sees_blocks() -> None:
    made = {
        name: entry.make(Budget(entry.norms[0], 0.1), Effort())
        for name, entry in CATALOGUE.items()
        if entry.family != "platforms"
    }
    assert {name for name, attack in made.items() if getattr(attack, "blocks", False)} == {"virtual", "threshold"}
