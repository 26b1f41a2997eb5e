"""The process of a training, the folder that it resumes from, and the functions that report its progress."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import torch
from torch import distributed

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.training.dataset import TileDataset, TiledImages, open_dataset, write_dataset

_RUN = "run.json"
_TIMEOUT = timedelta(days=1)  # while one process makes images, the others wait


@dataclass(frozen=True, slots=True)
class TrainingProcess:
    """The device of this process, and its rank among all processes of the training."""

    device: torch.device
    rank: int = 0
    world: int = 1
    mixed: bool = False  # bfloat16 where that is safe

    @property
    def is_first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait for the other processes."""
        if self.world > 1:
            distributed.barrier()


class StepReport(Protocol):
    """A listener to every step."""

    def __call__(self, name: str, done: int, total: int, loss: float | None) -> None:
        """Receive one step's progress."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder that a training resumes from, its process, and the functions that report its progress."""

    folder: Path
    process: TrainingProcess
    report: StepReport
    warn: Callable[[str], None]
    checkpoint_interval: float = 60.0  # seconds

    def claim(self, run: str) -> None:
        """Take the folder for one run; a folder that holds another run is refused."""
        if self.process.is_first:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as e:
                raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{self.folder}: {e.strerror}") from e
            note = self.folder / _RUN
            if note.is_file() and note.read_bytes() != run.encode():
                hint = "resume with the same recipe and images, or name another folder with --work"
                raise signing.SigningError(signing.Reason.EXISTS, f"{self.folder}: holds another training", hint=hint)
            signing.create(note, run.encode(), force=True)
        self.process.barrier()

    def dataset(self, images: Callable[[], TiledImages], side: int, *, name: str = "") -> TileDataset:
        """Return the dataset of a name, written from `images` unless the folder holds it already."""
        folder = self.folder / name
        if self.process.is_first and open_dataset(folder, side) is None:
            write_dataset(images(), folder)
        self.process.barrier()
        dataset = open_dataset(folder, side)
        if dataset is None:
            raise signing.SigningError(signing.Reason.UNREADABLE, f"{folder}: its tiles cannot be read back")
        return dataset


@contextmanager
def training_process(device: str, *, mixed: bool) -> Iterator[TrainingProcess]:
    """Yield this process: alone, or one of those that `torchrun` started."""
    rank, world = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    target = torch.device(device)
    if target.type == "cuda":
        if not torch.cuda.is_available():
            raise AuditError(AuditReason.NO_DEVICE, f"device {device}: torch finds no GPU here", hint="--device cpu")
        target = torch.device("cuda", int(os.environ.get("LOCAL_RANK", target.index or 0)))
    if world == 1:
        yield TrainingProcess(target, mixed=mixed)
        return
    distributed.init_process_group("nccl" if target.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield TrainingProcess(target, rank, world, mixed)
    finally:
        distributed.destroy_process_group()
