"""The local path (convolutions over diffusion features), the global path (a DeiT with adapters) and the fusion gate.

The gate has a weight from 0 to 1 for each dimension: 1 takes the local path, 0 the global path. Its mean is reported
for each image, so that an auditor sees which path the label rests on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional

from fusiondiff_audit.model.adapters import attach_adapters
from fusiondiff_audit.model.pixel_cnn import PixelCNN
from fusiondiff_audit.model.shapes import Convolutions, Transformer, TrunkShape
from fusiondiff_audit.model.trunk import Trunk

Tensor = torch.Tensor
_MIN_INNER = 2  # cells a side that remain when the border is dropped


@dataclass(frozen=True, slots=True, eq=False)
class CnnOutput:
    """What the CNNs of the local path make of tiles, for other parts of the encoder too."""

    maps: Tensor | None  # of the pixel CNN: tiles x channels x height x width; None: there is none
    trunk: Tensor | None  # tiles x standardised features of the trunk; None: there is none

    @property
    def pixel_maps(self) -> Tensor:
        if self.maps is None:
            raise ValueError("a local path without a pixel CNN")
        return self.maps


class LocalPath(nn.Module):
    """Diffusion feature maps through small convolutions, and the tile itself through CNNs, pooled to one vector.

    The pixel CNN is trained with the rest of the path, the trunk is frozen; either may be absent.
    """

    def __init__(
        self, channels: Mapping[str, int], shape: Convolutions, width: int, trunk: TrunkShape | None = None
    ) -> None:
        super().__init__()
        self.shape = shape
        self.blocks = nn.ModuleDict({name: _convolutions(count, shape) for name, count in channels.items()})
        self.pixels = PixelCNN(shape.pixels) if shape.pixels else None
        self.trunk = Trunk(trunk) if trunk else None
        pooled = 2 * (shape.width * len(channels) + (shape.pixels[-1] if shape.pixels else 0))
        pooled += self.trunk.feature_count if self.trunk else 0
        hidden = (nn.Linear(pooled, 2 * width), nn.GELU())  # a grain size is not linear in filter responses
        self.out = nn.Sequential(*hidden, nn.Linear(2 * width, width), nn.LayerNorm(width))

    def forward(self, maps: Mapping[str, Tensor], tiles: Tensor) -> Tensor:
        """Take tiles x timesteps x channels x height x width of each block, and the tiles; return tiles x width."""
        return self.embedding(maps, self.cnn_output(tiles))

    def cnn_output(self, tiles: Tensor) -> CnnOutput:
        """Return what the pixel CNN and the trunk make of tiles."""
        maps = None if self.pixels is None else self.pixels(tiles).float()
        trunk = None if self.trunk is None else self.trunk.standardized(self.trunk_features(tiles))
        return CnnOutput(maps, trunk)

    def embedding(self, maps: Mapping[str, Tensor], cnns: CnnOutput) -> Tensor:
        """Return the embedding of tiles from their diffusion maps, and from what the CNNs make of them."""
        blocks = [
            self._pooled(block(maps[name].flatten(1, 2).float()), self.shape.border)
            for name, block in self.blocks.items()
        ]
        return self._joined(blocks, cnns)

    def from_pixels_alone(self, tiles: Tensor) -> Tensor:
        """Return the embedding of tiles whose diffusion maps are replaced by zeros."""
        return self.without_diffusion(self.cnn_output(tiles))

    def without_diffusion(self, cnns: CnnOutput) -> Tensor:
        """Return the embedding from what the CNNs make of tiles, with zeros in place of diffusion maps."""
        zeros = cnns.pixel_maps.new_zeros(len(cnns.pixel_maps), 2 * self.shape.width * len(self.blocks))
        return self._joined([zeros], cnns)

    def trunk_features(self, tiles: Tensor) -> Tensor:
        """Return the pooled features of the trunk, not standardised, for `Trunk.fit` too."""
        if self.trunk is None:
            raise ValueError("a local path without a trunk")
        return torch.cat([self._pooled(maps.float(), border=0) for maps in self.trunk(tiles)], 1)

    def _joined(self, pooled: list[Tensor], cnns: CnnOutput) -> Tensor:
        """Return the embedding; the pixel CNN's maps hold no position at the border, so all their cells count."""
        if self.pixels is not None:
            pooled = [*pooled, self._pooled(cnns.pixel_maps, border=0)]
        embedding: Tensor = self.out(torch.cat(pooled if cnns.trunk is None else [*pooled, cnns.trunk], 1))
        return embedding

    def _pooled(self, maps: Tensor, border: int) -> Tensor:
        """Return each channel's trimmed mean and trimmed mean absolute deviation."""
        border = min(border, max(0, (min(maps.shape[2:]) - _MIN_INNER) // 2))
        height, width = maps.shape[2:]
        cells = maps[:, :, border : height - border, border : width - border].flatten(2)
        centre = _trimmed_mean(cells, self.shape.trimmed)
        spread = _trimmed_mean((cells - centre[:, :, None]).abs(), self.shape.trimmed)
        return torch.cat([centre, spread], 1)


def _trimmed_mean(cells: Tensor, share: float) -> Tensor:
    cut = int(cells.shape[2] * share)
    if not cut:
        return cells.mean(2)  # sorting takes half the time of a training step
    return cells.sort(dim=2).values[:, :, cut : cells.shape[2] - cut].mean(2)


def _convolutions(channels: int, shape: Convolutions) -> nn.Module:
    first = [nn.BatchNorm2d(channels), nn.Conv2d(channels, shape.width, 1)]
    return nn.Sequential(*first, *(_Block(shape.width) for _ in range(shape.depth)))


class _Block(nn.Module):
    """A residual convolution.

    Batch norms are constants after training: normalising each image by itself would remove the strength of its texture.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        residual: Tensor = self.conv(functional.gelu(self.norm(maps)))
        return maps + residual


class GlobalPath(nn.Module):
    """A DeiT, frozen but for its adapters, whose class token is projected to one vector."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: Transformer, width: int) -> None:
        super().__init__()
        self.shape = shape
        self.deit = build_deit(shape)
        self.adapters = attach_adapters(self.deit.blocks, shape.width, shape.adapter)
        self.out = nn.Sequential(nn.Linear(shape.width, width), nn.LayerNorm(width))
        for name in ("mean", "deviation"):
            value = torch.tensor(getattr(shape, name), device="cpu")[:, None, None]
            self.register_buffer(name, value, persistent=False)

    def forward(self, tiles: Tensor) -> Tensor:
        """Take grey tiles from 0 to 1; return tiles x width."""
        rgb = _at_side(tiles, self.shape.side).expand(-1, 3, -1, -1)
        scaled = ((rgb - self.mean) / self.deviation).to(next(self.deit.parameters()).dtype)
        embedding: Tensor = self.out(self.deit.forward_features(scaled)[:, 0].float())
        return embedding


def build_deit(shape: Transformer, *, classes: int = 0) -> VisionTransformer:
    """Return timm's vision transformer of these sizes, with a classifier if `classes` is not 0."""
    return VisionTransformer(
        img_size=shape.side,
        patch_size=shape.patch,
        embed_dim=shape.width,
        depth=shape.depth,
        num_heads=shape.heads,
        num_classes=classes,
    )


def _at_side(tiles: Tensor, side: int) -> Tensor:
    if tiles.shape[-1] == side:
        return tiles
    return functional.interpolate(tiles, size=(side, side), mode="bilinear", antialias=True, align_corners=False)


class FusionGate(nn.Module):
    """Fused features `g * local + (1 - g) * global`, where the gate g is computed from both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(2 * width, width)

    def forward(self, local: Tensor, broad: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused features, and the gate."""
        gate = torch.sigmoid(self.weigh(torch.cat([local, broad], 1)))
        return gate * local + (1 - gate) * broad, gate
