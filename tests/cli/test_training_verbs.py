"""`pretrain` and `finetune`: from images to bundles."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import tifffile
import torch

from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.kiln.specimens import specimen
from fusiondiff_audit.model.bundle import load_bundle
from fusiondiff_audit.model.texture import TEXTURE_DIM
from fusiondiff_audit.training.dataset import open_dataset
from fusiondiff_audit.training.projection import PROJECTION_DIM
from tests.cli.conftest import Tool
from tests.training.small_recipe import STEPS, small_recipe, to_toml


def folder_of(path: Path, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        tifffile.imwrite(path / f"{number}.tif", specimen("alder", None, str(number)).field(0, 96))
    return path


def test_a_model_is_pretrained_and_signed(lab: Tool) -> None:
    made = replace(small_recipe().architecture, directions=PROJECTION_DIM)
    recipe = to_toml(small_recipe(architecture=made), Path("recipe.toml"))
    assert lab("keygen", "--role", "model", "--out", "model.pem", "--no-passphrase").code == 0
    done = lab("pretrain", "kiln", "--config", recipe, "--out", "seen", "--key", "model.pem", "--json")
    assert done.code == 0, done.out
    assert (done.json["objects"], done.json["signed"]) == (10, True)
    for stage in ("autoencoder", "denoiser", "transformer", "texture", "multiscale", "makers", "local", "paths"):
        assert Path("seen.training", f"{stage}.png").exists()
    found = load_bundle("seen", trust=None, unverified=True)
    assert found.settings.seen == ()
    assert found.settings.architecture.autoencoder.scaling != 1.0
    assert found.encoder.surface is not None
    assert not torch.equal(found.encoder.surface.deviation, torch.ones(TEXTURE_DIM))  # it was measured
    assert found.encoder.directions is not None
    assert torch.equal(
        found.encoder.directions.weight[:TEXTURE_DIM], torch.eye(made.feature_dim)[made.width :]
    )  # found
    datasets = [open_dataset(Path("seen.training", part), made.tile) for part in ("", "makers", "surfaces")]
    digests = [digest for dataset in datasets if dataset is not None for digest in dataset.digests]
    assert len(digests) == len(set(digests)) == 20 + 10 + 8  # the projection is fitted to new specimens
    card = Path("seen", "MODEL_CARD.md").read_text()
    assert "`fusiondiff-audit pretrain kiln` with the recipe below" in card
    assert f"```toml\n{recipe.read_text().strip()}\n```" in card
    (losses,) = re.findall(rf"\| texture \| {STEPS} \|(.*)\|", card)
    assert losses.count("|") == 7
    assert all(float(loss) > 0 for loss in losses.split("|"))
    taken = lab("pretrain", "kiln", "--config", recipe, "--out", "seen", "--json")
    assert (taken.code, taken.json["reason"]) == (Exit.USAGE, "exists")
    to_toml(small_recipe(seed=2), Path("other.toml"))
    other = lab("pretrain", "kiln", "--config", "other.toml", "--out", "new", "--work", "seen.training", "--json")
    assert (other.code, other.json["reason"]) == (Exit.USAGE, "exists")
    assert not Path("new").exists()


@pytest.mark.slow
def test_a_fine_tuned_model_lists_the_images_it_saw(lab: Tool) -> None:
    recipe = to_toml(small_recipe(), Path("recipe.toml"))
    folder = folder_of(Path("pictures"), 8)
    (folder / "notes.txt").write_text("not a picture")
    (folder / "broken.tif").write_bytes(b"II*\0")
    done = lab("pretrain", folder, "--config", recipe, "--out", "seen", "--json")
    assert done.code == 0, done.out
    assert done.json["objects"] == 8
    assert "broken.tif" in done.err
    assert Path("seen.training", "texture.png").exists()
    assert not Path("seen.training", "multiscale.png").exists()  # images of a folder have one magnification
    Path("labels.csv").write_text(
        "file,label,specimen\n" + "".join(f"{i}.tif,{('authentic', 'counterfeit')[i % 2]},s{i}\n" for i in range(8))
    )
    words = (
        "finetune",
        folder,
        "--model",
        "seen",
        "--labels",
        "labels.csv",
        "--steps",
        2,
        "--local-steps",
        2,
        "--batch",
        4,
    )
    tuned = lab(*words, "--out", "tuned", "--json")
    assert tuned.code == 0, tuned.out
    before, after = (load_bundle(Path(name), trust=None, unverified=True) for name in ("seen", "tuned"))
    assert "`fusiondiff-audit pretrain DIR`" in before.provenance
    assert before.provenance == after.provenance
    assert len(after.settings.seen) == 8
    changed = {
        name.split(".")[0] + "." + name.split(".")[1]
        for name, value in after.encoder.state_dict().items()
        if not torch.equal(value, before.encoder.state_dict()[name])
    }
    assert changed
    assert not any(name.startswith(("diffusion", "broad.deit")) for name in changed)
    again = lab(
        "finetune",
        folder,
        "--model",
        "tuned",
        "--labels",
        "labels.csv",
        "--steps",
        1,
        "--local-steps",
        1,
        "--batch",
        4,
        "--out",
        "more",
    )
    assert again.code == 0
    assert len(load_bundle("more", trust=None, unverified=True).settings.seen) == 8
    assert lab("finetune", folder, "--model", "seen", "--out", "x").code == Exit.USAGE
    assert lab("finetune", "kiln", "--labels", "labels.csv", "--model", "seen", "--out", "x").code == Exit.USAGE
    Path("same.csv").write_text("file,label\n0.tif,authentic\n1.tif,authentic\n")
    same = lab("finetune", folder, "--model", "seen", "--labels", "same.csv", "--out", "x", "--json")
    assert (same.code, same.json["reason"]) == (Exit.USAGE, "bad-request")


def test_too_few_images_are_refused(lab: Tool) -> None:
    recipe = to_toml(small_recipe(), Path("recipe.toml"))
    few = lab("pretrain", folder_of(Path("pictures"), 3), "--config", recipe, "--out", "seen", "--json")
    assert (few.code, few.json["reason"]) == (Exit.INCONCLUSIVE, "not-assessable")
