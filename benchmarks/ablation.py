"""What each part of a trained encoder is worth: one thing is changed, and what is left may get used to it.

    python -P benchmarks/ablation.py [--bundle MODEL] [--steps 40] [--seeds 3] [--only NAME ...]

Each variant sets out from the bundle's weights; where a change brings other shapes, what does not fit begins anew.
Paths, adapters and gate are then trained for some more steps, without labels, on the dataset of the shipped recipe, and
the kiln benchmark is asked with 50 labels. `as shipped` after the same steps is what to compare with. A residual moves
no label; what it is there for, to tell strangers, is measured against the distance to what was enrolled. It prints a
table for docs/benchmarks.md.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from fusiondiff_audit.evaluation.bundle import embed_items, evaluate_bundle
from fusiondiff_audit.evaluation.extraction import no_progress
from fusiondiff_audit.evaluation.metrics import t_interval
from fusiondiff_audit.evaluation.task import PartSizes, benchmark_task
from fusiondiff_audit.kiln.parallel import available_cores
from fusiondiff_audit.model.bundle import LoadedBundle, load_bundle
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.encoder import Architecture, Encoder
from fusiondiff_audit.model.inference import EncoderRunner
from fusiondiff_audit.model.paths import FusionGate
from fusiondiff_audit.training.dataset import TileDataset, Tiling, open_dataset, write_dataset
from fusiondiff_audit.training.loop import train
from fusiondiff_audit.training.objectives import CompositionRegression
from fusiondiff_audit.training.recipe import CERAMIC, Stage, read_recipe
from fusiondiff_audit.training.stages import PathsTask
from fusiondiff_audit.training.synthetic import synthesise
from fusiondiff_audit.training.texture_targets import texture_targets
from fusiondiff_audit.training.workspace import TrainingProcess, Workspace

LABELS = 50
BUNDLE = "fusion-diff-v1-ceramic"
SPECIMENS = 120  # of each maker: enough for short trainings
BATCH = 48
OUT = "local.out.0.weight"  # its columns are the blocks', in their order, and then the pixels'


FIXED_GATES = {"local path alone": 1.0, "global path alone": 0.0, "gate off: the mean of both paths": 0.5}


class FixedGate(FusionGate):
    """A gate of one weight, whatever the tiles."""

    def __init__(self, width: int, weight: float) -> None:
        super().__init__(width)
        self.weight = weight

    def forward(self, local: torch.Tensor, broad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.weight * local + (1 - self.weight) * broad, torch.full_like(local, self.weight)


def variants(made: Architecture) -> Iterator[tuple[str, Architecture]]:
    """Yield architectures that differ from a bundle's in one thing."""
    yield "as shipped", made
    for block in made.reading.blocks:
        yield f"blocks: {block}", replace(made, reading=replace(made.reading, blocks=(block,)))
    for steps in ((1,), (200,), (25, 200)):
        reading = replace(made.reading, timesteps=steps, residual=())
        yield f"timesteps: {', '.join(map(str, steps))}", replace(made, reading=reading)
    plain = replace(made.convolutions, trimmed=0.0, border=0)
    yield "pooling: plain mean, with the border", replace(made, convolutions=plain)
    if made.convolutions.pixels:
        yield "maps without pixels", replace(made, convolutions=replace(made.convolutions, pixels=()))
    for name in FIXED_GATES:
        yield name, made
    if made.directions:
        yield "without directions", replace(made, directions=0)
    if made.surface:
        yield "without directions and descriptors of the surface", replace(made, surface=False, directions=0)
    yield "adapters off", replace(made, transformer=replace(made.transformer, adapter=0))


def begun(made: Architecture, bundle: LoadedBundle) -> Encoder:
    """Return an encoder of a variant with the bundle's weights, as far as they fit."""
    torch.manual_seed(0)
    encoder = Encoder(made)
    own, known = encoder.state_dict(), bundle.encoder.state_dict()
    blocks = bundle.settings.architecture.reading.blocks
    wide = 2 * made.convolutions.width
    *columns, rest = known[OUT].split([*(wide for _ in blocks), known[OUT].shape[1] - wide * len(blocks)], dim=1)
    by_block = dict(zip(blocks, columns, strict=True))
    kept = [by_block[block] for block in made.reading.blocks]
    known[OUT] = torch.cat([*kept, rest] if made.convolutions.pixels else kept, dim=1)
    fit = {name: known[name] for name, value in own.items() if name in known and known[name].shape == value.shape}
    lost = [name for name in own if name not in fit and name.startswith(tuple(encoder.frozen()))]
    if lost:
        raise ValueError(f"frozen parts that the bundle has not: {', '.join(lost)}")
    encoder.load_state_dict(own | fit)
    encoder.diffusion.freeze_prompt()
    return encoder


