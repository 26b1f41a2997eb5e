"""Two paths and a gate: local texture from the diffusion maps, global structure from a DeiT, and who is believed.

The gate is a number from 0 to 1 for each dimension: 1 takes the local path's, 0 the global path's. Its mean is reported
for each picture, so that an auditor sees which path was believed.
"""

from collections.abc import Mapping
from functools import partial

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional

from fusiondiff_audit.model.pixel_cnn import PixelCNN
from fusiondiff_audit.model.shapes import Convolutions, Fusion, Transformer

Tensor = torch.Tensor
_LEAST_INSIDE = 2  # cells a side that are left when the border is dropped


class LocalPath(nn.Module):
    """Maps of the diffusion model, each through small convolutions, and the tile itself, pooled to one embedding."""

    def __init__(self, channels: Mapping[str, int], shape: Convolutions, width: int) -> None:
        super().__init__()
        self.shape = shape
        self.blocks = nn.ModuleDict({name: _convolutions(count, shape) for name, count in channels.items()})
        self.pixels = PixelCNN(shape.pixels) if shape.pixels else None
        seen = 2 * (shape.width * len(channels) + (shape.pixels[-1] if shape.pixels else 0))
        bent = (nn.Linear(seen, 2 * width), nn.GELU())  # a size is no weighted sum of how often filters answer
        self.out = nn.Sequential(*bent, nn.Linear(2 * width, width), nn.LayerNorm(width))

    def forward(self, maps: Mapping[str, Tensor], tiles: Tensor) -> Tensor:
        """Return an embedding for grey tiles, and pictures x timesteps x channels x height x width of each block."""
        pooled = [
            self._pooled(block(maps[name].flatten(1, 2).float()), self.shape.border)
            for name, block in self.blocks.items()
        ]
        if self.pixels is not None:
            pooled.append(self.pixel_features(tiles))
        embedding: Tensor = self.out(torch.cat(pooled, 1))
        return embedding

    def from_pixels_alone(self, tiles: Tensor) -> Tensor:
        """Return the embedding that grey tiles would have if their maps said nothing."""
        seen = self.pixel_features(tiles)
        nothing = seen.new_zeros(len(seen), 2 * self.shape.width * len(self.blocks))
        embedding: Tensor = self.out(torch.cat([nothing, seen], 1))
        return embedding

    def pixel_features(self, tiles: Tensor) -> Tensor:
        """Return what is pooled of the tiles themselves; a tile has no border that tells where it lay."""
        if self.pixels is None:
            raise ValueError("a local path that sees maps alone")
        return self._pooled(self.pixels(tiles).float(), border=0)

    def _pooled(self, found: Tensor, border: int) -> Tensor:
        """Return each channel's trimmed mean, and the trimmed mean distance from it."""
        border = min(border, max(0, (min(found.shape[2:]) - _LEAST_INSIDE) // 2))
        height, width = found.shape[2:]
        cells = found[:, :, border : height - border, border : width - border].flatten(2)
        centre = _trimmed_mean(cells, self.shape.trimmed)
        spread = _trimmed_mean((cells - centre[:, :, None]).abs(), self.shape.trimmed)
        return torch.cat([centre, spread], 1)


def _trimmed_mean(cells: Tensor, share: float) -> Tensor:
    out = int(cells.shape[2] * share)
    if not out:
        return cells.mean(2)  # sorting is half of a training step
    return cells.sort(dim=2).values[:, :, out : cells.shape[2] - out].mean(2)


def _convolutions(channels: int, shape: Convolutions) -> nn.Module:
    first = [nn.BatchNorm2d(channels), nn.Conv2d(channels, shape.width, 1)]
    return nn.Sequential(*first, *(_Block(shape.width) for _ in range(shape.depth)))


class _Block(nn.Module):
    """A convolution that adds to what it sees.

    Norms are of the pictures that were trained with, and constants ever after: a norm of each picture by itself would
    take out how strong its texture is.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, found: Tensor) -> Tensor:
        added: Tensor = self.conv(functional.gelu(self.norm(found)))
        return found + added


class GlobalPath(nn.Module):
    """A DeiT, frozen but for its adapters, to one embedding."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, shape: Transformer, width: int) -> None:
        super().__init__()
        self.shape = shape
        self.deit = build_deit(shape)
        self.adapters = nn.ModuleList(
            Adapter(shape.width, shape.adapter) for _ in range(shape.depth if shape.adapter else 0)
        )
        for block, adapter in zip(self.deit.blocks, self.adapters, strict=False):  # no adapters, nothing to add
            block.register_forward_hook(partial(_adapt, adapter))
        self.out = nn.Sequential(nn.Linear(shape.width, width), nn.LayerNorm(width))
        for name in ("mean", "deviation"):
            value = torch.tensor(getattr(shape, name), device="cpu")[:, None, None]
            self.register_buffer(name, value, persistent=False)

    def forward(self, tiles: Tensor) -> Tensor:
        """Return an embedding for grey tiles from 0 to 1."""
        seen = _at_side(tiles, self.shape.side).expand(-1, 3, -1, -1)
        seen = ((seen - self.mean) / self.deviation).to(next(self.deit.parameters()).dtype)
        embedding: Tensor = self.out(self.deit.forward_features(seen)[:, 0].float())
        return embedding


def build_deit(shape: Transformer, *, classes: int = 0) -> VisionTransformer:
    """Return timm's transformer of these sizes, with a classifier if it is to have one."""
    return VisionTransformer(
        img_size=shape.side,
        patch_size=shape.patch,
        embed_dim=shape.width,
        depth=shape.depth,
        num_heads=shape.heads,
        num_classes=classes,
    )


def _adapt(adapter: nn.Module, _: nn.Module, __: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
    """Return what a block of the DeiT gives, adapted: what torch calls a forward hook."""
    adapted: Tensor = adapter(tokens)
    return adapted


def _at_side(tiles: Tensor, side: int) -> Tensor:
    if tiles.shape[-1] == side:
        return tiles
    return functional.interpolate(tiles, size=(side, side), mode="bilinear", antialias=True, align_corners=False)


class Adapter(nn.Module):
    """A bottleneck that adds to a block's tokens (Houlsby et al., 2019); it starts as nothing at all."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens with what the adapter adds; it computes in single precision, whatever the DeiT does."""
        added: Tensor = self.up(functional.gelu(self.down(self.norm(tokens.float()))))
        return tokens + added.to(tokens.dtype)


class FusionGate(nn.Module):
    """One embedding of two: `g * local + (1 - g) * global`, with g of both."""

    def __init__(self, width: int, fusion: Fusion) -> None:
        super().__init__()
        self.fusion = fusion
        self.weigh = nn.Linear(2 * width, width)

    def forward(self, local: Tensor, broad: Tensor) -> tuple[Tensor, Tensor]:
        """Return the fused embedding, and the gate."""
        match self.fusion:
            case Fusion.GATED:
                gate = torch.sigmoid(self.weigh(torch.cat([local, broad], 1)))
            case Fusion.MEAN:
                gate = torch.full_like(local, 0.5)
            case Fusion.LOCAL:
                gate = torch.ones_like(local)
            case Fusion.GLOBAL:
                gate = torch.zeros_like(local)
        return gate * local + (1 - gate) * broad, gate
