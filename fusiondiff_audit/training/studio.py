"""Where a training runs, what it keeps to go on with, and whom it tells."""

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
from fusiondiff_audit.training.diet import Diet, Pictures, opened, store

_RUN = "run.json"
_PATIENCE = timedelta(days=1)  # while one process makes pictures, the others wait


@dataclass(frozen=True, slots=True)
class Place:
    """Where training runs: a device, and which of how many processes this is."""

    device: torch.device
    rank: int = 0
    world: int = 1
    mixed: bool = False  # in bfloat16 where that is safe

    @property
    def first(self) -> bool:
        """Say whether this process writes."""
        return self.rank == 0

    def meet(self) -> None:
        """Wait for the other processes."""
        if self.world > 1:
            distributed.barrier()


class Report(Protocol):
    """What wants to hear of every step."""

    def __call__(self, name: str, done: int, total: int, loss: float | None) -> None:
        """Hear of one."""


@dataclass(frozen=True, slots=True)
class Studio:
    """Where a training keeps what it needs to go on, and whom it tells."""

    folder: Path
    here: Place
    report: Report
    warn: Callable[[str], None]
    every: float = 60.0  # seconds from checkpoint to checkpoint

    def claim(self, run: str) -> None:
        """Take the folder for one run; what another run left there is refused."""
        if self.here.first:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as e:
                raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{self.folder}: {e.strerror}") from e
            note = self.folder / _RUN
            if note.is_file() and note.read_bytes() != run.encode():
                hint = "go on with the same recipe and pictures, or name another folder with --work"
                raise signing.SigningError(signing.Reason.EXISTS, f"{self.folder}: holds another training", hint=hint)
            signing.create(note, run.encode(), force=True)
        self.here.meet()

    def diet(self, gather: Callable[[], Pictures], side: int, *, name: str = "") -> Diet:
        """Return the tiles that were gathered before, or gather them; those that are not the first have a name."""
        folder = self.folder / name
        if self.here.first and opened(folder, side) is None:
            store(gather(), folder)
        self.here.meet()
        found = opened(folder, side)
        if found is None:
            raise signing.SigningError(signing.Reason.UNREADABLE, f"{folder}: its tiles cannot be read back")
        return found


@contextmanager
def place(device: str, *, mixed: bool) -> Iterator[Place]:
    """Yield where to train: alone, or among the processes that `torchrun` started."""
    rank, world = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
    target = torch.device(device)
    if target.type == "cuda":
        if not torch.cuda.is_available():
            raise AuditError(AuditReason.NO_DEVICE, f"device {device}: torch finds no GPU here", hint="--device cpu")
        target = torch.device("cuda", int(os.environ.get("LOCAL_RANK", target.index or 0)))
    if world == 1:
        yield Place(target, mixed=mixed)
        return
    distributed.init_process_group("nccl" if target.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Place(target, rank, world, mixed)
    finally:
        distributed.destroy_process_group()
