"""Train the deep baselines of `kiln bench`, and write their prediction for each image.

    python -P benchmarks/deep_baselines.py [--model resnet50] [--out FOLDER] [--weights FOLDER]

Each model is trained on the labelled images of one seed, at 128 px, for a fixed number of steps; with --weights it
starts from `resnet50.safetensors` or `deit-small.safetensors` (ImageNet, as timm names the tensors). SD-CNN is trained
on the frozen diffusion features of a bundle. All take about an hour on two cores; predictions that are in FOLDER
already are kept, so that a stopped run can be started again.
"""

import argparse
import csv
import io
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import timm
import torch
from safetensors.torch import load_file
from timm.layers.pos_embed import resample_abs_pos_embed
from torch.nn import functional

from fusiondiff_audit.evaluation.benchmark import TEST_PARTS, true_labels
from fusiondiff_audit.evaluation.deep_baseline import COLUMNS
from fusiondiff_audit.evaluation.metrics import class_metrics
from fusiondiff_audit.evaluation.task import BenchmarkItem, BenchmarkTask, benchmark_task
from fusiondiff_audit.kiln.parallel import available_cores, parallel_map
from fusiondiff_audit.model.bundle import load_bundle
from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.paths import LocalPath
from fusiondiff_audit.model.shapes import Convolutions

