"""Images as blocks: a changed block changes all of its pixels alike, and no others."""

import numpy as np
import torch

from attacks.art.estimators import BLOCKS, BlockView
from attacks.catalogue import CATALOGUE
from attacks.cost import Effort
from attacks.images import Budget

UNIT = np.random.default_rng(0).uniform(0.3, 0.7, (40, 64))


def as_batch(blocks: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(blocks)[None, None]


def test_unchanged_blocks_give_the_clean_image() -> None:
    view = BlockView(UNIT, blocks=True)
    assert view.visible.shape == (BLOCKS, BLOCKS)
    assert np.allclose(view.whole(as_batch(view.visible))[0, 0].numpy(), UNIT)


def test_a_changed_block_changes_all_of_its_pixels_alike() -> None:
    view = BlockView(UNIT, blocks=True)
    changed = view.visible.copy()
    changed[0, 0] += 0.1
    change = view.whole(as_batch(changed))[0, 0].numpy() - UNIT
    assert np.allclose(change[:2, :4], 0.1)
    assert np.count_nonzero(change.round(9)) <= 3 * 4
    changed[0, 0] += 9
    assert float(view.whole(as_batch(changed)).max()) == 1.0


def test_an_image_smaller_than_the_grid_is_its_own_blocks() -> None:
    small = UNIT[:12, :16]
    view = BlockView(small, blocks=True)
    assert np.array_equal(view.visible, small)
    assert np.array_equal(view.whole(as_batch(small + 0.1))[0, 0].numpy(), small + 0.1)


def test_only_attacks_that_query_once_for_each_pixel_see_blocks() -> None:
    attacks = {
        name: entry.make(Budget(entry.norms[0], 0.1), Effort())
        for name, entry in CATALOGUE.items()
        if entry.family != "platforms"
    }
    assert {name for name, attack in attacks.items() if getattr(attack, "blocks", False)} == {"virtual", "threshold"}
