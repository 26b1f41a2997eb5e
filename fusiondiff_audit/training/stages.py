"""The stages of training, each a module and its loss: a latent, a denoiser of it, a DeiT, and then paths and gate."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fusiondiff_audit.model.diffusion import autoencoder_input, build_networks
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.paths import GlobalPath
from fusiondiff_audit.training.diet import Diet, Places
from fusiondiff_audit.training.maps import Maps, as_tiles
from fusiondiff_audit.training.objectives import Asked
from fusiondiff_audit.training.recipe import Recipe, Stage
from fusiondiff_audit.training.studio import Place
from fusiondiff_audit.training.views import another_look

Tensor = torch.Tensor
_DIVERGENCE = 1e-3  # weight of the latent's distance from a normal distribution
_EDGES = 1.0  # weight of the differences between neighbours: what a mean error blurs away
_BELIEF = 2.0  # in the local path, before a gate has learnt: 0.88


class LatentTask:
    """An autoencoder that keeps what a tile looks like."""

    name = "autoencoder"

    def __init__(self, recipe: Recipe, diet: Diet, here: Place) -> None:
        self._diet, self._here, self._batch = diet, here, recipe.stages.autoencoder.batch
        self._averaged = recipe.architecture.autoencoder.averaged
        self.module, _ = build_networks(recipe.architecture.autoencoder, recipe.architecture.denoiser)
        self.module.to(here.device).to(memory_format=torch.channels_last)

    def loss(self, numbers: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return the error of what comes back, of its edges, and what the latent says too much."""
        tiles = as_tiles(self._diet.squares[self._diet.some(numbers, self._batch)], self._here)
        seen = autoencoder_input(2 * another_look(tiles, generator) - 1, self._averaged)
        latent = self.module.encode(seen).latent_dist
        noise = torch.randn(latent.mean.shape, generator=generator).to(latent.mean)
        back = self.module.decode(latent.mean + latent.std * noise).sample
        error = functional.l1_loss(back, seen)
        edges = sum(functional.l1_loss(back.diff(dim=way), seen.diff(dim=way)) for way in (2, 3))
        divergence = latent.kl().mean() / latent.mean[0].numel()
        total: Tensor = error + _EDGES * edges + _DIVERGENCE * divergence
        return total

    @torch.inference_mode()
    def scaling(self, numbers: np.random.Generator) -> float:
        """Return what brings the latent's numbers to a variance of one."""
        tiles = as_tiles(self._diet.squares[self._diet.some(numbers, 256)], self._here)
        return float(1 / self.module.encode(autoencoder_input(2 * tiles - 1, self._averaged)).latent_dist.mean.std())


