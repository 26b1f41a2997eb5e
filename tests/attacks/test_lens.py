"""A picture of blocks: what is changed in a block is changed in all of its pixels, and nothing else is."""

import numpy as np
import torch

from attacks.art.estimators import BLOCKS, Lens

UNIT = np.random.default_rng(0).uniform(0.3, 0.7, (40, 64))


def seen(coarse: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(coarse)[None, None]


def test_without_a_change_it_is_the_picture() -> None:
    lens = Lens(UNIT, BLOCKS)
    assert lens.coarse.shape == (16, 16)
    assert np.allclose(lens.fine(seen(lens.coarse))[0, 0].numpy(), UNIT)


def test_a_changed_block_changes_its_pixels_alike() -> None:
    lens = Lens(UNIT, BLOCKS)
    changed = lens.coarse.copy()
    changed[0, 0] += 0.1
    change = lens.fine(seen(changed))[0, 0].numpy() - UNIT
    assert np.allclose(change[:2, :4], 0.1)
    assert np.count_nonzero(change.round(9)) <= 3 * 4
    changed[0, 0] += 9
    assert float(lens.fine(seen(changed)).max()) == 1.0


def test_a_small_picture_is_its_own_blocks() -> None:
    small = UNIT[:12, :16]
    lens = Lens(small, BLOCKS)
    assert lens.coarse is not small
    assert np.array_equal(lens.coarse, small)
    assert np.array_equal(lens.fine(seen(small + 0.1))[0, 0].numpy(), small + 0.1)
