"""From a recipe to a bundle: killed and resumed, by one process or by two."""

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
from fusiondiff_audit.training.dataset import Tiling, open_dataset, write_dataset
from fusiondiff_audit.training.projection import PROJECTION_DIM
from fusiondiff_audit.training.recipe import Recipe
from fusiondiff_audit.training.synthetic import QUANTITIES, synthesise
from tests.training.small_recipe import STEPS, small_recipe, to_toml

TILING = Tiling(small_recipe().geometry, small_recipe().intensity)


def weights(bundle: Path) -> dict[str, torch.Tensor]:
    return load_bundle(bundle, trust=None, unverified=True).encoder.state_dict()


def test_tiles_of_a_synthetic_specimen_are_of_different_sessions(tmp_path: Path) -> None:
    recipe = small_recipe()
    images, total = synthesise(recipe.dataset, TILING, 1)
    write_dataset(images, tmp_path)
    dataset = open_dataset(tmp_path, 64)
    assert dataset is not None
    makers = 2 * 5  # two kilns, each with four workshops that are not held out
    assert (total, len(dataset.tiles_by_specimen), len(dataset.digests)) == (2 * makers, makers, 2 * makers)
    assert len(set(dataset.makers)) == makers
    assert not any("aged" in maker for maker in dataset.makers)
    first, second = dataset.sample_pairs(np.random.default_rng(0), makers).reshape(2, makers)
    assert sorted(dataset.specimen[first]) == list(range(makers))
    for one, other in zip(first, second, strict=True):
        assert dataset.specimen[one] == dataset.specimen[other]
        assert dataset.image[one] != dataset.image[other]
        assert not (dataset.tiles[one] == dataset.tiles[other]).all()
    assert dataset.has_pairs
    assert dataset.composition.shape == (2 * makers, len(QUANTITIES))
    assert not np.isnan(dataset.composition[:, 0]).any()
    again, _ = synthesise(recipe.dataset, TILING, 1)
    assert [image.digest for image in again] == list(dataset.digests)


def test_a_dataset_that_was_not_written_whole_is_not_used(tmp_path: Path) -> None:
    images, _ = synthesise(small_recipe().dataset, TILING, 1)
    write_dataset(images, tmp_path)
    with (tmp_path / "tiles.u8").open("ab") as file:
        file.write(b"\0")
    assert open_dataset(tmp_path, 64) is None
    assert open_dataset(tmp_path / "nowhere", 64) is None


def command(recipe: Path, out: Path, *more: str) -> list[str]:
    words = ("pretrain", "kiln", "--config", str(recipe), "--out", str(out), "--every", "0", *more)
    return [sys.executable, "-c", "from fusiondiff_audit.cli import main; main()", *words]


@pytest.mark.slow
def test_a_training_killed_repeatedly_gives_the_same_bundle(tmp_path: Path) -> None:
    recipe = to_toml(longer(), tmp_path / "recipe.toml")
    subprocess.run(command(recipe, tmp_path / "whole"), check=True, capture_output=True)
    kills = 0
    for _ in range(MOST_KILLS + 1):
        if (tmp_path / "killed").exists():
            break
        before = steps(tmp_path / "killed.training")
        process = subprocess.Popen(command(recipe, tmp_path / "killed"), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        until = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < until:
            if kills < MOST_KILLS and steps(tmp_path / "killed.training") > before + 3:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.01)
        process.communicate()
    assert kills >= 3
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert all(torch.equal(value, killed[name]) for name, value in whole.items())


def with_projection(recipe: Recipe) -> Recipe:
    """Return the recipe with a projection."""
    return replace(recipe, architecture=replace(recipe.architecture, directions=PROJECTION_DIM))


def longer() -> Recipe:
    recipe = with_projection(small_recipe())
    return replace(
        recipe, stages=replace(recipe.stages, **{name: replace(recipe.stages.paths, steps=12) for name in STAGES})
    )


MOST_KILLS = 5
STAGES = ("autoencoder", "denoiser", "transformer", "texture", "multiscale", "makers", "local", "paths")


def steps(folder: Path) -> int:
    """Return the steps done in all stages, by their newest checkpoints."""
    if not folder.exists():
        return 0
    newest: dict[str, int] = {}
    for path in folder.glob("*.safetensors"):
        stage, step, _ = path.name.split("-")
        newest[stage] = max(int(step), newest.get(stage, 0))
    return sum(newest.values())


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path) -> None:
    recipe = to_toml(with_projection(small_recipe()), tmp_path / "recipe.toml")
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    completed = subprocess.run(
        [*started, *command(recipe, tmp_path / "both", "--json")], check=False, capture_output=True, text=True
    )
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.count('"verb": "pretrain"') == 2
    assert completed.stdout.count('"objects": 10') == 1  # the first process alone writes
    assert all(value.isfinite().all() for value in weights(tmp_path / "both").values())
    assert steps(tmp_path / "both.training") == len(STAGES) * STEPS
