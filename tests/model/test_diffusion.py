"""Diffusion features equal those of the whole UNet of diffusers, and depend on one tile alone."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from fusiondiff_audit.model.diffusion import DiffusionFeatures, FeatureSelection, build_networks
from fusiondiff_audit.model.shapes import Autoencoder, Denoiser

VAE = Autoencoder((8, 16, 16, 16), layers=2, groups=4)
UNET = Denoiser((16, 32, 32, 32), heads=4, groups=4, context=24)
READING = FeatureSelection(blocks=("mid", "up0", "up1", "up2"), timesteps=(25, 200))


def seeded() -> tuple[DiffusionFeatures, Any, Any]:
    """Return our features, and diffusers' own models with the same weights."""
    torch.manual_seed(3)
    vae, unet = (model.eval() for model in build_networks(VAE, UNET))
    ours = DiffusionFeatures(VAE, UNET, READING, side=64)
    for mine, theirs in ((ours.vae, vae), (ours.unet, unet)):
        mine.load_state_dict({name: theirs.state_dict()[name] for name in mine.state_dict()})
    ours.null_prompt.normal_()
    ours.noise.normal_()
    return ours, vae, unet


@torch.inference_mode()
def test_features_are_those_of_the_whole_unet() -> None:
    ours, vae, unet = seeded()
    pictures = torch.rand(3, 1, 64, 64) * 2 - 1
    latent = vae.encode(pictures.expand(-1, 3, -1, -1)).latent_dist.mode() * VAE.scaling
    heard: dict[str, torch.Tensor] = {}
    named = {"mid": unet.mid_block, **{f"up{i}": block for i, block in enumerate(unet.up_blocks)}}
    for name, block in named.items():
        block.register_forward_hook(lambda _, __, out, name=name: heard.__setitem__(name, out))
    for freeze in (False, True):
        if freeze:
            ours.freeze_prompt()
        found, _ = ours(pictures)
        assert found.keys() == {"mid", "up0", "up1", "up2"}
        for place, step in enumerate(READING.timesteps):
            left = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2, 0)[step]
            noised = left.sqrt().float() * latent + (1 - left).sqrt().float() * ours.noise
            unet(noised, step, encoder_hidden_states=ours.null_prompt.expand(3, -1, -1))
            for name, maps in found.items():
                torch.testing.assert_close(maps[:, place], heard[name], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_a_tile_does_not_depend_on_others_in_the_batch() -> None:
    ours, _, _ = seeded()
    ours.freeze_prompt()
    pictures = torch.rand(4, 1, 64, 64) * 2 - 1
    (together, _), (alone, _) = ours(pictures), ours(pictures[2:3])
    for name in together:
        torch.testing.assert_close(together[name][2:3], alone[name], atol=1e-5, rtol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(ours(pictures)[0].values(), together.values(), strict=True))


def test_parts_that_no_feature_needs_are_left_out() -> None:
    shallow = DiffusionFeatures(VAE, UNET, FeatureSelection(blocks=("up0",)), side=64)
    names = set(shallow.state_dict())
    assert not any(
        name.startswith(("vae.decoder", "vae.post_quant_conv", "unet.conv_out", "unet.up_blocks.1")) for name in names
    )
    assert any(name.startswith("unet.up_blocks.0") for name in names)
    deep = DiffusionFeatures(VAE, UNET, FeatureSelection(blocks=("mid",)), side=64)
    assert not any(name.startswith("unet.up_blocks") for name in deep.state_dict())


@pytest.mark.parametrize("timesteps", [(25,), (50, 200)])
@torch.inference_mode()
def test_the_residual_is_the_error_of_the_whole_unet(timesteps: tuple[int, ...]) -> None:
    torch.manual_seed(3)
    reading = FeatureSelection(blocks=("up1",), timesteps=timesteps, residual=(50, 200))
    vae, unet = (model.eval() for model in build_networks(VAE, UNET))
    ours = DiffusionFeatures(VAE, UNET, reading, side=64).eval()
    ours.unet.load_state_dict(unet.state_dict())
    ours.vae.load_state_dict({name: vae.state_dict()[name] for name in ours.vae.state_dict()})
    ours.noise.normal_()
    ours.freeze_prompt()
    pictures = torch.rand(2, 1, 64, 64) * 2 - 1
    maps, residual = ours(pictures)
    assert residual is not None
    assert residual.shape == (2, 8, 8)
    assert maps.keys() == {"up1"}
    expected = torch.zeros(2, 8, 8)
    for step, left in zip((50, 200), reading.alphas((50, 200)), strict=True):
        noised = left.sqrt() * ours.latent(pictures) + (1 - left).sqrt() * ours.noise
        predicted_noise = unet(noised, step, encoder_hidden_states=ours.null_prompt.expand(2, -1, -1)).sample
        expected += ((predicted_noise - ours.noise) ** 2).mean(1) / 2
    torch.testing.assert_close(residual, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"blocks": ()}, "can be read"),
        ({"blocks": ("down0",)}, "can be read"),
        ({"blocks": ("up9",)}, "this UNet has up0 to up3"),
        ({"timesteps": (1000,)}, "whole numbers from 0 to 999"),
        ({"timesteps": ()}, "no timestep"),
        ({"residual": (-1,)}, "whole numbers"),
        ({"blocks": ("up1", "up1")}, "once each"),
        ({"first_beta": 0.0}, "a schedule"),
    ],
)
def test_blocks_and_timesteps_that_do_not_exist_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        DiffusionFeatures(VAE, UNET, FeatureSelection(**options), side=64)


@torch.inference_mode()
def test_an_autoencoder_may_see_averaged_pixels() -> None:
    ours, _, _ = seeded()
    coarse = DiffusionFeatures(replace(VAE, averaged=2), UNET, READING, side=128)
    coarse.load_state_dict(ours.state_dict())
    pictures = torch.rand(2, 1, 128, 128) * 2 - 1
    small = pictures.unfold(2, 2, 2).unfold(3, 2, 2).mean((4, 5))
    torch.testing.assert_close(coarse.latent(pictures), ours.latent(small), atol=1e-5, rtol=1e-5)
    assert replace(VAE, averaged=2).shrink == 2 * VAE.shrink
    with pytest.raises(ValueError, match="whole multiples of 128"):
        DiffusionFeatures(replace(VAE, averaged=2), UNET, READING, side=64)


def test_tiles_must_fit_the_network() -> None:
    with pytest.raises(ValueError, match="whole multiples of 64"):
        DiffusionFeatures(VAE, UNET, READING, side=96)


def test_the_schedule_is_that_of_stable_diffusion() -> None:
    """Noise-to-signal ratios as published for v1.4."""
    left = FeatureSelection().alphas((0, 25, 50, 100, 200, 261))
    ratio = ((1 - left) / left).sqrt()
    torch.testing.assert_close(ratio, torch.tensor([0.029, 0.155, 0.226, 0.344, 0.572, 0.725]), atol=6e-4, rtol=0)
