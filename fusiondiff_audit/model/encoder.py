"""The gated encoder, from a micro-batch of tiles to their embeddings, with the architecture that a bundle states.

The frozen parts compute in the bundle's precision, the trained parts always in single precision. What the local path
says of a tile does not depend on the other tiles of its batch; the global path looks at the tile too, or at the window
of neighbouring tiles that the batch is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fusiondiff_audit.model.diffusion import MID, DiffusionFeatures, FeatureSelection
from fusiondiff_audit.model.paths import CnnOutput, FusionGate, GlobalPath, LocalPath
from fusiondiff_audit.model.shapes import (
    Autoencoder,
    Convolutions,
    Denoiser,
    Transformer,
    TrunkShape,
    WindowTransformer,
)
from fusiondiff_audit.model.texture import MIN_TILE, TEXTURE_DIM, TILE_MULTIPLE, TextureDescriptors
from fusiondiff_audit.model.window_path import WindowPath
from signing.records import OPTIONAL_FIELD

Tensor = torch.Tensor
TRUNK_PREFIX = "local.trunk.network."  # of the trunk's tensors in the state of an encoder
_MIN_NORM, _MAX_NORM = 1e-3, 1e3  # of a row of the projection; with unit variance a row's norm is between 1 and 20


class Precision(StrEnum):
    """The floating-point type of the frozen parts; it is a setting of the bundle, never of a run."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"

    @property
    def dtype(self) -> torch.dtype:
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.value]


@dataclass(frozen=True, slots=True)
class Architecture:
    """Everything that is needed to build an encoder, but for its weights; field names are those of `bundle.json`."""

    tile: int = 512
    width: int = 256
    precision: Precision = Precision.FP32
    autoencoder: Autoencoder = field(default_factory=Autoencoder)
    denoiser: Denoiser = field(default_factory=Denoiser)
    reading: FeatureSelection = field(default_factory=FeatureSelection)
    convolutions: Convolutions = field(default_factory=Convolutions)
    transformer: Transformer = field(default_factory=Transformer)
    surface: bool = False  # texture descriptors are appended to the fused features
    directions: int = 0  # features are projected on to this many linear discriminants; 0: no projection
    trunk: TrunkShape | None = field(default=None, metadata=OPTIONAL_FIELD)  # of the local path
    # Of the global path, in place of `transformer`, which looks at each tile by itself.
    window: WindowTransformer | None = field(default=None, metadata=OPTIONAL_FIELD)

    def __post_init__(self) -> None:
        if not 1 <= self.width <= 8192 or not 16 <= self.tile <= 4096:
            raise ValueError(f"fused features of {self.width} dimensions, tiles of {self.tile} pixels")
        if not 0 <= self.directions <= 8192:
            raise ValueError(f"projection on to {self.directions} directions")
        if self.surface and (self.tile < MIN_TILE or self.tile % TILE_MULTIPLE):
            possible = f"they need multiples of {TILE_MULTIPLE} from {MIN_TILE} on"
            raise ValueError(f"texture descriptors of tiles of {self.tile} pixels; {possible}")
        if self.trunk is not None:
            self.trunk.refuse_tile(self.tile)
        if self.window is not None and not self.convolutions.pixels:
            raise ValueError("a global path over windows, without the pixel CNN whose maps it reads")

    @property
    def embedding_dim(self) -> int:
        return self.directions or self.feature_dim

    @property
    def feature_dim(self) -> int:
        """The number of unprojected features: the fused ones, texture descriptors, and components of the trunk."""
        return self.width + (TEXTURE_DIM if self.surface else 0) + self.components

    @property
    def components(self) -> int:
        """The number of the trunk's components among the features."""
        return self.trunk.components if self.trunk else 0

    def channels(self) -> dict[str, int]:
        """Return the number of channels that the local path gets from each block, over all timesteps."""
        up = self.denoiser.widths[::-1]
        widths = {MID: up[0]} | {f"up{i}": width for i, width in enumerate(up)}
        return {block: widths[block] * len(self.reading.timesteps) for block in self.reading.blocks}


@dataclass(frozen=True, slots=True, eq=False)
class EncoderOutput:
    features: Tensor  # tiles x dimensions, before the projection
    embedding: Tensor  # tiles x dimensions; the features, if there is no projection
    gate: Tensor  # tiles: the mean gate; 1 is all local path, 0 all global path
    residual: Tensor | None  # tiles x height x width of the latent: the denoiser's squared error
    broad: Tensor  # tiles x width: of the global path

    def on_cpu(self, count: int) -> "EncoderOutput":
        """Return the output of the first tiles alone, in single precision on the CPU."""
        parts = (self.features, self.embedding, self.gate, self.broad)
        features, embedding, gate, broad = (part[:count].float().cpu() for part in parts)
        residual = None if self.residual is None else self.residual[:count].float().cpu()
        return EncoderOutput(features, embedding, gate, residual, broad)