class DenoiserTask:
    """A UNet that says which noise was mixed into a latent."""

    name = "denoiser"

    def __init__(self, recipe: Recipe, diet: Diet, here: Place, latent: nn.Module, prompt: Tensor) -> None:
        self._diet, self._here, self._batch = diet, here, recipe.stages.denoiser.batch
        self._latent, self._prompt = latent.requires_grad_(False), prompt.to(here.device)
        made, reading = recipe.architecture.autoencoder, recipe.architecture.reading
        self._scaling, self._averaged = made.scaling, made.averaged
        self._left = reading.alphas(tuple(range(reading.schedule))).to(here.device)
        _, self.module = build_networks(recipe.architecture.autoencoder, recipe.architecture.denoiser)
        self.module.to(here.device).to(memory_format=torch.channels_last)

    def loss(self, numbers: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return the error of the noise that is seen (Ho et al., 2020)."""
        squares = self._diet.squares[self._diet.some(numbers, self._batch)]
        tiles = 2 * another_look(as_tiles(squares, self._here), generator) - 1
        with torch.no_grad():
            latent = self._latent.encode(autoencoder_input(tiles, self._averaged)).latent_dist.mean * self._scaling  # type: ignore[operator]
        steps = torch.randint(len(self._left), (len(latent),), generator=generator).to(latent.device)
        noise = torch.randn(latent.shape, generator=generator).to(latent)
        left = self._left[steps][:, None, None, None]
        mixed = left.sqrt() * latent + (1 - left).sqrt() * noise
        said = self.module(mixed, steps, encoder_hidden_states=self._prompt.expand(len(mixed), -1, -1)).sample
        return functional.mse_loss(said.float(), noise.float())


class _AskingTask(ABC):
    """A stage whose embeddings of tiles are asked for something."""

    def __init__(self, diet: Diet, here: Place, batch: int, asked: Asked, **parts: nn.Module) -> None:
        self._diet, self._here, self._batch, self._asked = diet, here, batch, asked
        self.module = nn.ModuleDict({**parts, "asked": asked})
        self.module.to(here.device).to(memory_format=torch.channels_last)

    def loss(self, numbers: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return how far embeddings are from what is asked of them."""
        places = self._asked.tiles(numbers, self._batch)
        tiles = as_tiles(self._diet.squares[places], self._here)
        loss: Tensor = self._asked(self._embedded(tiles, places, generator), torch.from_numpy(places))
        return loss

    @abstractmethod
    def _embedded(self, tiles: Tensor, places: Places, generator: torch.Generator) -> Tensor:
        """Return the embeddings of some tiles of the diet."""


class TransformerTask(_AskingTask):
    """A DeiT that is asked for something, before it has adapters."""

    name = "transformer"

    def __init__(self, recipe: Recipe, diet: Diet, here: Place, asked: Callable[[], Asked]) -> None:
        path = GlobalPath(replace(recipe.architecture.transformer, adapter=0), recipe.architecture.width)
        super().__init__(diet, here, recipe.stages.transformer.batch, asked(), path=path)

    def _embedded(self, tiles: Tensor, places: Places, generator: torch.Generator) -> Tensor:
        embedded: Tensor = self.module["path"](self._asked.look(tiles, generator))
        return embedded


class TextureTask(_AskingTask):
    """What the local path sees of tiles themselves, before it sees maps: many looks in little time."""

    def __init__(self, name: str, encoder: Encoder, diet: Diet, here: Place, stage: Stage, asked: Asked) -> None:
        self.name, self._local = name, encoder.local
        parts = {name: self._local.get_submodule(name) for name in ("pixels", "out")}
        super().__init__(diet, here, stage.batch, asked, **parts)

    def _embedded(self, tiles: Tensor, places: Places, generator: torch.Generator) -> Tensor:
        return self._local.from_pixels_alone(self._asked.look(tiles, generator))


class LocalTask(_AskingTask):
    """The local path alone, on maps that were computed once: many steps in little time."""

    def __init__(self, encoder: Encoder, maps: Maps, diet: Diet, here: Place, stage: Stage, asked: Asked) -> None:
        self.name, self._maps = f"local{asked.name}", maps
        super().__init__(diet, here, stage.batch, asked, local=encoder.local)

    def _embedded(self, tiles: Tensor, places: Places, generator: torch.Generator) -> Tensor:
        embedded: Tensor = self.module["local"](self._maps.of(places, self._here.device), tiles)
        return embedded


class PathsTask(_AskingTask):
    """Local path, adapters and gate together, on top of what is frozen."""

    def __init__(self, encoder: Encoder, diet: Diet, here: Place, stage: Stage, asked: Asked) -> None:
        self.name, self._encoder = f"paths{asked.name}", encoder
        super().__init__(diet, here, stage.batch, asked, encoder=encoder)

    def _embedded(self, tiles: Tensor, places: Places, generator: torch.Generator) -> Tensor:
        embedded, _, _ = self._encoder.fused_features(self._asked.look(tiles, generator))
        return embedded


def begin_with_texture(encoder: Encoder) -> None:
    """Let an encoder say what its local path says of tiles alone, until a training finds what the rest is good for.

    By then the texture has learnt for most of the time, and what maps and the DeiT would add is noise.
    """
    local = encoder.local
    with torch.no_grad():
        local.get_parameter("out.0.weight")[:, : 2 * local.shape.width * len(local.blocks)] = 0
        encoder.gate.weigh.weight.zero_()
        encoder.gate.weigh.bias.fill_(_BELIEF)


def average(module: nn.Module, before: Mapping[str, Tensor]) -> None:
    """Leave a module half way between what it was before and what it has learnt since.

    There it knows nearly all of the new, and has forgotten less of the old (Wortsman et al., 2022).
    """
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                value.lerp_(before[name], 0.5)
