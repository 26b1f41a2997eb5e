"""Synthetic training images of all kinds, at several magnifications, with their composition."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusiondiff_audit.images.tiles import mirror_padded, tile_grid
from fusiondiff_audit.kiln.synthetic_textures import TEXTURE_KINDS
from fusiondiff_audit.training.dataset import Tiling, open_dataset, write_dataset
from fusiondiff_audit.training.synthetic import QUANTITIES, downsampled, synthesise
from tests.training.small_recipe import small_recipe

TILING = Tiling(small_recipe().geometry, small_recipe().intensity)
SIDE = TILING.geometry.tile
LENGTHS = {f"{kind}, {name}" for kind, made_of in TEXTURE_KINDS.items() for name in made_of.lengths}


def test_downsampling_takes_the_mean_of_each_square() -> None:
    plane = np.arange(36, dtype=np.uint8).reshape(6, 6)
    assert downsampled(plane, 1) is plane
    assert downsampled(plane, 3).tolist() == [[7 * 257, 10 * 257], [25 * 257, 28 * 257]]
    assert downsampled(plane, 4).tolist() == [[round(10.5 * 257)]]  # an incomplete square at the edge is dropped


def test_specimens_are_imaged_at_every_magnification_with_their_composition(tmp_path: Path) -> None:
    data = replace(small_recipe().dataset, kilns=(), randomised=4, textures=8, fields=1, downsampling=(1, 2))
    images, total = synthesise(data, TILING, 1)
    write_dataset(images, tmp_path)
    dataset = open_dataset(tmp_path, SIDE)
    assert dataset is not None
    tiles = len(tile_grid(data.side, data.side, SIDE, TILING.geometry.overlap))
    assert total == 24
    assert len(dataset.tiles) == 12 * (tiles + 1)
    quantities = dict(zip(QUANTITIES, dataset.composition.T, strict=True))
    randomised, textures = np.arange(24) < 8, np.arange(24) >= 8
    assert np.isfinite(quantities["grain"][randomised]).all()
    assert np.isfinite(quantities["porosity"][randomised]).all()
    assert np.isnan(quantities["porosity"][textures]).all()
    full, half = quantities["grain"][randomised].reshape(-1, 2).T
    assert full - half == pytest.approx(np.log(2), abs=1e-5)
    full, half = quantities["cracks"][randomised].reshape(-1, 2).T  # a downsampled tile shows more of the field
    assert half - full == pytest.approx(np.log(2), abs=1e-5)
    full, half = dataset.composition[textures].reshape(-1, 2, len(QUANTITIES)).swapaxes(0, 1)
    both = np.isfinite(full) & np.isfinite(half)
    assert both.any()
    for column, name in enumerate(QUANTITIES):
        shift = (full - half)[both[:, column], column]
        assert shift == pytest.approx(np.log(2) if name in LENGTHS else 0, abs=1e-5), name


def test_a_plane_smaller_than_a_tile_is_continued_by_reflection() -> None:
    plane = np.random.default_rng(0).integers(0, 255, (SIDE // 2, SIDE // 2), np.uint8)
    assert len(TILING.tiles(plane)) == 0  # in a folder it has no tile, as for the model
    (tile,) = TILING.tiles(mirror_padded(plane, SIDE))
    assert np.array_equal(tile, tile[::-1])
    assert np.array_equal(tile, tile[:, ::-1])
    assert np.array_equal(mirror_padded(plane, 8), plane)
