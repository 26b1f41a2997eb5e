"""A stage of training on disk: everything it takes to go on, in one file whose name says its digest.

Two are kept. One that is not what its name says is told and passed over, and the one before it is used.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

import signing
from fusiondiff_audit.weights.tensors import to_safetensors, view_arrays
from signing.files import read_capped

_NAME = re.compile(r"(?P<stage>[a-z]+)-(?P<step>[0-9]{7})-(?P<digest>[0-9a-f]{64})\.safetensors")
_LARGEST = 64 * 1024**3  # bytes
_KEPT = 2
Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a stage has come."""

    step: int
    tensors: dict[str, torch.Tensor]


def save(folder: Path, stage: str, step: int, tensors: Tensors) -> None:
    """Write a checkpoint whole or not at all, then forget those that are too old."""
    data = to_safetensors(tensors)
    digest = hashlib.sha256(data).hexdigest()
    signing.create(folder / f"{stage}-{step:07d}-{digest}.safetensors", data, force=True)
    for old in _found(folder, stage)[:-_KEPT]:
        old.unlink(missing_ok=True)


def newest(folder: Path, stage: str, *, warn: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest checkpoint that is whole."""
    for path in reversed(_found(folder, stage)):
        match = _NAME.fullmatch(path.name)
        try:
            data = read_capped(path, limit=_LARGEST)
        except signing.SigningError as e:
            warn(f"{e}; the checkpoint before it is used")
            continue
        if match is None or hashlib.sha256(data).hexdigest() != match["digest"]:
            warn(f"{path}: is damaged; the checkpoint before it is used")
            continue
        arrays = view_arrays(memoryview(bytearray(data)), str(path))
        return Checkpoint(int(match["step"]), {name: torch.from_numpy(a) for name, a in arrays.items()})
    return None


def _found(folder: Path, stage: str) -> list[Path]:
    """Return a stage's checkpoints, the oldest first."""
    named = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return [path for _, path in sorted((m["step"], p) for m, p in named if m and m["stage"] == stage)]
