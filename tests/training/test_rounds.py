"""What the rounds of a training look at, and what they leave to each other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.training import diet
from fusiondiff_audit.training.meal import made
from fusiondiff_audit.training.stages import average, begin_with_texture
from tests.training.small import small

CUTTING = diet.Cutting(small().geometry, small().intensity)


def test_half_of_what_is_drawn_are_kilns_pieces_from_near(tmp_path: Path) -> None:
    meal = replace(small().diet, specimens=1, strangers=20, fields=1, averaged=(1, 2))
    pictures, _ = made(meal, CUTTING, 1)
    diet.store(pictures, tmp_path)
    found = diet.opened(tmp_path, CUTTING.geometry.tile)
    assert found is not None
    made_by = np.array([bool(maker) for maker in found.makers])[found.owner]
    near = found.picture % 2 == 0
    drawn = found.of_makers(np.random.default_rng(0), 400)
    assert len(drawn) == 400
    assert (made_by & near)[drawn[:200]].all()
    assert 0.2 < made_by[drawn[200:]].mean() < 0.45  # 10 of 30 pieces
    assert 0.4 < near[drawn[200:]].mean() < 0.6


def test_two_states_are_averaged_and_counts_are_not() -> None:
    module = torch.nn.BatchNorm2d(2)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        module.weight.fill_(3)
    module.running_mean = torch.full((2,), 8.0)
    module.num_batches_tracked = torch.tensor(7)
    average(module, before)
    assert module.weight.tolist() == [2, 2]
    assert module.running_mean.tolist() == [4, 4]
    assert module.num_batches_tracked.item() == 7


def test_an_encoder_begins_with_what_its_local_path_says_of_tiles() -> None:
    torch.manual_seed(0)
    encoder = Encoder(small().architecture).train(mode=False)
    tiles = torch.rand(3, 1, 64, 64)
    with torch.inference_mode():
        assert not torch.allclose(
            encoder.local(encoder.feature_maps(tiles)[0], tiles), encoder.local.from_pixels_alone(tiles)
        )
    begin_with_texture(encoder)
    with torch.inference_mode():
        maps, _ = encoder.feature_maps(tiles)
        local, broad = encoder.local(maps, tiles), encoder.broad(tiles)
        torch.testing.assert_close(local, encoder.local.from_pixels_alone(tiles))
        fused, gate = encoder.gate(local, broad)
    assert gate.min() == gate.max() > 0.8
    torch.testing.assert_close(fused, gate * local + (1 - gate) * broad)
