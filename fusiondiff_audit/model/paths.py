"""The local path (convolutions over diffusion features), the global path (a DeiT with adapters) and the fusion gate.

The gate has a weight from 0 to 1 for each dimension: 1 takes the local path, 0 the global path. Its mean is reported
for each image, so that an auditor sees which path the label rests on.
"""

from collections.abc import Mapping
from functools import partial

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional

from fusiondiff_audit.model.pixel_cnn import PixelCNN
from fusiondiff_audit.model.shapes import Convolutions, Transformer, TrunkShape
from fusiondiff_audit.model.trunk import Trunk

Tensor = torch.Tensor
_MIN_INNER = 2  # cells a side that remain when the border is dropped


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
        pooled = [
            self._pooled(block(maps[name].flatten(1, 2).float()), self.shape.border)
            for name, block in self.blocks.items()
        ]
        if self.pixels is not None:
            pooled.append(self.pixel_features(tiles))
        return self._embedding(pooled, tiles)

    def from_pixels_alone(self, tiles: Tensor) -> Tensor:
        """Return the embedding of tiles whose diffusion maps are replaced by zeros."""
        features = self.pixel_features(tiles)
        zeros = features.new_zeros(len(features), 2 * self.shape.width * len(self.blocks))
        return self._embedding([zeros, features], tiles)

    def _embedding(self, pooled: list[Tensor], tiles: Tensor) -> Tensor:
        """Return the embedding of what was pooled of trained layers, and of the trunk's features if there is one."""
        trunk = [] if self.trunk is None else [self.trunk.standardized(self.trunk_features(tiles))]
        embedding: Tensor = self.out(torch.cat([*pooled, *trunk], 1))
        return embedding

    def pixel_features(self, tiles: Tensor) -> Tensor:
        """Return the pooled features of the pixel CNN; its maps hold no position at the border, so all cells count."""
        if self.pixels is None:
            raise ValueError("a local path without a pixel CNN")
        return self._pooled(self.pixels(tiles).float(), border=0)

    def trunk_features(self, tiles: Tensor) -> Tensor:
        """Return the pooled features of the trunk, not standardised, for `Trunk.fit` too."""
        if self.trunk is None:
            raise ValueError("a local path without a trunk")
        return torch.cat([self._pooled(maps.float(), border=0) for maps in self.trunk(tiles)], 1)

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
        self.adapters = nn.ModuleList(
            Adapter(shape.width, shape.adapter) for _ in range(shape.depth if shape.adapter else 0)
        )
        for block, adapter in zip(self.deit.blocks, self.adapters, strict=False):  # without adapters, none
            block.register_forward_hook(partial(_adapt, adapter))
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


def _adapt(adapter: nn.Module, _: nn.Module, __: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
    """Replace the output of a block by its adapter's: a forward hook of torch."""
    adapted: Tensor = adapter(tokens)
    return adapted


def _at_side(tiles: Tensor, side: int) -> Tensor:
    if tiles.shape[-1] == side:
        return tiles
    return functional.interpolate(tiles, size=(side, side), mode="bilinear", antialias=True, align_corners=False)


class Adapter(nn.Module):
    """A residual bottleneck (Houlsby et al., 2019), which starts as the identity."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return adapted tokens; the adapter computes in single precision, whatever the precision of the DeiT."""
        residual: Tensor = self.up(functional.gelu(self.down(self.norm(tokens.float()))))
        return tokens + residual.to(tokens.dtype)


class FusionGate(nn.Module):
    """Fused features `g * local + (1 - g) * global`, where the gate g is computed from both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(2 * width, width)

    def forward(self, local: Tensor, broad: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused features, and the gate."""
        gate = torch.sigmoid(self.weigh(torch.cat([local, broad], 1)))
        return gate * local + (1 - gate) * broad, gate
