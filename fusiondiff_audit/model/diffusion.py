"""Frozen diffusion features: activations of a UNet on the noised latent of a tile.

Parts of Stable Diffusion that no feature needs are left out: the decoder, the text encoder, and later blocks of the
UNet. The prompt is always the empty one, so its keys and values are computed once. The latent is the mode of its
distribution and the noise one stored tensor, so that features are a function of the pixels.
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
MID = "mid"
_OUTPUT = "output"  # of the whole UNet: the predicted noise
_MAX_TIMESTEPS = 100_000


@dataclass(frozen=True, slots=True)
class FeatureSelection:
    """The UNet blocks (mid, up0, up1, ...) and timesteps whose activations are features.

    With `residual` timesteps the whole UNet is kept, and its squared error in predicting the noise is computed at them.
    """

    blocks: tuple[str, ...] = ("up1",)
    timesteps: tuple[int, ...] = (50,)
    residual: tuple[int, ...] = ()
    schedule: int = 1000
    first_beta: float = 0.00085
    last_beta: float = 0.012

    def __post_init__(self) -> None:
        repeated = len(set(self.blocks)) != len(self.blocks)
        if not self.blocks or repeated or any(_place(block) is None for block in self.blocks):
            raise ValueError(
                f"blocks {', '.join(self.blocks) or 'none'}: mid, up0, up1 and so on can be read, once each"
            )
        if not 0 < self.schedule <= _MAX_TIMESTEPS or not 0 < self.first_beta <= self.last_beta < 1:
            raise ValueError(f"a schedule of {self.schedule} steps from {self.first_beta} to {self.last_beta}")
        for step in (*self.timesteps, *self.residual):
            if not 0 <= step < self.schedule:
                raise ValueError(f"timestep {step}: whole numbers from 0 to {self.schedule - 1} are read")
        if not self.timesteps:
            raise ValueError("no timestep is read")

    @property
    def up_blocks(self) -> int:
        """The number of up blocks that are needed."""
        return max(_place(block) or 0 for block in self.blocks)

    def alphas(self, timesteps: tuple[int, ...]) -> Tensor:
        """Return the share of signal variance at these timesteps, alpha-bar of the scaled-linear schedule."""
        ends = (self.first_beta**0.5, self.last_beta**0.5)
        root = torch.linspace(*ends, self.schedule, dtype=torch.float64, device="cpu")
        return torch.cumprod(1 - root**2, 0)[list(timesteps)].float()


def _place(block: str) -> int | None:
    """Return the number of up blocks that lead to this block's output, None for an unknown block."""
    if block == MID:
        return 0
    return int(block[2:]) + 1 if block.startswith("up") and block[2:].isdigit() else None


