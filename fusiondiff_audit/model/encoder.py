"""The gated encoder: a micro-batch of tiles to their embeddings, all of one architecture that a bundle states.

The frozen parts compute in the bundle's precision, what we train always in single precision. Nothing here looks at
another tile of the batch, so a tile's embedding does not depend on its company.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import torch
from torch import nn

from fusiondiff_audit.model.diffusion import MID, DiffusionFeatures, FeatureSelection
from fusiondiff_audit.model.paths import FusionGate, GlobalPath, LocalPath
from fusiondiff_audit.model.shapes import Autoencoder, Convolutions, Denoiser, Fusion, Transformer
from fusiondiff_audit.model.texture import MIN_TILE, TEXTURE_DIM, TILE_MULTIPLE, TextureDescriptors

Tensor = torch.Tensor
_SHORTEST, _LONGEST = 1e-3, 1e3  # of a direction; those of a variance of one are between 1 and 20 long


class Precision(StrEnum):
    """What the frozen parts compute in: a setting of the bundle, never of a run."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"

    @property
    def dtype(self) -> torch.dtype:
        """Return torch's name for it."""
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.value]


@dataclass(frozen=True, slots=True)
class Architecture:
    """All that it takes to build an encoder; weights come on top."""

    tile: int = 512
    width: int = 256
    precision: Precision = Precision.FP32
    autoencoder: Autoencoder = field(default_factory=Autoencoder)
    denoiser: Denoiser = field(default_factory=Denoiser)
    reading: FeatureSelection = field(default_factory=FeatureSelection)
    convolutions: Convolutions = field(default_factory=Convolutions)
    transformer: Transformer = field(default_factory=Transformer)
    fusion: Fusion = Fusion.GATED
    surface: bool = False  # descriptors of the tile itself stand beside what the gate lets through
    directions: int = 0  # all of it is said along so many directions; 0: as it is

    def __post_init__(self) -> None:
        """Refuse sizes that cannot be built."""
        if not 1 <= self.width <= 8192 or not 16 <= self.tile <= 4096:
            raise ValueError(f"embeddings of {self.width} numbers, tiles of {self.tile} pixels")
        if not 0 <= self.directions <= 8192:
            raise ValueError(f"embeddings along {self.directions} directions")
        if self.surface and (self.tile < MIN_TILE or self.tile % TILE_MULTIPLE):
            what = f"multiples of {TILE_MULTIPLE} from {MIN_TILE} on can be described"
            raise ValueError(f"descriptors of the surface of tiles of {self.tile} pixels; {what}")

    @property
    def embedding_dim(self) -> int:
        """Return how many numbers an embedding has."""
        return self.directions or self.feature_dim

    @property
    def feature_dim(self) -> int:
        """Return how many numbers are found of a tile: those that are fused, and those of the surface."""
        return self.width + (TEXTURE_DIM if self.surface else 0)

    def channels(self) -> dict[str, int]:
        """Return how many channels the local path gets from each block, over all timesteps."""
        up = self.denoiser.widths[::-1]
        widths = {MID: up[0]} | {f"up{i}": width for i, width in enumerate(up)}
        return {block: widths[block] * len(self.reading.timesteps) for block in self.reading.blocks}


@dataclass(frozen=True, slots=True, eq=False)
class EncoderOutput:
    """What the encoder says of some tiles."""

    embedding: Tensor  # tiles x numbers: what is fused, then what the surface is like, or what lies along directions
    gate: Tensor  # tiles: the mean of the gate; 1 is all local, 0 is all global
    residual: Tensor | None  # tiles x height x width of the latent: the error of the denoiser


class Encoder(nn.Module):
    """Grey tiles from 0 to 1, of the architecture's side, to embeddings."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = made = architecture
        self.diffusion = DiffusionFeatures(made.autoencoder, made.denoiser, made.reading, side=made.tile)
        self.local = LocalPath(made.channels(), made.convolutions, made.width)
        self.broad = GlobalPath(made.transformer, made.width)
        self.gate = FusionGate(made.width, made.fusion)
        self.surface = TextureDescriptors() if made.surface else None
        self.directions = nn.Linear(made.feature_dim, made.directions, bias=False) if made.directions else None
        if self.directions is not None:
            self.directions.requires_grad_(False)  # found, never trained
        for frozen in self.frozen().values():
            frozen.to(made.precision.dtype)
            frozen.requires_grad_(False)

    def frozen(self) -> Mapping[str, nn.Module]:
        """Return the parts that are never trained with labels, and compute in the bundle's precision."""
        return {"diffusion.": self.diffusion, "broad.deit.": self.broad.deit}

    def refuse_unfit(self) -> None:
        """Refuse numbers that were measured on no pictures: they would hide slopes, or overflow."""
        if self.surface is not None:
            self.surface.refuse_unfit()
        if self.directions is not None:
            lengths = self.directions.weight.norm(dim=1)
            if not ((lengths > _SHORTEST) & (lengths < _LONGEST)).all():  # neither is true of what is no number
                raise ValueError("directions of a length that no pictures give")

    def forward(self, tiles: Tensor) -> EncoderOutput:
        """Return what the encoder says of each tile."""
        found = self.features(tiles)
        return found if self.directions is None else replace(found, embedding=self.directions(found.embedding))

    def features(self, tiles: Tensor) -> EncoderOutput:
        """Return what is found of each tile, before it is said along directions."""
        fused, gate, residual = self.fused_features(tiles)
        found = fused if self.surface is None else torch.cat([fused, self.surface(tiles)], 1)
        return EncoderOutput(found, gate.mean(1), residual)

    def fused_features(self, tiles: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return what the gate makes of both paths, the gate, and the residual: what is learnt, without the surface."""
        maps, residual = self.feature_maps(tiles)
        fused, gate = self.gate(self.local(maps, tiles), self.broad(tiles))
        return fused, gate, residual

    def feature_maps(self, tiles: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return what the frozen diffusion model says of each tile: its maps, and its residual."""
        found: tuple[dict[str, Tensor], Tensor | None] = self.diffusion(
            (2 * tiles - 1).to(self.architecture.precision.dtype)
        )
        return found


def meta_encoder(architecture: Architecture) -> Encoder:
    """Return an encoder without any numbers: what its tensors must be is known before one is there."""
    with torch.device("meta"):
        return Encoder(architecture)
