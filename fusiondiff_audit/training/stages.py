"""The stages of training as tasks, each a module and its loss: autoencoder, denoiser, DeiT, local path, both paths."""

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
from fusiondiff_audit.training.augmentation import augmented
from fusiondiff_audit.training.dataset import Indices, TileDataset
from fusiondiff_audit.training.feature_maps import FeatureMaps, as_tensor
from fusiondiff_audit.training.objectives import ObjectiveHead
from fusiondiff_audit.training.recipe import Recipe, Stage
from fusiondiff_audit.training.workspace import TrainingProcess

Tensor = torch.Tensor
_DIVERGENCE_WEIGHT = 1e-3
_EDGE_WEIGHT = 1.0  # of differences between neighbours, which a mean error blurs
_GATE_BIAS = 2.0  # the initial weight of the local path is sigmoid(2) = 0.88


class AutoencoderTask:
    """The autoencoder, trained to reconstruct tiles."""

    name = "autoencoder"

    def __init__(self, recipe: Recipe, dataset: TileDataset, process: TrainingProcess) -> None:
        self._dataset, self._process, self._batch = dataset, process, recipe.stages.autoencoder.batch
        self._averaged = recipe.architecture.autoencoder.averaged
        self.module, _ = build_networks(recipe.architecture.autoencoder, recipe.architecture.denoiser)
        self.module.to(process.device).to(memory_format=torch.channels_last)

    def loss(self, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return the error of the reconstruction and of its edges, and the divergence of the latent from a normal."""
        tiles = as_tensor(self._dataset.tiles[self._dataset.sample_tiles(rng, self._batch)], self._process)
        target = autoencoder_input(2 * augmented(tiles, generator) - 1, self._averaged)
        latent = self.module.encode(target).latent_dist
        noise = torch.randn(latent.mean.shape, generator=generator).to(latent.mean)
        reconstruction = self.module.decode(latent.mean + latent.std * noise).sample
        error = functional.l1_loss(reconstruction, target)
        edges = sum(functional.l1_loss(reconstruction.diff(dim=axis), target.diff(dim=axis)) for axis in (2, 3))
        divergence = latent.kl().mean() / latent.mean[0].numel()
        total: Tensor = error + _EDGE_WEIGHT * edges + _DIVERGENCE_WEIGHT * divergence
        return total

    @torch.inference_mode()
    def scaling(self, rng: np.random.Generator) -> float:
        """Return the factor that brings the latent to unit variance."""
        tiles = as_tensor(self._dataset.tiles[self._dataset.sample_tiles(rng, 256)], self._process)
        return float(1 / self.module.encode(autoencoder_input(2 * tiles - 1, self._averaged)).latent_dist.mean.std())


class DenoiserTask:
    """The UNet, trained to predict the noise that was mixed into a latent."""

    name = "denoiser"

    def __init__(
        self, recipe: Recipe, dataset: TileDataset, process: TrainingProcess, autoencoder: nn.Module, prompt: Tensor
    ) -> None:
        self._dataset, self._process, self._batch = dataset, process, recipe.stages.denoiser.batch
        self._autoencoder, self._prompt = autoencoder.requires_grad_(False), prompt.to(process.device)
        shape, reading = recipe.architecture.autoencoder, recipe.architecture.reading
        self._scaling, self._averaged = shape.scaling, shape.averaged
        self._alphas = reading.alphas(tuple(range(reading.schedule))).to(process.device)
        _, self.module = build_networks(recipe.architecture.autoencoder, recipe.architecture.denoiser)
        self.module.to(process.device).to(memory_format=torch.channels_last)

    def loss(self, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return the error of the predicted noise (Ho et al., 2020)."""
        batch = self._dataset.tiles[self._dataset.sample_tiles(rng, self._batch)]
        tiles = 2 * augmented(as_tensor(batch, self._process), generator) - 1
        with torch.no_grad():
            encoded = self._autoencoder.encode(autoencoder_input(tiles, self._averaged))  # type: ignore[operator]
            latent = encoded.latent_dist.mean * self._scaling
        timesteps = torch.randint(len(self._alphas), (len(latent),), generator=generator).to(latent.device)
        noise = torch.randn(latent.shape, generator=generator).to(latent)
        alpha = self._alphas[timesteps][:, None, None, None]
        mixed = alpha.sqrt() * latent + (1 - alpha).sqrt() * noise
        prompt = self._prompt.expand(len(mixed), -1, -1)
        predicted = self.module(mixed, timesteps, encoder_hidden_states=prompt).sample
        return functional.mse_loss(predicted.float(), noise.float())


class _EmbeddingTask(ABC):
    """A stage that trains embeddings of tiles for an objective."""

    def __init__(
        self, dataset: TileDataset, process: TrainingProcess, batch: int, head: ObjectiveHead, **parts: nn.Module
    ) -> None:
        self._dataset, self._process, self._batch, self._head = dataset, process, batch, head
        self.module = nn.ModuleDict({**parts, "head": head})
        self.module.to(process.device).to(memory_format=torch.channels_last)

    def loss(self, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return the objective's loss."""
        indices = self._head.sample(rng, self._batch)
        tiles = as_tensor(self._dataset.tiles[indices], self._process)
        loss: Tensor = self._head(self._embeddings(tiles, indices, generator), torch.from_numpy(indices))
        return loss

    @abstractmethod
    def _embeddings(self, tiles: Tensor, indices: Indices, generator: torch.Generator) -> Tensor:
        """Return the embeddings of some tiles of the dataset."""


class TransformerTask(_EmbeddingTask):
    """The DeiT, without adapters."""

    name = "transformer"

    def __init__(
        self, recipe: Recipe, dataset: TileDataset, process: TrainingProcess, new_head: Callable[[], ObjectiveHead]
    ) -> None:
        path = GlobalPath(replace(recipe.architecture.transformer, adapter=0), recipe.architecture.width)
        super().__init__(dataset, process, recipe.stages.transformer.batch, new_head(), path=path)

    def _embeddings(self, tiles: Tensor, indices: Indices, generator: torch.Generator) -> Tensor:
        embeddings: Tensor = self.module["path"](self._head.augment(tiles, generator))
        return embeddings


class TextureTask(_EmbeddingTask):
    """The local path's pixel CNN, without feature maps, so that steps are cheap."""

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        dataset: TileDataset,
        process: TrainingProcess,
        stage: Stage,
        head: ObjectiveHead,
    ) -> None:
        self.name, self._local = name, encoder.local
        parts = {name: self._local.get_submodule(name) for name in ("pixels", "out")}
        super().__init__(dataset, process, stage.batch, head, **parts)

    def _embeddings(self, tiles: Tensor, indices: Indices, generator: torch.Generator) -> Tensor:
        return self._local.from_pixels_alone(self._head.augment(tiles, generator))


class LocalPathTask(_EmbeddingTask):
    """The local path alone, on precomputed feature maps, so that steps are cheap."""

    def __init__(
        self,
        encoder: Encoder,
        maps: FeatureMaps,
        dataset: TileDataset,
        process: TrainingProcess,
        stage: Stage,
        head: ObjectiveHead,
    ) -> None:
        self.name, self._maps, self._local = f"local{head.name}", maps, encoder.local
        super().__init__(dataset, process, stage.batch, head, local=encoder.local)

    def _embeddings(self, tiles: Tensor, indices: Indices, generator: torch.Generator) -> Tensor:
        embeddings: Tensor = self._local(self._maps.of(indices, self._process.device), tiles)
        return embeddings


class PathsTask(_EmbeddingTask):
    """The local path, the adapters and the gate together; a global path over windows sees each tile alone."""

    def __init__(
        self, encoder: Encoder, dataset: TileDataset, process: TrainingProcess, stage: Stage, head: ObjectiveHead
    ) -> None:
        self.name, self._encoder = f"paths{head.name}", encoder
        super().__init__(dataset, process, stage.batch, head, encoder=encoder)

    def _embeddings(self, tiles: Tensor, indices: Indices, generator: torch.Generator) -> Tensor:
        encoder, shown = self._encoder, self._head.augment(tiles, generator)
        if encoder.architecture.window is None:
            features = encoder.features(shown).features
        else:
            alone = shown.new_zeros(1, 2)  # labelled tiles are drawn one by one, so none has neighbours
            features = torch.cat([encoder.features(tile, alone).features for tile in shown.split(1)])  # type: ignore[no-untyped-call]
        return features[:, : encoder.architecture.width]


def start_from_texture(encoder: Encoder) -> None:
    """Initialise the local path and the gate so that the pixel CNN, which is trained by then, outweighs the rest.

    Feature maps have no influence at first, and the gate is constant; over windows, both paths count alike.
    """
    local = encoder.local
    with torch.no_grad():
        local.get_parameter("out.0.weight")[:, : 2 * local.shape.width * len(local.blocks)] = 0
        encoder.gate.weigh.weight.zero_()
        encoder.gate.weigh.bias.fill_(0.0 if encoder.architecture.window else _GATE_BIAS)


def average_weights(module: nn.Module, earlier: Mapping[str, Tensor]) -> None:
    """Set a module's weights to the mean of its own and earlier ones, which forgets less (Wortsman et al., 2022)."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                value.lerp_(earlier[name], 0.5)
