"""Ablation of a trained encoder: one part is changed, and the encoder is trained for some more steps.

    python -P benchmarks/ablation.py [--bundle MODEL] [--steps 40] [--seeds 3] [--only NAME ...]

Each variant starts from the bundle's weights; tensors of other shapes start from random weights. Paths, adapters and
gate are then trained for some more steps, without labels, on the dataset of the shipped recipe, and measured on the
kiln benchmark with 50 labels. Compare each variant with `as shipped` after the same steps. The table is for
docs/benchmarks.md.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from fusiondiff_audit.evaluation.bundle import evaluate_bundle
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
from tests.evaluation.unwatched import no_progress

LABELS = 50
BUNDLE = "fusion-diff-v1-ceramic"
SPECIMENS = 120  # of each maker: enough for short trainings
BATCH = 48
OUTPUT_WEIGHT = "local.out.0.weight"  # columns of the blocks, in their order, then of the pixels


FIXED_GATES = {"local path alone": 1.0, "global path alone": 0.0, "gate off: the mean of both paths": 0.5}


class FixedGate(FusionGate):
    """A gate with one weight for all tiles."""

    def __init__(self, width: int, weight: float) -> None:
        super().__init__(width)
        self.weight = weight

    def forward(self, local: torch.Tensor, broad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.weight * local + (1 - self.weight) * broad, torch.full_like(local, self.weight)


def variants(shipped: Architecture) -> Iterator[tuple[str, Architecture]]:
    """Yield architectures that differ from a bundle's in one part."""
    yield "as shipped", shipped
    for block in shipped.reading.blocks:
        yield f"blocks: {block}", replace(shipped, reading=replace(shipped.reading, blocks=(block,)))
    for steps in ((1,), (200,), (25, 200)):
        reading = replace(shipped.reading, timesteps=steps, residual=())
        yield f"timesteps: {', '.join(map(str, steps))}", replace(shipped, reading=reading)
    plain = replace(shipped.convolutions, trimmed=0.0, border=0)
    yield "pooling: plain mean, with the border", replace(shipped, convolutions=plain)
    if shipped.convolutions.pixels:
        yield "maps without pixels", replace(shipped, convolutions=replace(shipped.convolutions, pixels=()))
    for name in FIXED_GATES:
        yield name, shipped
    if shipped.directions:
        yield "without directions", replace(shipped, directions=0)
    if shipped.surface:
        yield "without directions and texture descriptors", replace(shipped, surface=False, directions=0)
    yield "adapters off", replace(shipped, transformer=replace(shipped.transformer, adapter=0))


def initial_encoder(architecture: Architecture, bundle: LoadedBundle) -> Encoder:
    """Return an encoder of a variant, with those weights of the bundle that have its shapes."""
    torch.manual_seed(0)
    encoder = Encoder(architecture)
    weights, bundle_weights = encoder.state_dict(), bundle.encoder.state_dict()
    blocks = bundle.settings.architecture.reading.blocks
    block_columns = 2 * architecture.convolutions.width
    pixel_widths = bundle.settings.architecture.convolutions.pixels
    counts = [block_columns] * len(blocks) + [2 * pixel_widths[-1] if pixel_widths else 0]
    counts.append(bundle_weights[OUTPUT_WEIGHT].shape[1] - sum(counts))
    *columns, pixel_columns, trunk_columns = bundle_weights[OUTPUT_WEIGHT].split(counts, dim=1)
    by_block = dict(zip(blocks, columns, strict=True))
    kept_columns = [by_block[block] for block in architecture.reading.blocks]
    kept_columns += [pixel_columns] if architecture.convolutions.pixels else []
    bundle_weights[OUTPUT_WEIGHT] = torch.cat([*kept_columns, trunk_columns], dim=1)
    fitting = {
        name: bundle_weights[name]
        for name, value in weights.items()
        if name in bundle_weights and bundle_weights[name].shape == value.shape
    }
    missing = [name for name in weights if name not in fitting and name.startswith(tuple(encoder.frozen()))]
    if missing:
        raise ValueError(f"frozen parts that the bundle lacks: {', '.join(missing)}")
    encoder.load_state_dict(weights | fitting)
    encoder.diffusion.freeze_prompt()
    return encoder


def quiet_workspace(folder: str) -> Workspace:
    """Return a workspace that writes only the last checkpoint, and reports nothing."""
    process = TrainingProcess(torch.device("cpu"), mixed=True)
    return Workspace(Path(folder), process, lambda *_: None, print, checkpoint_interval=1e9)


def train_variant(
    architecture: Architecture,
    bundle: LoadedBundle,
    rate: float,
    steps: int,
    tiles: TileDataset,
    targets: torch.Tensor,
    gate: float | None,
) -> DiffusionModel:
    """Return a model of a variant, with a fixed gate if there is one, after further training steps."""
    encoder = initial_encoder(architecture, bundle)
    if gate is not None:
        encoder.gate = FixedGate(architecture.width, gate)
    if steps:
        with tempfile.TemporaryDirectory() as name:
            workspace, stage = quiet_workspace(name), Stage(steps, BATCH, rate)
            head = CompositionRegression(architecture.width, tiles, targets)
            train(PathsTask(encoder, tiles, workspace.process, stage, head), stage, workspace, seed=0)
    settings = replace(bundle.settings.without_enrolment(), architecture=architecture)
    return DiffusionModel(settings, EncoderRunner(encoder, settings), None, digest="", verified=False)


def main() -> None:
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
        targets = texture_targets(tiles, quiet_workspace(name))
        print(f"{total} images, {arguments.steps} steps of {BATCH} images, {arguments.seeds} seeds, {LABELS} labels\n")
        print(
            "| variant | steps | balanced accuracy, % | images right | a training |\n|---|---|---|---|---|", flush=True
        )
        shipped = bundle.settings.architecture
        runs = [
            ("as shipped, no steps", shipped, 0),
            *((name, architecture, arguments.steps) for name, architecture in variants(shipped)),
        ]
        for title, architecture, steps in runs:
            if not title.startswith(tuple(arguments.only)):
                continue
            start = time.monotonic()
            model = train_variant(
                architecture, bundle, recipe.stages.paths.rate, steps, tiles, targets, FIXED_GATES.get(title)
            )
            took = time.monotonic() - start
            sizes = PartSizes(train=LABELS, test=200, microscope=0, workshop=0, kiln=0)
            metrics = [
                cell.metrics
                for seed in range(arguments.seeds)
                for cell in evaluate_bundle(
                    model, benchmark_task(seed, sizes), [LABELS], workers=available_cores(), watch=no_progress
                )
                if cell.part == "test"
            ]
            right = f"{sum(cell.right for cell in metrics)}/{sum(cell.of for cell in metrics)}"
            balanced = t_interval([cell.balanced for cell in metrics if cell.balanced is not None])
            print(f"| {title} | {steps} | {balanced} | {right} | {took:.0f} s |", flush=True)


if __name__ == "__main__":
    main()