class DiffusionFeatures(nn.Module):
    """From grey tiles between -1 and 1, of `side` pixels, to feature maps."""

    null_prompt: Tensor
    noise: Tensor

    def __init__(self, vae: Autoencoder, unet: Denoiser, reading: FeatureSelection, *, side: int) -> None:
        super().__init__()
        self.reading = reading
        self.scaling, self.averaged = vae.scaling, vae.averaged
        multiple = vae.shrink * 2 ** (len(unet.widths) - 1)
        if side % multiple:
            raise ValueError(f"tiles of {side} pixels; they need whole multiples of {multiple}")
        self.vae, self.unet = build_networks(vae, unet)
        prune_networks(self.vae, self.unet, reading)
        self.register_buffer("null_prompt", torch.zeros(1, unet.tokens, unet.context))
        self.register_buffer("noise", torch.zeros(1, vae.latent, side // vae.shrink, side // vae.shrink))
        self.requires_grad_(False)

    def freeze_prompt(self) -> None:
        """Compute the empty prompt's keys and values; call it once the weights are loaded."""
        cache_null_prompt(self.unet, self.null_prompt)

    def latent(self, tiles: Tensor) -> Tensor:
        """Return the mode of each tile's latent distribution, scaled."""
        moments = self.vae.quant_conv(self.vae.encoder(autoencoder_input(tiles, self.averaged)))
        mode, _ = moments.chunk(2, dim=1)
        scaled: Tensor = mode * self.scaling
        return scaled

    def forward(self, tiles: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return each block's maps, tiles x timesteps x channels x height x width, and the residual."""
        latent = self.latent(tiles)
        blocks, timesteps, residual = self.reading.blocks, self.reading.timesteps, self.reading.residual
        if not residual:
            return self._run(latent, timesteps, blocks), None
        if residual == timesteps:  # one pass of the UNet gives both
            maps = self._run(latent, timesteps, (*blocks, _OUTPUT))
            predicted = maps.pop(_OUTPUT)
        else:
            maps = self._run(latent, timesteps, blocks)
            predicted = self._run(latent, residual, (_OUTPUT,))[_OUTPUT]
        error = (predicted.float() - self.noise.float()) ** 2
        return maps, error.mean((1, 2))

    def _run(self, latent: Tensor, timesteps: tuple[int, ...], blocks: tuple[str, ...]) -> dict[str, Tensor]:
        """Return the blocks' activations for each latent at each timestep."""
        alphas = self.reading.alphas(timesteps)[:, None, None, None, None]
        signal, noise = (weight.sqrt().to(latent.device, latent.dtype) for weight in (alphas, 1 - alphas))
        mixed = (signal * latent[None] + noise * self.noise.to(latent.dtype)[None]).flatten(0, 1)
        steps = torch.tensor(timesteps, device=latent.device)
        maps = unet_activations(self.unet, mixed, steps.repeat_interleave(len(latent)), self.null_prompt, blocks)
        count = len(timesteps)
        return {name: m.reshape(count, len(latent), *m.shape[1:]).transpose(0, 1) for name, m in maps.items()}


def autoencoder_input(tiles: Tensor, averaged: int) -> Tensor:
    """Return grey tiles as the autoencoder takes them: reduced by `averaged`, in three equal channels."""
    return functional.avg_pool2d(tiles, averaged).expand(-1, 3, -1, -1)


def build_networks(vae: Autoencoder, unet: Denoiser) -> tuple[Any, Any]:
    """Return diffusers' models of these sizes, with random weights."""
    autoencoder = AutoencoderKL.from_config(vae.config())  # type: ignore[no-untyped-call]
    return autoencoder, UNet2DConditionModel.from_config(unet.config(vae.latent))  # type: ignore[no-untyped-call]


def prune_networks(vae: Any, unet: Any, reading: FeatureSelection) -> None:
    """Remove the parts that the selected features do not need."""
    del vae.decoder, vae.post_quant_conv
    if reading.up_blocks > len(unet.up_blocks):
        raise ValueError(f"blocks {', '.join(reading.blocks)}: this UNet has up0 to up{len(unet.up_blocks) - 1}")
    if not reading.residual:
        unet.up_blocks = unet.up_blocks[: reading.up_blocks]
        del unet.conv_norm_out, unet.conv_act, unet.conv_out


def unet_activations(
    unet: Any, sample: Tensor, steps: Tensor, prompt: Tensor, blocks: Iterable[str]
) -> dict[str, Tensor]:
    """Run a UNet as diffusers does, as far as the last selected block, and return the blocks' outputs."""
    wanted, outputs = set(blocks), dict[str, Tensor]()
    time = unet.time_embedding(unet.time_proj(steps).to(sample.dtype))
    context = prompt.to(sample.dtype).expand(len(sample), -1, -1)
    sample = unet.conv_in(sample)
    skips: tuple[Tensor, ...] = (sample,)
    for block in unet.down_blocks:
        sample, block_skips = block(hidden_states=sample, temb=time, **_context(block, context))
        skips += block_skips
    sample = unet.mid_block(sample, time, **_context(unet.mid_block, context))
    if MID in wanted:
        outputs[MID] = sample
    if outputs.keys() == wanted:
        return outputs
    for i, block in enumerate(unet.up_blocks):
        count = len(block.resnets)
        skips, own = skips[:-count], skips[-count:]
        sample = block(hidden_states=sample, temb=time, res_hidden_states_tuple=own, **_context(block, context))
        if f"up{i}" in wanted:
            outputs[f"up{i}"] = sample
        if outputs.keys() == wanted:
            return outputs
    outputs[_OUTPUT] = unet.conv_out(unet.conv_act(unet.conv_norm_out(sample)))
    return outputs


def _context(block: nn.Module, context: Tensor) -> dict[str, Tensor]:
    return {"encoder_hidden_states": context} if getattr(block, "has_cross_attention", False) else {}
