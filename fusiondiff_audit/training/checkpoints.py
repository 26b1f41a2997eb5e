"""Training checkpoints: all state that a stage resumes from, in one file with its digest in its name.

The newest two are kept. A damaged one is reported and skipped, and the other is used.
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
_KEPT = 2  # files of each stage


@dataclass(frozen=True, slots=True)
class TrainingCheckpoint:
    """The state of a stage after a step."""

    step: int
    tensors: dict[str, torch.Tensor]


def save_checkpoint(folder: Path, stage: str, step: int, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write a checkpoint whole or not at all, then delete those beyond the newest two."""
    data = to_safetensors(tensors)
    digest = hashlib.sha256(data).hexdigest()
    signing.create(folder / f"{stage}-{step:07d}-{digest}.safetensors", data, force=True)
    for old in _paths(folder, stage)[:-_KEPT]:
        old.unlink(missing_ok=True)


def newest_checkpoint(folder: Path, stage: str, *, warn: Callable[[str], None]) -> TrainingCheckpoint | None:
    """Return the newest undamaged checkpoint of a stage, if there is one."""
    for path in reversed(_paths(folder, stage)):
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
        return TrainingCheckpoint(int(match["step"]), {name: torch.from_numpy(a) for name, a in arrays.items()})
    return None


def _paths(folder: Path, stage: str) -> list[Path]:
    """Return the paths of a stage's checkpoints, the oldest first."""
    named = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return [path for _, path in sorted((m["step"], p) for m, p in named if m and m["stage"] == stage)]
