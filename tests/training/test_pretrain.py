"""From a recipe to a bundle: made-up pictures or a folder, killed and resumed, by one process or by two."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fusiondiff_audit.model.bundle import load_bundle
from fusiondiff_audit.training import diet
from fusiondiff_audit.training.directions import COUNT
from fusiondiff_audit.training.meal import NUMBERS, made
from fusiondiff_audit.training.recipe import Recipe
from tests.training.small import STEPS, small, to_toml

CUTTING = diet.Cutting(small().geometry, small().intensity)


def weights(bundle: Path) -> dict[str, torch.Tensor]:
    return load_bundle(bundle, trust=None, unverified=True).encoder.state_dict()


def test_made_up_specimens_are_views_of_the_same_thing_in_different_sessions(tmp_path: Path) -> None:
    recipe = small()
    pictures, total = made(recipe.diet, CUTTING, 1)
    diet.store(pictures, tmp_path)
    found = diet.opened(tmp_path, 64)
    assert found is not None
    makers = 2 * 5  # two kilns, each with four workshops that are not kept back
    assert (total, len(found.members), len(found.digests)) == (2 * makers, makers, 2 * makers)
    assert len(set(found.makers)) == makers
    assert not any("aged" in maker for maker in found.makers)
    first, second = found.pairs(np.random.default_rng(0), makers).reshape(2, makers)
    assert sorted(found.owner[first]) == list(range(makers))
    for one, other in zip(first, second, strict=True):
        assert found.owner[one] == found.owner[other]
        assert found.picture[one] != found.picture[other]
        assert not (found.squares[one] == found.squares[other]).all()
    assert found.paired
    assert found.makeup.shape == (2 * makers, len(NUMBERS))
    assert not np.isnan(found.makeup[:, 0]).any()
    again, _ = made(recipe.diet, CUTTING, 1)
    assert [picture.digest for picture in again] == list(found.digests)


def test_tiles_that_were_not_wholly_written_are_not_used(tmp_path: Path) -> None:
    pictures, _ = made(small().diet, CUTTING, 1)
    diet.store(pictures, tmp_path)
    with (tmp_path / "tiles.u8").open("ab") as file:
        file.write(b"\0")
    assert diet.opened(tmp_path, 64) is None
    assert diet.opened(tmp_path / "nowhere", 64) is None


def command(recipe: Path, out: Path, *more: str) -> list[str]:
    words = ("pretrain", "kiln", "--config", str(recipe), "--out", str(out), "--every", "0", *more)
    return [sys.executable, "-c", "from fusiondiff_audit.cli import main; main()", *words]


@pytest.mark.slow
def test_killed_again_and_again_it_becomes_the_same_bundle(tmp_path: Path) -> None:
    recipe = to_toml(longer(), tmp_path / "recipe.toml")
    subprocess.run(command(recipe, tmp_path / "whole"), check=True, capture_output=True)
    kills = 0
    for _ in range(60):
        if (tmp_path / "killed").exists():
            break
        before = steps(tmp_path / "killed.training")
        process = subprocess.Popen(command(recipe, tmp_path / "killed"), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        until = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < until:
            if steps(tmp_path / "killed.training") > before + 3:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        process.communicate()
    assert kills >= 3
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(torch.equal(value, killed[name]) for name, value in whole.items())


def along(recipe: Recipe) -> Recipe:
    """Return a recipe that finds directions, too."""
    return replace(recipe, architecture=replace(recipe.architecture, directions=COUNT))


def longer() -> Recipe:
    recipe = along(small())
    return replace(
        recipe, stages=replace(recipe.stages, **{name: replace(recipe.stages.paths, steps=12) for name in STAGES})
    )


STAGES = ("autoencoder", "denoiser", "transformer", "texture", "afar", "kilns", "local", "paths")


def steps(folder: Path) -> int:
    """Return how many steps all stages have done, as their newest checkpoints say."""
    if not folder.exists():
        return 0
    newest: dict[str, int] = {}
    for path in folder.glob("*.safetensors"):
        stage, step, _ = path.name.split("-")
        newest[stage] = max(int(step), newest.get(stage, 0))
    return sum(newest.values())


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path) -> None:
    recipe = to_toml(along(small()), tmp_path / "recipe.toml")
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    done = subprocess.run(
        [*started, *command(recipe, tmp_path / "both", "--json")], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"verb": "pretrain"') == 2
    assert done.stdout.count('"objects": 10') == 1  # the first process alone writes
    assert all(value.isfinite().all() for value in weights(tmp_path / "both").values())
    assert steps(tmp_path / "both.training") == len(STAGES) * STEPS