def quiet(folder: str) -> Workspace:
    """Return a workspace that writes only the last checkpoint, and reports nothing."""
    process = TrainingProcess(torch.device("cpu"), mixed=True)
    return Workspace(Path(folder), process, lambda *_: None, print, checkpoint_interval=1e9)


def trained(
    made: Architecture,
    bundle: LoadedBundle,
    rate: float,
    steps: int,
    tiles: TileDataset,
    targets: torch.Tensor,
    gate: float | None,
) -> DiffusionModel:
    """Return a model of a variant, with a fixed gate if there is one, after further training steps."""
    encoder = begun(made, bundle)
    if gate is not None:
        encoder.gate = FixedGate(made.width, gate)
    if steps:
        with tempfile.TemporaryDirectory() as name:
            workspace, stage = quiet(name), Stage(steps, BATCH, rate)
            head = CompositionRegression(made.width, tiles, targets)
            train(PathsTask(encoder, tiles, workspace.process, stage, head), stage, workspace, seed=0)
    settings = replace(bundle.settings, architecture=made, reference=None, learning=None, examples=())
    return DiffusionModel(settings, EncoderRunner(encoder, settings), None, digest="", verified=False)


def strangers(model: DiffusionModel, seeds: int) -> tuple[list[float], list[float]]:
    """Return how well distance and residual tell another kiln's ware from the reference's, for each seed."""
    found: tuple[list[float], list[float]] = ([], [])
    for seed in range(seeds):
        parts = benchmark_task(seed, PartSizes(train=LABELS, test=100, microscope=0, workshop=0, kiln=100)).parts
        seen = embed_items(
            model, [*parts["train"], *parts["test"], *parts["kiln"]], workers=available_cores(), watch=no_progress
        )
        count, asked = len(parts["train"]), np.arange(len(parts["train"]), len(seen.examples))
        truth = asked >= count + len(parts["test"])
        known = seen.subset(np.arange(len(seen.examples)) < count)
        far = known.distances(seen.embeddings)
        for scores, into in ((far, found[0]), (seen.residual, found[1])):
            into.append(float(roc_auc_score(truth, [scores[seen.example_index == place].mean() for place in asked])))
    return found


def main() -> None:
    """Train, ask, and print a line for each variant."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--specimens", type=int, default=SPECIMENS)
    parser.add_argument("--only", nargs="*", default=[""], help="variants whose name begins so")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle or BUNDLE, trust=None, unverified=arguments.bundle is not None)
    recipe = read_recipe(CERAMIC)
    makers = replace(recipe.dataset, specimens=arguments.specimens, randomised=0, textures=0)
    with tempfile.TemporaryDirectory() as name:
        tiling = Tiling(bundle.settings.geometry, bundle.settings.intensity)
        images, total = synthesise(makers, tiling, recipe.seed)
        write_dataset(images, Path(name))
        tiles = open_dataset(Path(name), tiling.geometry.tile)
        if tiles is None:
            sys.exit("the dataset was not written whole")
        targets = texture_targets(tiles, quiet(name))
        print(f"{total} pictures, {arguments.steps} steps of {BATCH} pairs, {arguments.seeds} seeds, {LABELS} labels\n")
        print(
            "| variant | steps | balanced accuracy, % | images right | a training |\n|---|---|---|---|---|", flush=True
        )
        made = bundle.settings.architecture
        runs = [("as shipped, no steps", made, 0), *((name, each, arguments.steps) for name, each in variants(made))]
        for title, each, steps in runs:
            if not title.startswith(tuple(arguments.only)):
                continue
            start = time.monotonic()
            model = trained(each, bundle, recipe.stages.paths.rate, steps, tiles, targets, FIXED_GATES.get(title))
            took = time.monotonic() - start
            sizes = PartSizes(train=LABELS, test=200, microscope=0, workshop=0, kiln=0)
            found = [
                cell.metrics
                for seed in range(arguments.seeds)
                for cell in evaluate_bundle(
                    model, benchmark_task(seed, sizes), [LABELS], workers=available_cores(), watch=no_progress
                )
                if cell.part == "test"
            ]
            right = f"{sum(one.right for one in found)}/{sum(one.of for one in found)}"
            balanced = t_interval([one.balanced for one in found if one.balanced is not None])
            print(f"| {title} | {steps} | {balanced} | {right} | {took:.0f} s |", flush=True)
    if made.reading.residual:
        far, odd = strangers(DiffusionModel.from_bundle(bundle), arguments.seeds)
        print(f"\nStrangers, AUROC: {t_interval(far)} by distance, {t_interval(odd)} by residual.")


if __name__ == "__main__":
    main()
