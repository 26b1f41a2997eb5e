"""What the stages of training sample, and the weights that they pass on."""

import numpy as np
import torch

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.training.dataset import TileDataset
from fusiondiff_audit.training.stages import average_weights, start_from_texture
from tests.training.small_recipe import small_recipe


def test_half_of_a_sample_are_makers_at_full_resolution() -> None:
    tiles_per_image = np.tile([4, 1], 30)  # each specimen has an image at full resolution, and a downsampled one
    image = np.repeat(np.arange(60), tiles_per_image)
    makers = ("hazel authentic",) * 10 + ("",) * 20
    tiles = np.zeros((len(image), 8, 8), np.uint8)
    dataset = TileDataset(tiles, image // 2, image, makers, ("",) * 60, np.zeros((60, 0), np.float32))
    has_maker = np.array([bool(maker) for maker in dataset.makers])[dataset.specimen]
    full = dataset.image % 2 == 0
    drawn = dataset.sample_makers(np.random.default_rng(0), 400)
    assert len(drawn) == 400
    assert (has_maker & full)[drawn[:200]].all()
    assert 0.2 < has_maker[drawn[200:]].mean() < 0.45  # 10 of 30 specimens
    assert 0.4 < full[drawn[200:]].mean() < 0.6


def test_weights_are_averaged_and_counts_are_not() -> None:
    module = torch.nn.BatchNorm2d(2)
    earlier = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        module.weight.fill_(3)
    module.running_mean = torch.full((2,), 8.0)
    module.num_batches_tracked = torch.tensor(7)
    average_weights(module, earlier)
    assert module.weight.tolist() == [2, 2]
    assert module.running_mean.tolist() == [4, 4]
    assert module.num_batches_tracked.item() == 7


def test_an_encoder_starts_from_the_embeddings_of_its_pixel_cnn() -> None:
    torch.manual_seed(0)
    encoder = Encoder(small_recipe().architecture).train(mode=False)
    tiles = torch.rand(3, 1, 64, 64)
    with torch.inference_mode():
        maps, _ = encoder.feature_maps(tiles)
        assert not torch.allclose(encoder.local(maps, tiles), encoder.local.from_pixels_alone(tiles))
    start_from_texture(encoder)
    with torch.inference_mode():
        local, broad = encoder.local(maps, tiles), encoder.broad(tiles)
        torch.testing.assert_close(local, encoder.local.from_pixels_alone(tiles))
        fused, gate = encoder.gate(local, broad)
    assert gate.min() == gate.max() > 0.8
    torch.testing.assert_close(fused, gate * local + (1 - gate) * broad)
