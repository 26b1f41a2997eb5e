"""What is made up to be looked at: pieces of all sorts, near and from afar, with what is known of each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusiondiff_audit.images.tiles import mirror_padded, tile_grid
from fusiondiff_audit.kiln.synthetic_textures import TEXTURE_KINDS
from fusiondiff_audit.training import diet
from fusiondiff_audit.training.meal import NUMBERS, averaged, made
from tests.training.small import small

CUTTING = diet.Cutting(small().geometry, small().intensity)
SIDE = CUTTING.geometry.tile
LENGTHS = {f"{kind}, {name}" for kind, made_of in TEXTURE_KINDS.items() for name in made_of.lengths}


def test_a_plane_is_averaged_square_by_square() -> None:
    plane = np.arange(36, dtype=np.uint8).reshape(6, 6)
    assert averaged(plane, 1) is plane
    assert averaged(plane, 3).tolist() == [[7 * 257, 10 * 257], [25 * 257, 28 * 257]]
    assert averaged(plane, 4).tolist() == [[round(10.5 * 257)]]  # what is left over at the edges is not seen


def test_pieces_are_seen_near_and_from_afar_with_what_is_known(tmp_path: Path) -> None:
    meal = replace(small().diet, kilns=(), strangers=4, studies=8, fields=1, averaged=(1, 2))
    pictures, total = made(meal, CUTTING, 1)
    diet.store(pictures, tmp_path)
    found = diet.opened(tmp_path, SIDE)
    assert found is not None
    tiles = len(tile_grid(meal.side, meal.side, SIDE, CUTTING.geometry.overlap))
    assert total == 24
    assert len(found.squares) == 12 * (tiles + 1)
    known = dict(zip(NUMBERS, found.makeup.T, strict=True))
    strangers, studies = np.arange(24) < 8, np.arange(24) >= 8
    assert np.isfinite(known["grain"][strangers]).all()
    assert np.isfinite(known["porosity"][strangers]).all()
    assert np.isnan(known["porosity"][studies]).all()
    near, afar = known["grain"][strangers].reshape(-1, 2).T
    assert near - afar == pytest.approx(np.log(2), abs=1e-5)
    near, afar = known["cracks"][strangers].reshape(-1, 2).T  # a tile from afar shows more of the field
    assert afar - near == pytest.approx(np.log(2), abs=1e-5)
    near, afar = found.makeup[studies].reshape(-1, 2, len(NUMBERS)).swapaxes(0, 1)
    both = np.isfinite(near) & np.isfinite(afar)
    assert both.any()
    for place, name in enumerate(NUMBERS):
        shift = (near - afar)[both[:, place], place]
        assert shift == pytest.approx(np.log(2) if name in LENGTHS else 0, abs=1e-5), name


def test_what_is_smaller_than_a_tile_is_continued_by_its_mirror_image() -> None:
    plane = np.random.default_rng(0).integers(0, 255, (SIDE // 2, SIDE // 2), np.uint8)
    assert len(CUTTING.squares(plane)) == 0  # of a folder; the model would refuse it, too
    (tile,) = CUTTING.squares(mirror_padded(plane, SIDE))
    assert np.array_equal(tile, tile[::-1])
    assert np.array_equal(tile, tile[:, ::-1])
    assert np.array_equal(mirror_padded(plane, 8), plane)
