"""The local path beside the maps: fine texture, of each tile by itself, and wherever in the tile it lies."""

from dataclasses import replace

import pytest
import torch

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.pixel_cnn import PixelCNN
from fusiondiff_audit.model.shapes import Convolutions
from tests.model.tiny import ARCHITECTURE

SEEN = replace(ARCHITECTURE, convolutions=Convolutions(8, 1, pixels=(4, 4, 8, 16)))
TILES = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(3))


def encoder() -> Encoder:
    torch.manual_seed(0)
    made = Encoder(SEEN).eval()
    made.diffusion.freeze_prompt()
    return made


@torch.no_grad()
def test_what_is_too_fine_for_the_maps_reaches_the_embedding() -> None:
    made = encoder()
    assert made.local.pixels is not None
    maps, _ = made.feature_maps(TILES)
    fine = TILES + 0.1 * (torch.arange(64) % 2 * 2 - 1)  # stripes of one pixel
    seen, finer = (made.local(maps, tiles) for tiles in (TILES, fine))  # maps that noticed nothing
    assert (seen - finer).abs().max() > 1e-3
    assert torch.equal(seen, made.local(maps, TILES))


@torch.no_grad()
def test_texture_alone_gives_what_comes_of_maps_that_say_nothing() -> None:
    made = encoder()
    maps, _ = made.feature_maps(TILES)
    assert not torch.allclose(made.local(maps, TILES), made.local.from_pixels_alone(TILES))
    for number in made.local.blocks.parameters():
        number.zero_()
    torch.testing.assert_close(made.local(maps, TILES), made.local.from_pixels_alone(TILES))


@torch.no_grad()
def test_a_tile_s_embedding_is_its_own() -> None:
    made = encoder()
    torch.testing.assert_close(made(TILES).embedding[1:2], made(TILES[1:2]).embedding, atol=1e-5, rtol=1e-4)


def test_blocks_halve_a_tile_where_their_width_changes() -> None:
    assert PixelCNN((4, 4, 8, 16))(TILES).shape == (3, 16, 8, 8)
    assert PixelCNN((4,))(TILES[:, :, :63, :63]).shape == (3, 4, 32, 32)  # odd sides, too
    assert PixelCNN((4, 8))(TILES[:, :, :61, :61]).shape == (3, 8, 16, 16)


def test_a_path_without_them_sees_maps_alone_and_wrong_widths_are_refused() -> None:
    torch.manual_seed(0)
    made = Encoder(ARCHITECTURE)
    assert made.local.pixels is None
    with pytest.raises(ValueError, match="maps alone"):
        made.local.pixel_features(TILES)
    for widths in ((0, 4), (4, 10_000), (4,) * 65):
        with pytest.raises(ValueError, match="can be built"):
            Convolutions(pixels=widths)
