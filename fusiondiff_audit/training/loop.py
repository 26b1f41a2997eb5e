"""The training loop: steps, checkpoints, several processes, and a plot of the loss.

A step's random numbers depend on the seed, the stage and the step alone. So a run that was killed and resumed gives the
same weights as one that was not, and no state of a random generator has to be kept.
"""

import math
import time
import zlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import distributed, nn

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.training.checkpoints import TrainingCheckpoint, newest_checkpoint, save_checkpoint
from fusiondiff_audit.training.curves import plot_loss
from fusiondiff_audit.training.recipe import Stage
from fusiondiff_audit.training.workspace import TrainingProcess, Workspace

Tensor = torch.Tensor
_WARM_UP = 0.05  # share of the steps in which the rate rises
_WEIGHT_DECAY = 0.05
_LARGEST_NORM = 1.0  # of the gradient
_LOSSES = "losses"
_STREAM_NAMES = {"multiscale": "afar", "makers": "kilns"}  # of random streams; a stage's own name where none is given


class Task(Protocol):
    """A stage of training: its module and the loss of a step."""

    name: str

    @property
    def module(self) -> nn.Module:
        """Return the trained module, with the frozen parts that it needs."""

    def loss(self, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return the loss of one step."""


def train(task: Task, stage: Stage, workspace: Workspace, *, seed: int) -> Tensor:
    """Train a task to its end, from its newest undamaged checkpoint if any, and return the loss of every step."""
    process, folder = workspace.process, workspace.folder
    trained = {name: value for name, value in task.module.named_parameters() if value.requires_grad}
    optimiser = torch.optim.AdamW(trained.values(), lr=stage.rate, betas=(0.9, 0.95), weight_decay=_WEIGHT_DECAY)
    losses = torch.full((stage.steps,), math.nan)
    checkpoint = newest_checkpoint(folder, task.name, warn=workspace.warn)
    start = 0 if checkpoint is None else _restore(checkpoint, task.module, trained, optimiser, losses)
    stream = zlib.crc32(_STREAM_NAMES.get(task.name, task.name).encode())
    saved = time.monotonic()
    task.module.train()
    for step in range(start, stage.steps):
        for group in optimiser.param_groups:
            group["lr"] = _rate(stage, step)
        rng = np.random.default_rng([seed, stream, step, process.rank])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        with torch.autocast(process.device.type, torch.bfloat16, enabled=process.mixed):
            loss = task.loss(rng, generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        losses[step] = _shared(loss.detach(), trained, process)
        if not losses[step].isfinite():
            hint = "begin anew with a lower rate"
            raise AuditError(AuditReason.DIVERGED, f"{task.name}: the loss of step {step + 1} is no number", hint=hint)
        nn.utils.clip_grad_norm_(trained.values(), _LARGEST_NORM)
        optimiser.step()
        workspace.report(task.name, step + 1, stage.steps, float(losses[step]))
        if process.is_first and (step + 1 == stage.steps or time.monotonic() - saved > workspace.checkpoint_interval):
            save_checkpoint(folder, task.name, step + 1, _state(task.module, trained, optimiser, losses))
            saved = time.monotonic()
    if process.is_first:
        plot_loss(folder / f"{task.name}.png", task.name, losses.numpy())
    process.barrier()
    task.module.train(mode=False)
    return losses


def _rate(stage: Stage, step: int) -> float:
    """Return the learning rate: a linear warm-up, then a cosine."""
    warm_up = max(1, int(_WARM_UP * stage.steps))
    if step < warm_up:
        return stage.rate * (step + 1) / warm_up
    return stage.rate * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, stage.steps - warm_up)))


def _shared(loss: Tensor, trained: dict[str, nn.Parameter], process: TrainingProcess) -> float:
    """Average the gradients, and the loss, over all processes."""
    if process.world > 1:
        for tensor in (loss, *(p.grad for p in trained.values() if p.grad is not None)):
            distributed.all_reduce(tensor)
            tensor /= process.world
    return float(loss)


def _running_statistics(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the buffers of batch norms."""
    for name, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):  # torch's own base of all of them
            yield from ((f"{name}.{own}", value) for own, value in part.named_buffers())


def _state(
    module: nn.Module, trained: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer, losses: Tensor
) -> dict[str, Tensor]:
    state = {f"weight.{name}": value.detach() for name, value in trained.items()}
    state |= {f"buffer.{name}": value for name, value in _running_statistics(module)}
    for number, kept in optimiser.state_dict()["state"].items():
        state |= {f"optimiser.{number}.{name}": value for name, value in kept.items()}
    return state | {_LOSSES: losses}


def _restore(
    checkpoint: TrainingCheckpoint,
    module: nn.Module,
    trained: dict[str, nn.Parameter],
    optimiser: torch.optim.Optimizer,
    losses: Tensor,
) -> int:
    """Restore weights, running statistics, optimiser and losses, and return the number of steps that were made."""
    with torch.no_grad():
        for name, value in trained.items():
            value.copy_(checkpoint.tensors[f"weight.{name}"])
        for name, statistic in _running_statistics(module):
            statistic.copy_(checkpoint.tensors[f"buffer.{name}"])
    kept: dict[int, dict[str, Tensor]] = {}
    for name, tensor in checkpoint.tensors.items():
        if name.startswith("optimiser."):
            _, number, key = name.split(".")
            kept.setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": kept})
    losses.copy_(checkpoint.tensors[_LOSSES])
    return checkpoint.step