class Encoder(nn.Module):
    """From grey tiles between 0 and 1, of the architecture's side, to embeddings."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = made = architecture
        self.diffusion = DiffusionFeatures(made.autoencoder, made.denoiser, made.reading, side=made.tile)
        self.local = LocalPath(made.channels(), made.convolutions, made.width, made.trunk)
        self.broad = (
            WindowPath(made.convolutions.pixels[-1], made.window, made.width)
            if made.window
            else GlobalPath(made.transformer, made.width)
        )
        self.gate = FusionGate(made.width)
        self.surface = TextureDescriptors() if made.surface else None
        self.directions = nn.Linear(made.feature_dim, made.directions, bias=False) if made.directions else None
        if self.directions is not None:
            self.directions.requires_grad_(False)  # computed, never trained
        for frozen in self.frozen().values():
            frozen.to(made.precision.dtype)
            frozen.requires_grad_(False)

    def frozen(self) -> Mapping[str, nn.Module]:
        """Return the parts that have the bundle's precision and are never trained with labels, by prefix."""
        parts = {"diffusion.": self.diffusion, "broad.deit.": self.broad.deit}
        return parts if self.local.trunk is None else parts | {TRUNK_PREFIX: self.local.trunk.network}

    def refuse_unfit(self) -> None:
        """Raise ValueError for statistics that no images have: they would hide gradients, or overflow."""
        if self.surface is not None:
            self.surface.refuse_unfit()
        if self.local.trunk is not None:
            self.local.trunk.refuse_unfit()
        if self.directions is not None:
            norms = self.directions.weight.norm(dim=1)
            if not ((norms > _MIN_NORM) & (norms < _MAX_NORM)).all():  # False for NaN
                raise ValueError("directions of a norm that no images give")

    def projection(self) -> npt.NDArray[np.float32]:
        """Return the directions that features are projected on to; the identity, if there is no projection."""
        if self.directions is None:
            return np.eye(self.architecture.feature_dim, dtype=np.float32)
        return self.directions.weight.detach().float().cpu().numpy()

    def forward(self, tiles: Tensor, places: Tensor | None = None, broad: Tensor | None = None) -> EncoderOutput:
        """Return the output for tiles x 1 x side x side.

        Where the global path sees windows, the tiles are one, at `places` (tiles x 2, in tiles); tiles behind those
        that have a place are padding, and no part of it. `broad` takes the place of what the global path would say.
        """
        output = self.features(tiles, places, broad)
        return output if self.directions is None else replace(output, embedding=self.directions(output.embedding))

    def features(self, tiles: Tensor, places: Tensor | None = None, broad: Tensor | None = None) -> EncoderOutput:
        """Return the output without a projection."""
        maps, residual = self.feature_maps(tiles)
        cnns = self.local.cnn_output(tiles)
        broad = self.broad_features(tiles, cnns, places) if broad is None else broad
        fused, gate = self.gate(self.local.embedding(maps, cnns), broad)
        parts = [fused]
        if self.surface is not None:
            parts.append(self.surface(tiles))
        if self.local.trunk is not None and cnns.trunk is not None:
            parts.append(self.local.trunk.combined(cnns.trunk))
        features = torch.cat(parts, 1)
        return EncoderOutput(features, features, gate.mean(1), residual, broad)

    def broad_features(self, tiles: Tensor, cnns: CnnOutput, places: Tensor | None) -> Tensor:
        """Return what the global path says of each tile: tiles x width."""
        if isinstance(self.broad, GlobalPath):
            each: Tensor = self.broad(tiles)
            return each
        if cnns.maps is None or places is None:
            raise ValueError("a global path over windows, without the places of the tiles")
        window: Tensor = self.broad(cnns.maps[: len(places)], places.to(tiles.device))
        return window.expand(len(tiles), -1)

    def feature_maps(self, tiles: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return the activations of the frozen diffusion model by block, and its residual."""
        scaled = (2 * tiles - 1).to(self.architecture.precision.dtype)
        output: tuple[dict[str, Tensor], Tensor | None] = self.diffusion(scaled)
        return output


def meta_encoder(architecture: Architecture) -> Encoder:
    """Return an encoder on torch's meta device: names, types and shapes of its tensors, and no memory."""
    with torch.device("meta"):
        return Encoder(architecture)
