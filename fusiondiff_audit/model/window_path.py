"""The global path over a window of tiles: a DeiT whose tokens are cells of the pixel CNN's maps, with their places.

A DeiT that looks at one tile cannot tell how pores, cracks and layers are arranged beyond it. Here each token stands
for a square of some cells of a tile's map, and all tiles of a window are seen at once, whichever of them there are.
"""

import math

import torch
from timm.models.vision_transformer import Block
from torch import nn

from fusiondiff_audit.model.adapters import attach_adapters
from fusiondiff_audit.model.phase_maps import SUMMARY_DIM, PhaseMaps
from fusiondiff_audit.model.shapes import WindowTransformer

Tensor = torch.Tensor
_SHORTEST, _LONGEST = 4.0, 256.0  # tokens: periods of the encoding of places


class WindowPath(nn.Module):
    """Class token, mean token and a summary of the phase maps give one vector a window."""

    def __init__(self, channels: int, shape: WindowTransformer, width: int) -> None:
        super().__init__()
        self.phase_maps = PhaseMaps(channels)
        self.deit = WindowDeit(channels, shape)
        self.adapters = attach_adapters(self.deit.blocks, shape.width, shape.adapter)
        joined, inner = 2 * shape.width + SUMMARY_DIM, 2 * shape.width
        self.out = nn.Sequential(nn.Linear(joined, inner), nn.GELU(), nn.Linear(inner, width), nn.LayerNorm(width))

    def forward(self, maps: Tensor, places: Tensor) -> Tensor:
        """Take the maps of a window's tiles, and their places in tiles; return 1 x width."""
        tokens = self.deit(maps, places)[0].float()
        embedding: Tensor = self.out(torch.cat([tokens[0], tokens[1:].mean(0), self.phase_maps.summary(maps)])[None])
        return embedding


class WindowDeit(nn.Module):
    """From the maps of a window's tiles to its tokens, the class token first."""

    def __init__(self, channels: int, shape: WindowTransformer) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels, shape.width, shape.patch, stride=shape.patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        nn.init.normal_(self.class_token, std=0.02)
        self.blocks = nn.Sequential(*(Block(shape.width, shape.heads, qkv_bias=True) for _ in range(shape.depth)))
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, maps: Tensor, places: Tensor) -> Tensor:
        """Return 1 x tokens x width."""
        cells = self.embed(maps.to(self.class_token.dtype))
        rows, columns = cells.shape[2:]
        inner = torch.cartesian_prod(torch.arange(rows, device=maps.device), torch.arange(columns, device=maps.device))
        in_tokens = places[:, None] * torch.tensor([rows, columns], device=maps.device) + inner
        encoded = encoded_places(in_tokens, cells.shape[1]).to(cells.dtype)
        tokens = (cells.flatten(2).transpose(1, 2) + encoded).flatten(0, 1)
        adapted: Tensor = self.norm(self.blocks(torch.cat([self.class_token, tokens[None]], 1)))
        return adapted


def encoded_places(places: Tensor, width: int) -> Tensor:
    """Return sines and cosines of rows and columns, a quarter of the width each."""
    count = width // 4
    steps = torch.arange(count, dtype=torch.float32, device=places.device) / max(count - 1, 1)
    periods = _SHORTEST * (_LONGEST / _SHORTEST) ** steps
    angles = 2 * math.pi * places[..., None].float() / periods
    return torch.cat([angles.sin(), angles.cos()], -1).flatten(-2)
