"""Frozen diffusion features: an autoencoder's latent, a fixed noise, and the UNet up to the last block that is read.

What a trained Stable Diffusion has and nobody reads is not there: no decoder, no text encoder, no later blocks. The
null prompt never changes, so its keys and values are computed once. The latent is the mode of its distribution and the
noise one stored tensor, so that features are a function of the pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from torch.nn import functional

from fusiondiff_audit.model.null_prompt import cache_null_prompt
from fusiondiff_audit.model.shapes import Autoencoder, Denoiser

Tensor = torch.Tensor
MID, WHOLE = "mid", "whole"
_LONGEST = 100_000  # timesteps of a schedule


@dataclass(frozen=True, slots=True)
class FeatureSelection:
    """What is read: blocks of the UNet (mid, up0, up1, ...) at timesteps of the schedule.

    With timesteps for the residual the whole UNet is kept, and says at those how much noise it sees where.
    """

    blocks: tuple[str, ...] = ("up1",)
    timesteps: tuple[int, ...] = (50,)
    residual: tuple[int, ...] = ()
    schedule: int = 1000
    first_beta: float = 0.00085
    last_beta: float = 0.012

    def __post_init__(self) -> None:
        """Refuse what names nothing."""
        twice = len(set(self.blocks)) != len(self.blocks)
        if not self.blocks or twice or any(_place(block) is None for block in self.blocks):
            raise ValueError(
                f"blocks {', '.join(self.blocks) or 'none'}: mid, up0, up1 and so on can be read, once each"
            )
        if not 0 < self.schedule <= _LONGEST or not 0 < self.first_beta <= self.last_beta < 1:
            raise ValueError(f"a schedule of {self.schedule} steps from {self.first_beta} to {self.last_beta}")
        for step in (*self.timesteps, *self.residual):
            if not 0 <= step < self.schedule:
                raise ValueError(f"timestep {step}: whole numbers from 0 to {self.schedule - 1} are read")
        if not self.timesteps:
            raise ValueError("no timestep is read")

    @property
    def last(self) -> int:
        """Return how many up blocks are needed."""
        return max(_place(block) or 0 for block in self.blocks)

    def alphas(self, timesteps: tuple[int, ...]) -> Tensor:
        """Return the share of the signal's variance that is left at these timesteps (scaled-linear schedule)."""
        ends = (self.first_beta**0.5, self.last_beta**0.5)
        root = torch.linspace(*ends, self.schedule, dtype=torch.float64, device="cpu")
        return torch.cumprod(1 - root**2, 0)[list(timesteps)].float()


def _place(block: str) -> int | None:
    """Return how many up blocks lie before the end of this one."""
    if block == MID:
        return 0
    return int(block[2:]) + 1 if block.startswith("up") and block[2:].isdigit() else None


