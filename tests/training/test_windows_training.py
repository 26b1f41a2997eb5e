"""Pretraining over windows of tiles: from a recipe to a bundle, with a bundle to start from and a trunk."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import signing
from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.bundle import LoadedBundle, load_bundle, write_bundle
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.shapes import Convolutions, Transformer, TrunkShape, WindowTransformer
from fusiondiff_audit.model.trunk import build_cnn
from fusiondiff_audit.training.dataset import Tiling
from fusiondiff_audit.training.field_dataset import FieldDataset, open_fields, write_fields
from fusiondiff_audit.training.pretrain import pretrain, settings_of
from fusiondiff_audit.training.pretrain_windows import PretrainedParts, refuse_other_parts, start_local_path
from fusiondiff_audit.training.recipe import Recipe, Stage, SyntheticData, read_recipe
from fusiondiff_audit.training.synthetic import synthesise
from fusiondiff_audit.training.synthetic_fields import synthesise_fields
from fusiondiff_audit.training.window_batches import WindowSampler
from fusiondiff_audit.training.window_stage import WindowHead, WindowTask, known_error
from fusiondiff_audit.training.workspace import TrainingProcess, Workspace
from tests.model.tiny import picture
from tests.training.small_recipe import STEPS, small_recipe, to_toml

COARSE = Convolutions(8, 1, 1, 0.0, (4, 8))
STAGE = Stage(STEPS, 2, 1e-3)
FIELDS = SyntheticData(("hazel",), ("aged",), 1, 4, 1, 1, 128, (1,))
PIXELS = (4, 6, 8, 10)  # four halvings: cells of 16 pixels
CPU = TrainingProcess(torch.device("cpu"))


def windowed(**changes: Any) -> Recipe:
    """Return the small recipe over windows of 2 x 2 tiles."""
    recipe = small_recipe()
    architecture = replace(
        recipe.architecture,
        window=WindowTransformer(across=2, patch=2, width=16, depth=2, heads=2, adapter=4),
        transformer=Transformer(),
        convolutions=Convolutions(8, 1, 1, 0.0, PIXELS),
    )
    stages = replace(recipe.stages, transformer=Stage(0, 2, 1e-3), paths=STAGE, windows=STAGE)
    return replace(recipe, architecture=architecture, stages=stages, fields=FIELDS, micro_batch=4, **changes)


def fields_in(folder: Path) -> FieldDataset:
    fields, _ = synthesise_fields(FIELDS, 1)
    write_fields(fields, folder, FIELDS.side)
    dataset = open_fields(folder, FIELDS.side)
    assert dataset is not None
    return dataset


def workspace(folder: Path) -> Workspace:
    return Workspace(folder, CPU, lambda *_: None, lambda _: None, 0.0)


def trained(recipe: Recipe, folder: Path, parts: PretrainedParts | None = None) -> dict[str, torch.Tensor]:
    space = workspace(folder)
    space.claim("test")
    tiling = Tiling(recipe.geometry, recipe.intensity)
    dataset = space.dataset(lambda: synthesise(recipe.dataset, tiling, recipe.seed)[0], tiling.geometry.tile)
    settings, state, losses = pretrain(recipe, dataset, space, lambda images, _: images, parts=parts)
    assert {"windows", "paths"} < set(losses)
    assert all(loss.isfinite().all() for loss in losses.values())
    write_bundle(folder / "bundle", settings, state, None)
    return state


def start_bundle() -> LoadedBundle:
    """Return a bundle to start from, whose global path looks at tiles."""
    torch.manual_seed(7)
    recipe = small_recipe()
    recipe = replace(recipe, architecture=replace(recipe.architecture, convolutions=Convolutions(8, 1, 1, 0.0, PIXELS)))
    encoder = Encoder(recipe.architecture)
    return LoadedBundle(64 * "a", True, settings_of(recipe), encoder, None, "")


def test_a_recipe_over_windows_gives_a_bundle_that_embeds(tmp_path: Path) -> None:
    recipe = windowed()
    assert read_recipe(to_toml(recipe, tmp_path / "recipe.toml")) == recipe
    trained(recipe, tmp_path / "work")
    model = DiffusionModel.from_pretrained(tmp_path / "work" / "bundle", unverified=True)
    (image,) = model.embed([picture(specimen("alder", None, "trained").field(0, 200))])
    assert np.isfinite(image.features).all()
    assert len(image.features) == 16


@pytest.mark.slow
def test_a_training_starts_from_a_bundle_and_takes_a_trunk(tmp_path: Path) -> None:
    shape = TrunkShape(stages=(0, 1), components=3)
    torch.manual_seed(5)
    trunk = shape, build_cnn(shape.network).state_dict()
    start = start_bundle()
    recipe = windowed(start=start.digest)
    stages = replace(recipe.stages, texture=Stage(0, 2, 1e-3))
    recipe = replace(recipe, architecture=replace(recipe.architecture, trunk=shape), stages=stages)
    state = trained(recipe, tmp_path / "work", PretrainedParts(start, trunk))
    assert torch.equal(state["local.trunk.network.conv_stem.weight"], trunk[1]["conv_stem.weight"])
    assert state["local.trunk.components"].abs().sum() > 0
    assert (state["local.trunk.deviation"] != 1).any()
    loaded = load_bundle(tmp_path / "work" / "bundle", trust=None, unverified=True)
    assert loaded.settings.architecture.trunk == shape


@torch.inference_mode()
def test_a_local_path_starts_as_the_bundle_has_it() -> None:
    start = start_bundle()
    torch.manual_seed(8)
    encoder = Encoder(replace(windowed().architecture, trunk=TrunkShape(stages=(0, 1)))).eval()
    start_local_path(encoder, start)
    before, tiles = start.encoder.eval().local, torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        for block in before.blocks.parameters():
            block.zero_()
    torch.testing.assert_close(encoder.local.from_pixels_alone(tiles), before.from_pixels_alone(tiles))


def test_parts_that_are_not_the_recipe_s_are_refused() -> None:
    start = start_bundle()
    with pytest.raises(signing.SigningError, match="no bundle to start from"):
        refuse_other_parts(windowed(), PretrainedParts(start))
    named = windowed(start=64 * "b")
    for parts, found in ((PretrainedParts(), "none is given"), (PretrainedParts(start), "sha256:a")):
        with pytest.raises(signing.SigningError, match=found):
            refuse_other_parts(named, parts)
    shape = TrunkShape()
    with_trunk = replace(windowed(), architecture=replace(windowed().architecture, trunk=shape))
    with pytest.raises(signing.SigningError, match="none are given"):
        refuse_other_parts(with_trunk, PretrainedParts())
    other = replace(shape, weights=64 * "c")
    with pytest.raises(signing.SigningError, match="sha256:c"):
        refuse_other_parts(with_trunk, PretrainedParts(trunk=(other, {})))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fields": None}, "go together"),
        ({"fields": replace(FIELDS, side=192)}, "fields of 192 pixels"),
        ({"fields": replace(FIELDS, side=256)}, "fields of 256 pixels"),
        ({"fields": replace(FIELDS, downsampling=(1, 2))}, "downsampled by"),
        (
            {"architecture": replace(windowed().architecture, convolutions=Convolutions(8, 1, 1, 0.0, (4, 8)))},
            "cells of 4",
        ),
        ({"start": "no digest"}, "no digest of a bundle"),
        ({"stages": replace(small_recipe().stages, texture=Stage(0, 2, 1e-3), windows=STAGE)}, "0 steps of texture"),
    ],
)
def test_a_recipe_over_windows_that_cannot_be_followed_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(windowed(), **changes)


def test_every_part_of_a_stage_learns_and_frozen_ones_do_not(tmp_path: Path) -> None:
    torch.manual_seed(0)
    recipe = windowed()
    sampler = WindowSampler(fields_in(tmp_path), Intensity(), 64)
    encoder = Encoder(recipe.architecture)
    encoder.diffusion.freeze_prompt()
    for whole, frozen, learning in (
        (False, ("local.blocks", "broad.adapters", "diffusion"), ("local.pixels", "broad.deit", "gate", "local.out")),
        (True, ("broad.deit", "diffusion"), ("local.pixels", "local.blocks", "broad.adapters", "broad.phase_maps")),
    ):
        head = WindowHead(recipe.architecture.width, *sampler.targets)
        task = WindowTask("windows", encoder, sampler, CPU, STAGE, head, whole=whole)
        before = copy.deepcopy(encoder.state_dict())
        optimiser = torch.optim.SGD([p for p in task.module.parameters() if p.requires_grad], 1e-2)
        task.module.train()
        for step in range(3):
            optimiser.zero_grad()
            task.loss(np.random.default_rng(step), torch.Generator()).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        changed = {name for name, value in encoder.state_dict().items() if not torch.equal(value, before[name])}
        assert not any(name.startswith(frozen) for name in changed)
        assert all(any(name.startswith(part) for name in changed) for part in learning)
        assert not any("running" in name or "num_batches" in name for name in changed)  # norms are constants


def test_an_unknown_quantity_has_no_error() -> None:
    nan = float("nan")
    target = torch.tensor([[1.0, nan], [3.0, nan], [1.0, 0.0], [1.0, 2.0]])
    predicted = torch.zeros(4, 2, requires_grad=True)
    error = known_error(predicted, target)
    assert error.item() == pytest.approx(((1 + 9 + 1 + 1) / 4 + 4 / 2) / 2)
    error.backward()  # type: ignore[no-untyped-call]
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()
