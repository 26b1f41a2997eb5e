"""Train the deep rivals of `kiln bench`, and write down what they say of each picture.

    python -P benchmarks/deep_baselines.py [--model resnet50] [--out FOLDER] [--weights FOLDER]

Each model learns from the labelled pictures of a seed alone, at 128 px, for a fixed number of steps; with --weights it
starts from `resnet50.safetensors` or `deit-small.safetensors` (ImageNet, as timm names the tensors). SD-CNN stands on
the frozen diffusion features of a bundle. It takes about an hour on two cores; what is already in FOLDER is kept, so
that it can be stopped and started again.
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
    """How one model is trained."""

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
    """SD-CNN: the maps of a bundle's frozen diffusion model, and a CNN that learns from labels alone."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        made = encoder.architecture
        if made.tile != SIDE:
            sys.exit(f"the bundle sees tiles of {made.tile} pixels, this benchmark has {SIDE}")
        self.frozen = encoder.diffusion
        self.path = LocalPath(made.channels(), Convolutions(), made.width)
        self.out = torch.nn.Linear(made.width, 1)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return a score for each picture, mapped first as the bundle maps it."""
        flat = pictures.float().flatten(1)
        low, high = (flat.quantile(share, dim=1)[:, None, None, None] for share in (0.001, 0.999))
        unit = ((pictures - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        with torch.no_grad():
            maps, _ = self.frozen(2 * unit - 1)
        score: torch.Tensor = self.out(self.path(maps, unit))
        return score


def picture(item: BenchmarkItem) -> npt.NDArray[np.float32]:
    """Return a picture at half its size, of zero mean and unit variance."""
    whole = item.pixels().astype(np.float32)
    small = whole.reshape(SIDE, whole.shape[0] // SIDE, SIDE, -1).mean((1, 3))
    result: npt.NDArray[np.float32] = (small - small.mean()) / max(float(small.std()), 1e-6)
    return result


def build(model: str, weights: Path | None, bundle: str | None) -> torch.nn.Module:
    """Return a model of one grey channel and one output, from nothing, a folder of weights or a bundle."""
    if model == "sd-cnn":
        return FrozenFeatures(load_bundle(bundle or BUNDLE, trust=None, unverified=bundle is not None).encoder)
    recipe = RECIPES[model]
    net: torch.nn.Module = timm.create_model(recipe.name, in_chans=1, num_classes=1, **recipe.options)
    if weights is None:
        return net
    own = net.state_dict()
    start = {}
    for name, tensor in load_file(weights / f"{model}.safetensors").items():
        if name == "pos_embed":
            tensor = resample_abs_pos_embed(tensor, [SIDE // 16, SIDE // 16])
        if name in own and tensor.ndim == 4 and tensor.shape[1] == 3 and own[name].shape[1] == 1:
            tensor = tensor.sum(1, keepdim=True)  # what three equal channels would give
        if name in own and tensor.shape == own[name].shape:
            start[name] = tensor
    lacking = [name for name in own if name not in start and not name.startswith(("fc.", "head."))]
    if lacking:
        sys.exit(f"{model}.safetensors lacks {', '.join(lacking[:5])}")
    net.load_state_dict(start, strict=False)
    return net


def train(
    net: torch.nn.Module, pictures: torch.Tensor, labels: torch.Tensor, *, rate: float, steps: int, seed: int
) -> None:
    """Train for so many steps with AdamW, a warm-up and a cosine; pictures are turned and mirrored."""
    order = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.05)
    warm = max(steps // 10, 1)
    net.train()
    for step in range(steps):
        share = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
        for group in optimiser.param_groups:
            group["lr"] = rate * share
        chosen = torch.randint(len(pictures), (BATCH,), generator=order)
        turns, mirrored = torch.randint(4, (), generator=order), torch.randint(2, (), generator=order)
        batch = torch.rot90(pictures[chosen], int(turns), (2, 3))
        batch = batch.flip(3) if mirrored else batch
        with torch.autocast("cpu", torch.bfloat16):
            out = net(batch.contiguous(memory_format=torch.channels_last))
        loss = functional.binary_cross_entropy_with_logits(out.float()[:, 0], labels[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


@torch.inference_mode()
def ask(net: torch.nn.Module, pictures: torch.Tensor) -> npt.NDArray[np.float64]:
    """Return the probability of being authentic."""
    net.train(mode=False)
    batches = pictures.split(BATCH)  # type: ignore[no-untyped-call]
    scores = [net(some.contiguous(memory_format=torch.channels_last))[:, 0].sigmoid() for some in batches]
    found: npt.NDArray[np.float64] = torch.cat(scores).double().numpy()
    return found


def cell(
    model: str,
    each: BenchmarkTask,
    labels: int,
    steps: int,
    sources: tuple[Path | None, str | None],
    stack: dict[str, torch.Tensor],
) -> list[tuple[str, ...]]:
    """Train one model on one seed's first labels, and return its rows."""
    torch.manual_seed(1000 * each.seed + labels)
    net = build(model, *sources).to(memory_format=torch.channels_last)
    said = torch.from_numpy(true_labels(each)["train"][:labels].astype(np.float32))
    train(net, stack["train"][:labels], said, rate=RECIPES[model].rate, steps=steps, seed=each.seed)
    rows: list[tuple[str, ...]] = []
    for part in TEST_PARTS:
        scores = ask(net, stack[part])
        rows += [(each.digest, str(each.seed), str(labels), part, str(i), f"{s:.5f}") for i, s in enumerate(scores)]
        if part == "test":
            balanced = class_metrics(true_labels(each)[part], scores).balanced or 0
            print(f"  {model}, seed {each.seed}, {labels} labels: {100 * balanced:.1f} % balanced", flush=True)
    return rows


def done(path: Path) -> set[tuple[str, str, str]]:
    """Return the task, seed and number of labels of each cell that is already there."""
    if not path.exists():
        return set()
    return {(row["task"], row["seed"], row["labels"]) for row in csv.DictReader(io.StringIO(path.read_text()))}


def main() -> None:
    """Train whatever is not yet there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", choices=tuple(RECIPES))
    parser.add_argument("--out", type=Path, default=PREDICTIONS)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--bundle", help="whose frozen features sd-cnn reads; the default is the embedded one")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--labels", type=int, nargs="+", default=[50, 1000])
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        each = benchmark_task(seed)
        stack: dict[str, torch.Tensor] = {}
        for model in arguments.model or RECIPES:
            path = arguments.out / f"{model}.csv"
            for labels in arguments.labels:
                if (each.digest, str(seed), str(labels)) in done(path):
                    continue
                if not stack:
                    for part in ("train", *TEST_PARTS):
                        made = np.stack(list(parallel_map(picture, each.parts[part], available_cores())))
                        stack[part] = torch.from_numpy(made)[:, None]
                start = time.monotonic()
                sources = (arguments.weights, arguments.bundle)
                rows = cell(model, each, labels, arguments.steps, sources, stack)
                text = io.StringIO()
                csv.writer(text, lineterminator="\n").writerows(rows if path.exists() else [COLUMNS, *rows])
                with path.open("a") as file:
                    file.write(text.getvalue())
                print(f"  {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
