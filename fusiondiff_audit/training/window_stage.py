"""Training over windows of tiles: what fields of known content show, asked of both paths, of the gate and of the maps.

In the stage `windows` the pixel CNN and the global path learn without diffusion maps, trunk and adapters; in the stage
`paths` all but the frozen parts are trained together.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.paths import CnnOutput
from fusiondiff_audit.model.window_path import WindowPath
from fusiondiff_audit.training.recipe import Stage
from fusiondiff_audit.training.window_batches import TrainingWindow, WindowSampler
from fusiondiff_audit.training.workspace import TrainingProcess

Tensor = torch.Tensor
_PATH_WEIGHT, _OBJECTS_WEIGHT = 0.5, 0.5  # of the error of each path alone, and of the densities of objects
# Of a batch: the error of a rarer quantity is divided by this many windows, or one window would dominate.
_LEAST_SHARE = 0.25


class WindowHead(nn.Module):
    """Heads that are discarded after training: composition of both paths, arrangement of the global one and of both."""

    def __init__(self, width: int, compositions: int, arrangements: int) -> None:
        super().__init__()
        self.local = nn.Linear(width, compositions)
        self.broad = nn.Linear(width, compositions + arrangements)
        self.fused = nn.Linear(width, compositions + arrangements)

    def loss(self, local: Tensor, broad: Tensor, fused: Tensor, composition: Tensor, arrangement: Tensor) -> Tensor:
        """Return the error for one vector a window of each path, and of the fused features."""
        both = torch.cat([composition, arrangement], 1)
        paths = known_error(self.local(local), composition) + known_error(self.broad(broad), both)
        return known_error(self.fused(fused), both) + _PATH_WEIGHT * paths


class WindowTask:
    """A stage over windows; `whole` trains the whole encoder but its frozen parts."""

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        sampler: WindowSampler,
        process: TrainingProcess,
        stage: Stage,
        head: WindowHead,
        *,
        whole: bool,
    ) -> None:
        if not isinstance(encoder.broad, WindowPath) or encoder.local.pixels is None:
            raise TypeError("a stage over windows, of an encoder that sees none")
        self.name, self._encoder, self._sampler, self._process, self._batch = (
            name,
            encoder,
            sampler,
            process,
            stage.batch,
        )
        self._broad, self._pixels, self._head, self._whole = encoder.broad, encoder.local.pixels, head, whole
        encoder.broad.deit.requires_grad_(not whole)  # frozen once it is trained
        encoder.broad.adapters.requires_grad_(whole)
        local = {"local": encoder.local} if whole else {"pixels": encoder.local.pixels, "out": encoder.local.out}
        self.module = _ConstantNorms({**local, "broad": encoder.broad, "gate": encoder.gate, "head": head})
        encoder.to(process.device).to(memory_format=torch.channels_last)
        self.module.to(process.device).to(memory_format=torch.channels_last)

    def loss(self, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return the error of what windows of some fields are said to show."""
        windows = self._sampler.sample(rng, self._batch)
        tiles = torch.cat([window.tiles for window in windows]).to(self._process.device)
        local, cnns = self._local(tiles)
        pixels = cnns.maps
        if pixels is None:
            raise TypeError("no maps of the pixel CNN")
        counts = [len(window.tiles) for window in windows]
        parts = zip(pixels.split(counts), windows, strict=True)  # type: ignore[no-untyped-call]
        broad = torch.cat([self._broad(maps, window.places.to(maps.device)) for maps, window in parts])
        each = torch.repeat_interleave(broad, torch.tensor(counts, device=broad.device), dim=0)
        fused, _ = self._encoder.gate(local, each)
        composition, arrangement = (
            torch.stack([getattr(window, name) for window in windows]).to(broad.device)
            for name in ("composition", "arrangement")
        )
        error = self._head.loss(_means(local, counts), broad, _means(fused, counts), composition, arrangement)
        return error + self._map_error(pixels, windows)

    def _local(self, tiles: Tensor) -> tuple[Tensor, CnnOutput]:
        """Return the local path's vectors of tiles, and what its CNNs see."""
        local = self._encoder.local
        if self._whole:
            with torch.no_grad():
                maps, _ = self._encoder.feature_maps(tiles)
            cnns = local.cnn_output(tiles)
            return local.embedding(maps, cnns), cnns
        pixels = self._pixels(tiles).float()
        trunk = None if local.trunk is None else pixels.new_zeros(len(pixels), local.trunk.feature_count)
        cnns = CnnOutput(pixels, trunk)
        return local.without_diffusion(cnns), cnns

    def _map_error(self, pixels: Tensor, windows: list[TrainingWindow]) -> Tensor:
        """Return the error of the phase maps where the truth is known."""
        phases, objects = (
            torch.cat([getattr(window, name) for window in windows]).to(pixels.device) for name in ("phases", "objects")
        )
        known = phases.isfinite()
        if not known.any():
            return pixels.sum() * 0
        maps = self._broad.phase_maps
        of_phases = functional.binary_cross_entropy_with_logits(maps.phase_logits(pixels)[known], phases[known])
        of_objects = known_error(
            maps.objects(pixels).movedim(1, -1).flatten(0, -2), objects.movedim(1, -1).flatten(0, -2)
        )
        return of_phases + _OBJECTS_WEIGHT * of_objects


class _ConstantNorms(nn.ModuleDict):
    """Modules whose batch norms stay constants in training: a batch has tiles of few fields."""

    def train(self, mode: bool = True) -> "_ConstantNorms":
        super().train(mode)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.train(mode=False)
        return self


def known_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error over columns, of the rows where each is known."""
    known = target.isfinite()
    squares = torch.where(known, predicted - target.nan_to_num(), 0).square()
    least = max(1, int(len(target) * _LEAST_SHARE))
    return (squares.sum(0) / known.sum(0).clamp_min(least)).mean()


def _means(vectors: Tensor, counts: list[int]) -> Tensor:
    """Return the mean vector of each window."""
    return torch.stack([part.mean(0) for part in vectors.split(counts)])  # type: ignore[no-untyped-call]
