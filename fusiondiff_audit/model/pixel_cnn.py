"""Residual convolutions that see a tile itself: what is finer than a cell of the latent, and lost in it.

Where the diffusion model is small, eight pixels a side become one cell of a few numbers, and how a grain's boundary
runs or where a pore sits on it is gone. These blocks look at the tile beside the maps; the local path pools both alike.
"""

from itertools import pairwise

import torch
from torch import nn

Tensor = torch.Tensor
_FIRST = 5  # pixels a side of the first convolution, which halves the tile
_CENTRE, _SCALE = 0.5, 4.0  # greys from 0 to 1 become numbers around 0


class PixelCNN(nn.Module):
    """Grey tiles to one map: a block for each width, each of which halves the map where the width is another."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, widths[0], _FIRST, stride=2, padding=_FIRST // 2, bias=False)
        self.blocks = nn.Sequential(*(_Block(one, other) for one, other in pairwise((widths[0], *widths))))
        self.norm = nn.BatchNorm2d(widths[-1])

    def forward(self, tiles: Tensor) -> Tensor:
        """Return pictures x channels x height x width, none below 0."""
        found: Tensor = self.norm(self.blocks(self.first((tiles - _CENTRE) * _SCALE)))
        return found.relu_()


class _Block(nn.Module):
    """Two convolutions that add to what they see.

    Norms are of the pictures that were trained with, and constants ever after, as all along the local path.
    """

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        step = 1 if width == wider else 2
        self.norms = nn.ModuleList((nn.BatchNorm2d(width), nn.BatchNorm2d(wider)))
        first = nn.Conv2d(width, wider, 3, stride=step, padding=1, bias=False)
        self.convs = nn.ModuleList((first, nn.Conv2d(wider, wider, 3, padding=1, bias=False)))
        past = nn.Conv2d(width, wider, 1, bias=False)
        self.past = nn.Identity() if step == 1 else nn.Sequential(nn.AvgPool2d(step, ceil_mode=True), past)

    def forward(self, found: Tensor) -> Tensor:
        added = found
        for norm, conv in zip(self.norms, self.convs, strict=True):
            added = conv(norm(added).relu_())
        return added.add_(self.past(found))