SIDE = 128
BUNDLE = "fusion-diff-v1-ceramic"
BATCH = 16
PREDICTIONS = Path(__file__).parent.parent / "fusiondiff_audit" / "evaluation" / "predictions"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The training of one model."""

    name: str  # timm's
    rate: float
    options: dict[str, Any]
    decay: float = 0.05


RECIPES = {
    "resnet50": Recipe("resnet50", 1e-3, {}),
    "deit-small": Recipe("deit_small_patch16_224", 3e-4, {"img_size": SIDE}),
    "sd-cnn": Recipe("", 1e-3, {}),
}


class FrozenFeatures(torch.nn.Module):
    """SD-CNN: feature maps of a bundle's frozen diffusion model, and a CNN trained from labels alone."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        architecture = encoder.architecture
        if architecture.tile != SIDE:
            sys.exit(f"the bundle has tiles of {architecture.tile} pixels, this benchmark has {SIDE}")
        self.frozen = encoder.diffusion
        self.path = LocalPath(architecture.channels(), Convolutions(), architecture.width)
        self.out = torch.nn.Linear(architecture.width, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return a score for each image, after the grey levels were mapped as the bundle maps them."""
        greys = images.float().flatten(1)
        low, high = (greys.quantile(share, dim=1)[:, None, None, None] for share in (0.001, 0.999))
        unit = ((images - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        with torch.no_grad():
            maps, _ = self.frozen(2 * unit - 1)
        score: torch.Tensor = self.out(self.path(maps, unit))
        return score


def small_image(item: BenchmarkItem) -> npt.NDArray[np.float32]:
    """Return an image downsampled to SIDE, of zero mean and unit variance."""
    pixels = item.pixels().astype(np.float32)
    small = pixels.reshape(SIDE, pixels.shape[0] // SIDE, SIDE, -1).mean((1, 3))
    result: npt.NDArray[np.float32] = (small - small.mean()) / max(float(small.std()), 1e-6)
    return result


def build_model(model: str, weights: Path | None, bundle: str | None) -> torch.nn.Module:
    """Return a model of one grey channel and one output: random, from weights of a folder, or on a bundle's maps."""
    if model == "sd-cnn":
        return FrozenFeatures(load_bundle(bundle or BUNDLE, trust=None, unverified=bundle is not None).encoder)
    recipe = RECIPES[model]
    network: torch.nn.Module = timm.create_model(recipe.name, in_chans=1, num_classes=1, **recipe.options)
    if weights is None:
        return network
    initial = network.state_dict()
    loaded = {}
    for name, tensor in load_file(weights / f"{model}.safetensors").items():
        if name == "pos_embed":
            tensor = resample_abs_pos_embed(tensor, [SIDE // 16, SIDE // 16])
        if name in initial and tensor.ndim == 4 and tensor.shape[1] == 3 and initial[name].shape[1] == 1:
            tensor = tensor.sum(1, keepdim=True)  # equals the response to three equal channels
        if name in initial and tensor.shape == initial[name].shape:
            loaded[name] = tensor
    missing = [name for name in initial if name not in loaded and not name.startswith(("fc.", "head."))]
    if missing:
        sys.exit(f"{model}.safetensors lacks {', '.join(missing[:5])}")
    network.load_state_dict(loaded, strict=False)
    return network


def train_model(
    network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, *, rate: float, steps: int, seed: int
) -> None:
    """Train for so many steps with AdamW, a warm-up and a cosine; images are rotated and mirrored at random."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.05)
    warm_up = max(steps // 10, 1)
    network.train()
    for step in range(steps):
        share = (
            (step + 1) / warm_up
            if step < warm_up
            else 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))
        )
        for group in optimiser.param_groups:
            group["lr"] = rate * share
        rows = torch.randint(len(images), (BATCH,), generator=generator)
        rotations, mirrored = torch.randint(4, (), generator=generator), torch.randint(2, (), generator=generator)
        batch = torch.rot90(images[rows], int(rotations), (2, 3))
        batch = batch.flip(3) if mirrored else batch
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(batch.contiguous(memory_format=torch.channels_last))
        loss = functional.binary_cross_entropy_with_logits(logits.float()[:, 0], labels[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


@torch.inference_mode()
def predict(network: torch.nn.Module, images: torch.Tensor) -> npt.NDArray[np.float64]:
    """Return the probability of being authentic."""
    network.train(mode=False)
    batches = images.split(BATCH)  # type: ignore[no-untyped-call]
    scores = [network(batch.contiguous(memory_format=torch.channels_last))[:, 0].sigmoid() for batch in batches]
    probabilities: npt.NDArray[np.float64] = torch.cat(scores).double().numpy()
    return probabilities


def train_cell(
    model: str,
    task: BenchmarkTask,
    labels: int,
    steps: int,
    sources: tuple[Path | None, str | None],
    images: dict[str, torch.Tensor],
) -> list[tuple[str, ...]]:
    """Train one model on the first labels of one seed, and return its rows."""
    torch.manual_seed(1000 * task.seed + labels)
    network = build_model(model, *sources).to(memory_format=torch.channels_last)
    targets = torch.from_numpy(true_labels(task)["train"][:labels].astype(np.float32))
    train_model(network, images["train"][:labels], targets, rate=RECIPES[model].rate, steps=steps, seed=task.seed)
    rows: list[tuple[str, ...]] = []
    for part in TEST_PARTS:
        scores = predict(network, images[part])
        rows += [
            (task.digest, str(task.seed), str(labels), part, str(image), f"{score:.5f}")
            for image, score in enumerate(scores)
        ]
        if part == "test":
            balanced = class_metrics(true_labels(task)[part], scores).balanced or 0
            print(f"  {model}, seed {task.seed}, {labels} labels: {100 * balanced:.1f} % balanced", flush=True)
    return rows


def finished_cells(path: Path) -> set[tuple[str, str, str]]:
    """Return the task, seed and number of labels of each cell in a file of predictions."""
    if not path.exists():
        return set()
    return {(row["task"], row["seed"], row["labels"]) for row in csv.DictReader(io.StringIO(path.read_text()))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", choices=tuple(RECIPES))
    parser.add_argument("--out", type=Path, default=PREDICTIONS)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--bundle", help="the bundle of sd-cnn's frozen features; the embedded one by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 1000])
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        task = benchmark_task(seed)
        images: dict[str, torch.Tensor] = {}
        for model in arguments.model or RECIPES:
            path = arguments.out / f"{model}.csv"
            for labels in arguments.labels:
                if (task.digest, str(seed), str(labels)) in finished_cells(path):
                    continue
                if not images:
                    for part in ("train", *TEST_PARTS):
                        pixels = np.stack(list(parallel_map(small_image, task.parts[part], available_cores())))
                        images[part] = torch.from_numpy(pixels)[:, None]
                started = time.monotonic()
                sources = (arguments.weights, arguments.bundle)
                rows = train_cell(model, task, labels, arguments.steps, sources, images)
                text = io.StringIO()
                csv.writer(text, lineterminator="\n").writerows(rows if path.exists() else [COLUMNS, *rows])
                with path.open("a") as file:
                    file.write(text.getvalue())
                print(f"  {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
