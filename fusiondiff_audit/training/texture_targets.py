"""Texture descriptors of the dataset's tiles: regression targets, and the statistics that standardise the encoder's."""

from collections.abc import Iterator

import numpy as np
import torch

import signing
from fusiondiff_audit.model.texture import TEXTURE_DIM, TextureDescriptors, describe
from fusiondiff_audit.training.dataset import Indices, TileDataset
from fusiondiff_audit.training.feature_maps import as_tensor
from fusiondiff_audit.training.workspace import TrainingProcess, Workspace

Tensor = torch.Tensor
_AT_ONCE = 16  # tiles: few enough that they stay in a core's cache
_MEASURED = 4096  # tiles: enough for a mean and a deviation


def texture_targets(dataset: TileDataset, workspace: Workspace) -> Tensor:
    """Return the standardised descriptors of every tile, computed once and kept in the workspace."""
    path = workspace.folder / "texture.f32"
    if workspace.process.is_first and not path.is_file():
        signing.create(path, torch.cat(list(_computed(dataset, workspace))).numpy().tobytes())
    workspace.process.barrier()
    numbers = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.float32)
    targets = numbers.reshape(len(dataset.tiles), TEXTURE_DIM)
    return TextureDescriptors().fit(targets).standardized(targets)


def standardise(
    descriptors: TextureDescriptors, dataset: TileDataset, rng: np.random.Generator, process: TrainingProcess
) -> None:
    """Set the mean and deviation of an encoder's descriptors to those of a sample of the dataset."""
    sample = dataset.sample_tiles(rng, _MEASURED)
    parts = [_described(dataset, sample[start : start + _AT_ONCE], process) for start in range(0, _MEASURED, _AT_ONCE)]
    descriptors.fit(torch.cat(parts))


def _computed(dataset: TileDataset, workspace: Workspace) -> Iterator[Tensor]:
    total = len(dataset.tiles)
    for start in range(0, total, _AT_ONCE):
        yield _described(dataset, slice(start, start + _AT_ONCE), workspace.process)
        workspace.report("descriptors", min(start + _AT_ONCE, total), total, None)


@torch.no_grad()
def _described(dataset: TileDataset, indices: Indices | slice, process: TrainingProcess) -> Tensor:
    return describe(as_tensor(dataset.tiles[indices], process)).cpu()
