"""Phase maps: where the pixel CNN sees grain boundaries, pores, cracks and other phases, and which objects lie where.

Training asks for them on synthetic fields, whose truth is known (`kiln/object_maps.py`). A summary over a window tells
the global path how much of each phase there is, and whether pores and needles have one direction.
"""

import torch
from torch import nn

Tensor = torch.Tensor
PHASE_NAMES = ("boundary", "glass", "pore", "crack", "needle", "lath", "quartz", "body")
OBJECT_NAMES = (
    *("pores", "pore cosine", "pore sine", "pore size", "pore rank of distance", "pores near"),
    *("needles", "needle cosine", "needle sine", "laths", "quartz", "grains"),
)
SUB_CELLS = 2  # a side of a cell of the pixel CNN's maps, for shares of phases
_COUNT = len(PHASE_NAMES) + len(OBJECT_NAMES)
_DIRECTIONS = tuple(
    tuple(len(PHASE_NAMES) + OBJECT_NAMES.index(f"{name} {part}") for part in ("cosine", "sine"))
    for name in ("pore", "needle")
)
SUMMARY_DIM = 2 * _COUNT + len(_DIRECTIONS)
_LEAST_SQUARE = 1e-6


class PhaseMaps(nn.Module):
    """From the pixel CNN's maps to shares of phases and densities of objects."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.phases = nn.Conv2d(channels, len(PHASE_NAMES) * SUB_CELLS**2, 1)
        self.objects = nn.Conv2d(channels, len(OBJECT_NAMES), 1)

    def phase_logits(self, maps: Tensor) -> Tensor:
        """Return logits of the shares of phases: tiles x phases x sub-cells a side."""
        return nn.functional.pixel_shuffle(self.phases(maps), SUB_CELLS)

    def summary(self, maps: Tensor) -> Tensor:
        """Return `SUMMARY_DIM` numbers of all tiles together: means, deviations, and lengths of mean directions."""
        shares = nn.functional.avg_pool2d(self.phase_logits(maps).sigmoid(), SUB_CELLS)
        cells = torch.cat([shares, self.objects(maps)], 1).float().transpose(0, 1).flatten(1)
        mean = cells.mean(1)
        deviation = ((cells - mean[:, None]).square().mean(1) + _LEAST_SQUARE).sqrt()
        lengths = [(mean[c] ** 2 + mean[s] ** 2 + _LEAST_SQUARE).sqrt() for c, s in _DIRECTIONS]
        return torch.cat([mean, deviation, torch.stack(lengths)])
