"""The one loop that all training goes through: steps, checkpoints, several processes, and a curve.

What a step sees is drawn from the seed, the stage and the step alone. So a run that was killed goes on as if it had not
been, and no state of a random generator has to be kept.
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
from fusiondiff_audit.training.checkpoints import Checkpoint, newest, save
from fusiondiff_audit.training.curves import draw
from fusiondiff_audit.training.recipe import Stage
from fusiondiff_audit.training.studio import Place, Studio

Tensor = torch.Tensor
_WARM = 0.05  # share of the steps in which the rate rises
_DECAY = 0.05
_STEEPEST = 1.0  # a gradient's norm
_LOSSES = "losses"


class Task(Protocol):
    """One stage: what is trained, and how wrong it is on what a step sees."""

    name: str

    @property
    def module(self) -> nn.Module:
        """Return what is trained, with what it stands on."""

    def loss(self, numbers: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Return how wrong it is."""


def train(task: Task, stage: Stage, studio: Studio, *, seed: int) -> Tensor:
    """Train a task to its end, from its newest whole checkpoint if there is one, and return the loss of every step."""
    here, folder = studio.here, studio.folder
    trained = {name: value for name, value in task.module.named_parameters() if value.requires_grad}
    optimiser = torch.optim.AdamW(trained.values(), lr=stage.rate, betas=(0.9, 0.95), weight_decay=_DECAY)
    losses = torch.full((stage.steps,), math.nan)
    found = newest(folder, task.name, warn=studio.warn)
    start = 0 if found is None else _restore(found, task.module, trained, optimiser, losses)
    saved = time.monotonic()
    task.module.train()
    for step in range(start, stage.steps):
        for group in optimiser.param_groups:
            group["lr"] = _rate(stage, step)
        numbers = np.random.default_rng([seed, zlib.crc32(task.name.encode()), step, here.rank])
        generator = torch.Generator().manual_seed(int(numbers.integers(2**62)))
        with torch.autocast(here.device.type, torch.bfloat16, enabled=here.mixed):
            loss = task.loss(numbers, generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        losses[step] = _shared(loss.detach(), trained, here)
        if not losses[step].isfinite():
            hint = "begin anew with a lower rate"
            raise AuditError(AuditReason.DIVERGED, f"{task.name}: the loss of step {step + 1} is no number", hint=hint)
        nn.utils.clip_grad_norm_(trained.values(), _STEEPEST)
        optimiser.step()
        studio.report(task.name, step + 1, stage.steps, float(losses[step]))
        if here.first and (step + 1 == stage.steps or time.monotonic() - saved > studio.every):
            save(folder, task.name, step + 1, _state(task.module, trained, optimiser, losses))
            saved = time.monotonic()
    if here.first:
        draw(folder / f"{task.name}.png", task.name, losses.numpy())
    here.meet()
    task.module.train(mode=False)
    return losses


def _rate(stage: Stage, step: int) -> float:
    warm = max(1, int(_WARM * stage.steps))
    if step < warm:
        return stage.rate * (step + 1) / warm
    return stage.rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, stage.steps - warm)))


def _shared(loss: Tensor, trained: dict[str, nn.Parameter], here: Place) -> float:
    """Average the gradients, and the loss, over all processes."""
    if here.world > 1:
        for tensor in (loss, *(p.grad for p in trained.values() if p.grad is not None)):
            distributed.all_reduce(tensor)
            tensor /= here.world
    return float(loss)


def _counted(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield what norms have counted: no parameters, and yet learnt."""
    for name, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):  # torch's own base of all of them
            yield from ((f"{name}.{own}", value) for own, value in part.named_buffers())


def _state(
    module: nn.Module, trained: dict[str, nn.Parameter], optimiser: torch.optim.Optimizer, losses: Tensor
) -> dict[str, Tensor]:
    state = {f"weight.{name}": value.detach() for name, value in trained.items()}
    state |= {f"buffer.{name}": value for name, value in _counted(module)}
    for number, kept in optimiser.state_dict()["state"].items():
        state |= {f"optimiser.{number}.{name}": value for name, value in kept.items()}
    return state | {_LOSSES: losses}


def _restore(
    found: Checkpoint,
    module: nn.Module,
    trained: dict[str, nn.Parameter],
    optimiser: torch.optim.Optimizer,
    losses: Tensor,
) -> int:
    """Put everything back as it was, and return the step to go on with."""
    with torch.no_grad():
        for name, value in trained.items():
            value.copy_(found.tensors[f"weight.{name}"])
        for name, counted in _counted(module):
            counted.copy_(found.tensors[f"buffer.{name}"])
    kept: dict[int, dict[str, Tensor]] = {}
    for name, tensor in found.tensors.items():
        if name.startswith("optimiser."):
            _, number, what = name.split(".")
            kept.setdefault(int(number), {})[what] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": kept})
    losses.copy_(found.tensors[_LOSSES])
    return found.step
