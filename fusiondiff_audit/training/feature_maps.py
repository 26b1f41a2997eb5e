"""The feature maps that the frozen diffusion model gives for every tile, computed once into a memory-mapped file.

They are most of the cost of a training step and never change, so that the local path can train on them for many steps.
They are of unaugmented tiles: a dataset should hold several images of each specimen.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

import signing
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.training.dataset import Indices, TileArray, TileDataset
from fusiondiff_audit.training.workspace import TrainingProcess, Workspace

Halves = npt.NDArray[np.float16]
_AT_ONCE = 64  # tiles


class FeatureMaps:
    """The maps of all tiles of a dataset in half precision, one row a tile, block after block."""

    def __init__(self, rows: Halves, shapes: dict[str, tuple[int, ...]]) -> None:
        self._rows, self._shapes = rows, shapes

    def of(self, indices: Indices, device: torch.device) -> dict[str, torch.Tensor]:
        """Return the maps of some tiles by block, as the local path takes them."""
        rows = torch.from_numpy(self._rows[indices]).to(device)
        sizes = [int(np.prod(shape)) for shape in self._shapes.values()]
        parts = rows.split(sizes, dim=1)  # type: ignore[no-untyped-call]
        return {
            name: part.reshape(len(indices), *shape)
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }


def compute_feature_maps(encoder: Encoder, dataset: TileDataset, workspace: Workspace) -> FeatureMaps:
    """Return the feature maps of a dataset, resuming where an earlier run stopped."""
    process, path = workspace.process, workspace.folder / "maps.f16"
    shapes = _shapes(encoder, process)
    width = sum(int(np.prod(shape)) for shape in shapes.values())
    if process.is_first:
        _fill(encoder, dataset, workspace, path, width)
    process.barrier()
    return FeatureMaps(np.memmap(path, np.float16, "r").reshape(len(dataset.tiles), width), shapes)


def as_tensor(tiles: TileArray, process: TrainingProcess) -> torch.Tensor:
    """Return tiles as the encoder takes them, on the process's device."""
    return (torch.from_numpy(np.array(tiles)).to(process.device).float() / 255)[:, None]


@torch.no_grad()
def _fill(encoder: Encoder, dataset: TileDataset, workspace: Workspace, path: Path, width: int) -> None:
    process, total = workspace.process, len(dataset.tiles)
    encoder.diffusion.to(process.device).to(memory_format=torch.channels_last)
    try:
        with path.open("ab") as file:
            done = file.tell() // (2 * width)  # an incomplete row is written again
            file.truncate(done * 2 * width)
            for start in range(done, total, _AT_ONCE):
                file.write(_computed(encoder, dataset.tiles[start : start + _AT_ONCE], process).tobytes())
                workspace.report("maps", min(start + _AT_ONCE, total), total, None)
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{path}: {e.strerror}") from e


def _computed(encoder: Encoder, tiles: TileArray, process: TrainingProcess) -> Halves:
    with torch.autocast(process.device.type, torch.bfloat16, enabled=process.mixed):
        maps, _ = encoder.feature_maps(as_tensor(tiles, process))
    rows: Halves = torch.cat([block.flatten(1) for block in maps.values()], 1).half().cpu().numpy()
    return rows


@torch.no_grad()
def _shapes(encoder: Encoder, process: TrainingProcess) -> dict[str, tuple[int, ...]]:
    """Return the shape of one tile's map of each block."""
    encoder.diffusion.to(process.device)
    side = encoder.architecture.tile
    maps, _ = encoder.feature_maps(torch.zeros(1, 1, side, side, device=process.device))
    return {name: tuple(block.shape[1:]) for name, block in maps.items()}
