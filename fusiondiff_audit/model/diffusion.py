"""Frozen diffusion features: an autoencoder's latent, a fixed noise, and the UNet up to the last block that is read.

What a trained Stable Diffusion has and nobody reads is not there: no decoder, no text encoder, no later blocks. The
null prompt never changes, so its keys and values are computed once. The latent is the mode of its distribution and the
noise one stored tensor, so that features are a function of the pixels.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn

from fusiondiff_audit.model.null_prompt import keep_null_prompt

Tensor = torch.Tensor
MID = "mid"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read: blocks of the UNet (mid, up0, up1, ...) at timesteps of the schedule."""

    blocks: tuple[str, ...] = ("up1",)
    timesteps: tuple[int, ...] = (50,)
    schedule: int = 1000
    first_beta: float = 0.00085
    last_beta: float = 0.012

    def __post_init__(self) -> None:
        """Refuse what names nothing."""
        if not self.blocks or any(_place(block) is None for block in self.blocks):
            raise ValueError(f"blocks {self.blocks}: mid, up0, up1 and so on can be read")
        if not self.timesteps or not all(0 <= t < self.schedule for t in self.timesteps):
            raise ValueError(f"timesteps {self.timesteps}: whole numbers from 0 to {self.schedule - 1} are")

    @property
    def last(self) -> int:
        """Return how many up blocks are needed."""
        return max(_place(block) or 0 for block in self.blocks)

    def alphas(self) -> Tensor:
        """Return the share of the signal's variance that is left at each timestep read (scaled-linear schedule)."""
        root = torch.linspace(self.first_beta**0.5, self.last_beta**0.5, self.schedule, dtype=torch.float64)
        left = torch.cumprod(1 - root**2, 0)
        return left[list(self.timesteps)].float()


def _place(block: str) -> int | None:
    """Return how many up blocks lie before the end of this one."""
    if block == MID:
        return 0
    return int(block[2:]) + 1 if block.startswith("up") and block[2:].isdigit() else None


class DiffusionFeatures(nn.Module):
    """Grey pictures from -1 to 1, with sides that are whole multiples of `multiple`, to maps of features."""

    null_prompt: Tensor
    noise: Tensor
    alphas: Tensor
    timesteps: Tensor

    def __init__(self, vae: Mapping[str, Any], unet: Mapping[str, Any], reading: Reading, *, side: int) -> None:
        super().__init__()
        self.reading = reading
        self.vae, self.unet = build(vae, unet)
        cut(self.vae, self.unet, reading)
        self.scaling = float(self.vae.config.scaling_factor)
        shrink = 2 ** (len(self.vae.config.block_out_channels) - 1)
        self.multiple = shrink * 2 ** (len(self.unet.config.block_out_channels) - 1)
        if side % self.multiple:
            raise ValueError(f"tiles of {side} pixels; whole multiples of {self.multiple} are")
        tokens = (1, int(unet.get("null_tokens", 77)), int(self.unet.config.cross_attention_dim))
        latent = (1, int(self.vae.config.latent_channels), side // shrink, side // shrink)
        self.register_buffer("null_prompt", torch.zeros(tokens))
        self.register_buffer("noise", torch.zeros(latent))
        self.register_buffer("alphas", reading.alphas(), persistent=False)
        self.register_buffer("timesteps", torch.tensor(reading.timesteps), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def freeze_prompt(self) -> None:
        """Compute the null prompt's keys and values, once; call it when the weights are in."""
        keep_null_prompt(self.unet, self.null_prompt)

    def latent(self, pictures: Tensor) -> Tensor:
        """Return the mode of each picture's latent."""
        moments = self.vae.quant_conv(self.vae.encoder(pictures.expand(-1, 3, -1, -1)))
        mode, _ = moments.chunk(2, dim=1)
        scaled: Tensor = mode * self.scaling
        return scaled

    def noised(self, latent: Tensor) -> Tensor:
        """Return every latent at every timestep that is read: timestep by timestep."""
        left = self.alphas.to(latent.dtype)[:, None, None, None, None]
        mixed = left.sqrt() * latent[None] + (1 - left).sqrt() * self.noise.to(latent.dtype)[None]
        return mixed.flatten(0, 1)

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Return for each block its maps: pictures x timesteps x channels x height x width."""
        latent = self.latent(pictures)
        steps = self.timesteps.repeat_interleave(len(pictures))
        maps = read_blocks(self.unet, self.noised(latent), steps, self.null_prompt, self.reading.blocks)
        count = len(self.reading.timesteps)
        return {
            name: found.reshape(count, len(pictures), *found.shape[1:]).transpose(0, 1) for name, found in maps.items()
        }


def build(vae: Mapping[str, Any], unet: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return diffusers' models of these configurations, with whatever weights they are made with."""
    return AutoencoderKL.from_config(dict(vae)), UNet2DConditionModel.from_config(dict(unet))  # type: ignore[no-untyped-call]


def cut(vae: Any, unet: Any, reading: Reading) -> None:
    """Take out what no reading needs."""
    del vae.decoder, vae.post_quant_conv
    if reading.last > len(unet.up_blocks):
        raise ValueError(f"blocks {reading.blocks}: this UNet has up0 to up{len(unet.up_blocks) - 1}")
    unet.up_blocks = unet.up_blocks[: reading.last]
    del unet.conv_norm_out, unet.conv_act, unet.conv_out


def read_blocks(unet: Any, sample: Tensor, steps: Tensor, prompt: Tensor, blocks: Iterable[str]) -> dict[str, Tensor]:
    """Run a UNet as diffusers does, as far as the last block that is read, and return what the blocks give."""
    wanted, found = set(blocks), dict[str, Tensor]()
    time = unet.time_embedding(unet.time_proj(steps).to(sample.dtype))
    context = prompt.to(sample.dtype).expand(len(sample), -1, -1)
    sample = unet.conv_in(sample)
    skips: tuple[Tensor, ...] = (sample,)
    for block in unet.down_blocks:
        sample, more = block(hidden_states=sample, temb=time, **_context(block, context))
        skips += more
    sample = unet.mid_block(sample, time, **_context(unet.mid_block, context))
    if MID in wanted:
        found[MID] = sample
    for i, block in enumerate(unet.up_blocks):
        count = len(block.resnets)
        skips, own = skips[:-count], skips[-count:]
        sample = block(hidden_states=sample, temb=time, res_hidden_states_tuple=own, **_context(block, context))
        if f"up{i}" in wanted:
            found[f"up{i}"] = sample
    return found


def _context(block: nn.Module, context: Tensor) -> dict[str, Tensor]:
    return {"encoder_hidden_states": context} if getattr(block, "has_cross_attention", False) else {}
