"""The pixel CNN: residual convolutions on the tile itself, for texture that is finer than a cell of the latent.

With a small autoencoder eight pixels a side become one cell of a few channels, and the course of grain boundaries and
the places of pores are lost. The local path pools the maps of this CNN like those of the diffusion model.
"""

from itertools import pairwise

import torch
from torch import nn

Tensor = torch.Tensor
_FIRST = 5  # pixels a side of the first convolution, which halves the tile
_CENTRE, _SCALE = 0.5, 4.0  # greys from 0 to 1 become inputs around 0


class PixelCNN(nn.Module):
    """From grey tiles to feature maps: a block for each width; a block halves the map where the width changes."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, widths[0], _FIRST, stride=2, padding=_FIRST // 2, bias=False)
        self.blocks = nn.Sequential(*(_Block(width, wider) for width, wider in pairwise((widths[0], *widths))))
        self.norm = nn.BatchNorm2d(widths[-1])

    def forward(self, tiles: Tensor) -> Tensor:
        """Return tiles x channels x height x width, not below 0."""
        maps: Tensor = self.norm(self.blocks(self.first((tiles - _CENTRE) * _SCALE)))
        return maps.relu_()


class _Block(nn.Module):
    """A residual block of two convolutions; batch norms are constants after training."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        step = 1 if width == wider else 2
        self.norms = nn.ModuleList((nn.BatchNorm2d(width), nn.BatchNorm2d(wider)))
        first = nn.Conv2d(width, wider, 3, stride=step, padding=1, bias=False)
        self.convs = nn.ModuleList((first, nn.Conv2d(wider, wider, 3, padding=1, bias=False)))
        past = nn.Conv2d(width, wider, 1, bias=False)
        self.past = nn.Identity() if step == 1 else nn.Sequential(nn.AvgPool2d(step, ceil_mode=True), past)

    def forward(self, maps: Tensor) -> Tensor:
        residual = maps
        for norm, conv in zip(self.norms, self.convs, strict=True):
            residual = conv(norm(residual).relu_())
        return residual.add_(self.past(maps))