class DiffusionFeatures(nn.Module):
    """Grey pictures from -1 to 1, of `side` pixels, to maps of features."""

    null_prompt: Tensor
    noise: Tensor

    def __init__(self, vae: Autoencoder, unet: Denoiser, reading: FeatureSelection, *, side: int) -> None:
        super().__init__()
        self.reading = reading
        self.scaling, self.averaged = vae.scaling, vae.averaged
        multiple = vae.shrink * 2 ** (len(unet.widths) - 1)
        if side % multiple:
            raise ValueError(f"tiles of {side} pixels; whole multiples of {multiple} are")
        self.vae, self.unet = build_networks(vae, unet)
        prune_networks(self.vae, self.unet, reading)
        self.register_buffer("null_prompt", torch.zeros(1, unet.tokens, unet.context))
        self.register_buffer("noise", torch.zeros(1, vae.latent, side // vae.shrink, side // vae.shrink))
        self._mixings: dict[tuple[tuple[int, ...], torch.device, torch.dtype], tuple[Tensor, Tensor, Tensor]] = {}
        self.requires_grad_(False)

    def freeze_prompt(self) -> None:
        """Compute the null prompt's keys and values, once; call it when the weights are in."""
        cache_null_prompt(self.unet, self.null_prompt)

    def latent(self, pictures: Tensor) -> Tensor:
        """Return the mode of each picture's latent."""
        moments = self.vae.quant_conv(self.vae.encoder(autoencoder_input(pictures, self.averaged)))
        mode, _ = moments.chunk(2, dim=1)
        scaled: Tensor = mode * self.scaling
        return scaled

    def forward(self, pictures: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return for each block its maps, pictures x timesteps x channels x height x width, and the residual."""
        latent = self.latent(pictures)
        blocks, timesteps, residual = self.reading.blocks, self.reading.timesteps, self.reading.residual
        if not residual:
            return self._run(latent, timesteps, blocks), None
        if residual == timesteps:  # the UNet says both in one go
            maps = self._run(latent, timesteps, (*blocks, WHOLE))
            said = maps.pop(WHOLE)
        else:
            maps = self._run(latent, timesteps, blocks)
            said = self._run(latent, residual, (WHOLE,))[WHOLE]
        error = (said.float() - self.noise.float()) ** 2
        return maps, error.mean((1, 2))

    def _run(self, latent: Tensor, timesteps: tuple[int, ...], blocks: tuple[str, ...]) -> dict[str, Tensor]:
        """Return what blocks give for every latent at every timestep."""
        steps, signal, noise = self._mixing(timesteps, latent)
        mixed = (signal * latent[None] + noise * self.noise.to(latent.dtype)[None]).flatten(0, 1)
        maps = unet_activations(self.unet, mixed, steps.repeat_interleave(len(latent)), self.null_prompt, blocks)
        count = len(timesteps)
        return {name: m.reshape(count, len(latent), *m.shape[1:]).transpose(0, 1) for name, m in maps.items()}

    def _mixing(self, timesteps: tuple[int, ...], like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return timesteps, and the weights of signal and noise at them, where they are needed; kept, once made."""
        key = (timesteps, like.device, like.dtype)
        if key not in self._mixings:
            with torch.inference_mode(mode=False):  # whoever comes next may want a slope through them
                left = self.reading.alphas(timesteps)[:, None, None, None, None]
                weights = (left.sqrt().to(like.device, like.dtype), (1 - left).sqrt().to(like.device, like.dtype))
                self._mixings[key] = (torch.tensor(timesteps, device=like.device), *weights)
        return self._mixings[key]


def autoencoder_input(pictures: Tensor, averaged: int) -> Tensor:
    """Return grey pictures as an autoencoder takes them: in three channels, so many pixels a side as one."""
    return functional.avg_pool2d(pictures, averaged).expand(-1, 3, -1, -1)


def build_networks(vae: Autoencoder, unet: Denoiser) -> tuple[Any, Any]:
    """Return diffusers' models of these sizes, with whatever weights they are made with."""
    autoencoder = AutoencoderKL.from_config(vae.config())  # type: ignore[no-untyped-call]
    return autoencoder, UNet2DConditionModel.from_config(unet.config(vae.latent))  # type: ignore[no-untyped-call]


def prune_networks(vae: Any, unet: Any, reading: FeatureSelection) -> None:
    """Take out what no reading needs."""
    del vae.decoder, vae.post_quant_conv
    if reading.last > len(unet.up_blocks):
        raise ValueError(f"blocks {', '.join(reading.blocks)}: this UNet has up0 to up{len(unet.up_blocks) - 1}")
    if not reading.residual:
        unet.up_blocks = unet.up_blocks[: reading.last]
        del unet.conv_norm_out, unet.conv_act, unet.conv_out


def unet_activations(
    unet: Any, sample: Tensor, steps: Tensor, prompt: Tensor, blocks: Iterable[str]
) -> dict[str, Tensor]:
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
    if found.keys() == wanted:
        return found
    for i, block in enumerate(unet.up_blocks):
        count = len(block.resnets)
        skips, own = skips[:-count], skips[-count:]
        sample = block(hidden_states=sample, temb=time, res_hidden_states_tuple=own, **_context(block, context))
        if f"up{i}" in wanted:
            found[f"up{i}"] = sample
        if found.keys() == wanted:
            return found
    found[WHOLE] = unet.conv_out(unet.conv_act(unet.conv_norm_out(sample)))
    return found


def _context(block: nn.Module, context: Tensor) -> dict[str, Tensor]:
    return {"encoder_hidden_states": context} if getattr(block, "has_cross_attention", False) else {}
