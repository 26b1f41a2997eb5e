"""A damaged checkpoint is skipped, and a killed training resumes to the same weights."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.training import loop
from fusiondiff_audit.training.checkpoints import newest_checkpoint, save_checkpoint
from fusiondiff_audit.training.loop import train
from fusiondiff_audit.training.recipe import Stage
from fusiondiff_audit.training.workspace import TrainingProcess, Workspace

STAGE = Stage(40, 4, 1e-1)
CPU = TrainingProcess(torch.device("cpu"))


class Toy:
    """A linear regression; it may be killed at a step."""

    name = "toy"

    def __init__(self, killed: int | None = None) -> None:
        torch.manual_seed(3)
        self.module = nn.Linear(4, 1)
        self._left = killed

    def loss(self, rng: np.random.Generator, generator: torch.Generator) -> torch.Tensor:
        if self._left is not None:
            if not self._left:
                raise KeyboardInterrupt
            self._left -= 1
        points = torch.from_numpy(rng.standard_normal((8, 4)).astype(np.float32))
        error: torch.Tensor = ((self.module(points) - points.sum(1, keepdim=True)) ** 2).mean()
        return error + 0.01 * torch.rand((), generator=generator)


def workspace(folder: Path, warn: Callable[[str], None] = lambda message: None) -> Workspace:
    folder.mkdir(exist_ok=True)
    return Workspace(folder, CPU, lambda name, done, total, loss: None, warn, checkpoint_interval=0.0)


def test_checkpoints_are_written_at_intervals_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, seconds = list[int](), count(step=10)
    monkeypatch.setattr(loop, "save_checkpoint", lambda folder, stage, step, tensors: steps.append(step))
    monkeypatch.setattr("fusiondiff_audit.training.loop.time.monotonic", lambda: next(seconds))
    train(Toy(), Stage(10, 4, 1e-1), replace(workspace(tmp_path), checkpoint_interval=25.0), seed=1)
    assert steps == [3, 6, 9, 10]


def test_only_two_are_kept_and_the_newest_is_found(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, "toy", step, {"a": torch.full((3,), float(step)), "b": torch.tensor(step)})
    assert len(list(tmp_path.iterdir())) == 2
    checkpoint = newest_checkpoint(tmp_path, "toy", warn=pytest.fail)
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.tensors["a"].tolist(), int(checkpoint.tensors["b"])) == (3, [3.0] * 3, 3)
    assert newest_checkpoint(tmp_path, "other", warn=pytest.fail) is None


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "rename"])
def test_a_damaged_checkpoint_is_reported_and_the_older_one_used(tmp_path: Path, harm: str) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, "toy", step, {"a": torch.full((3,), float(step))})
    path = max(tmp_path.iterdir())
    data = bytearray(path.read_bytes())
    if harm == "rename":
        path.rename(path.with_name(f"toy-0000009-{'0' * 64}.safetensors"))
    else:
        data[len(data) // 2] ^= 1
        path.write_bytes({"flip": bytes(data), "cut": bytes(data[:-1]), "empty": b""}[harm])
    warnings: list[str] = []
    checkpoint = newest_checkpoint(tmp_path, "toy", warn=warnings.append)
    assert checkpoint is not None
    assert checkpoint.step == 1
    assert len(warnings) == 1
    assert "damaged" in warnings[0]


@pytest.mark.parametrize("killed", [1, 7, 23, 39])
def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path, killed: int) -> None:
    whole = Toy()
    losses = train(whole, STAGE, workspace(tmp_path / "whole"), seed=5)
    assert losses[-5:].mean() < 0.5 * losses[:5].mean()
    with pytest.raises(KeyboardInterrupt):
        train(Toy(killed), STAGE, workspace(tmp_path / "killed"), seed=5)
    resumed = Toy()
    assert torch.equal(train(resumed, STAGE, workspace(tmp_path / "killed"), seed=5), losses)
    assert torch.equal(resumed.module.weight, whole.module.weight)
    again = Toy(0)  # no step is repeated
    assert torch.equal(train(again, STAGE, workspace(tmp_path / "killed"), seed=5), losses)
    assert (tmp_path / "killed" / "toy.png").read_bytes().startswith(b"\x89PNG")


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path: Path) -> None:
    toy = Toy()
    nn.init.constant_(toy.module.bias, float("inf"))
    with pytest.raises(AuditError, match="no number") as caught:
        train(toy, STAGE, workspace(tmp_path / "bad"), seed=5)
    assert caught.value.reason is AuditReason.DIVERGED
