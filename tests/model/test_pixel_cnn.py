"""The pixel CNN of the local path: fine texture, of each tile by itself."""

from dataclasses import replace

import pytest
import torch

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.pixel_cnn import PixelCNN
from fusiondiff_audit.model.shapes import Convolutions
from tests.model.tiny import ARCHITECTURE

WITH_PIXELS = replace(ARCHITECTURE, convolutions=Convolutions(8, 1, pixels=(4, 4, 8, 16)))
TILES = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(3))


def encoder() -> Encoder:
    torch.manual_seed(0)
    network = Encoder(WITH_PIXELS).eval()
    network.diffusion.freeze_prompt()
    return network


@torch.no_grad()
def test_texture_finer_than_the_latent_reaches_the_embedding() -> None:
    network = encoder()
    assert network.local.pixels is not None
    maps, _ = network.feature_maps(TILES)
    fine = TILES + 0.1 * (torch.arange(64) % 2 * 2 - 1)  # stripes of one pixel
    plain, striped = (network.local(maps, tiles) for tiles in (TILES, fine))  # with equal diffusion maps
    assert (plain - striped).abs().max() > 1e-3
    assert torch.equal(plain, network.local(maps, TILES))


@torch.no_grad()
def test_pixels_alone_equal_maps_of_zeros() -> None:
    network = encoder()
    maps, _ = network.feature_maps(TILES)
    assert not torch.allclose(network.local(maps, TILES), network.local.from_pixels_alone(TILES))
    for number in network.local.blocks.parameters():
        number.zero_()
    torch.testing.assert_close(network.local(maps, TILES), network.local.from_pixels_alone(TILES))


@torch.no_grad()
def test_a_tile_does_not_depend_on_others_in_the_batch() -> None:
    network = encoder()
    torch.testing.assert_close(network(TILES).embedding[1:2], network(TILES[1:2]).embedding, atol=1e-5, rtol=1e-4)


def test_blocks_halve_a_tile_where_their_width_changes() -> None:
    assert PixelCNN((4, 4, 8, 16))(TILES).shape == (3, 16, 8, 8)
    assert PixelCNN((4,))(TILES[:, :, :63, :63]).shape == (3, 4, 32, 32)  # odd sides, too
    assert PixelCNN((4, 8))(TILES[:, :, :61, :61]).shape == (3, 8, 16, 16)


def test_a_local_path_without_pixel_cnn_embeds_no_pixels_alone_and_wrong_widths_are_refused() -> None:
    torch.manual_seed(0)
    network = Encoder(ARCHITECTURE)
    assert network.local.pixels is None
    with pytest.raises(ValueError, match="without a pixel CNN"):
        network.local.from_pixels_alone(TILES)
    for widths in ((0, 4), (4, 10_000), (4,) * 65):
        with pytest.raises(ValueError, match="can be built"):
            Convolutions(pixels=widths)
