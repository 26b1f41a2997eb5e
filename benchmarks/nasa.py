"""Real micrographs: NASA's coatings (tasks A1 and A2) and superalloys (task B), with rivals that use one number.

    python -P benchmarks/nasa.py FOLDER [--json]

FOLDER holds `ebc` and `super`, as in benchmark_segmentation_data of nasa/pretrained-microscopy-models. Nothing here is
about authenticity: the tasks are stand-ins, and easy for wrong reasons, which the one-number rivals show. Crops are
brought to zero mean and unit variance before anything is measured on them, and all is done again after 4x averaging.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from fusiondiff_audit.kiln.bench.baselines import BASELINES
from fusiondiff_audit.kiln.bench.descriptors import grey_statistics, texture
from fusiondiff_audit.kiln.workers import cores, spread

Floats = npt.NDArray[np.float64]
REFERENCE = "S0440"  # the one specimen that counts as authentic in task A
SPECIMENS = (
    REFERENCE,
    "S2480",
    "S2470",
    "S0410",
    "S1160",
    "1426_100Cyc",
    "1426C",
    "_10_100cyc",
    "_6_100cyc",
    "S127",
    "S879",
)


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A square of one image; `group` is what no fold may part."""

    pixels: Floats  # of zero mean and unit variance
    raw: Floats
    image: str
    specimen: str
    row: int
    authentic: bool


def crops(path: Path, side: int, specimen: str, authentic: bool) -> Iterator[Crop]:
    """Yield the squares of one image that lie side by side."""
    whole = np.asarray(Image.open(path), dtype=float)
    whole = whole / (65535 if whole.max() > 255 else 255)
    for top in range(0, whole.shape[0] - side + 1, side):
        for left in range(0, whole.shape[1] - side + 1, side):
            raw = whole[top : top + side, left : left + side]
            yield Crop(standard(raw), raw, path.name, specimen, top // side, authentic)


def standard(grey: Floats) -> Floats:
    """Return greys of zero mean and unit variance."""
    result: Floats = (grey - grey.mean()) / max(float(grey.std()), 1e-9)
    return result


def averaged(crop: Crop) -> Crop:
    """Return the crop after 4x averaging, brought to zero mean and unit variance again."""
    side = len(crop.pixels) // 4
    small, raw = (grey.reshape(side, 4, side, 4).mean((1, 3)) for grey in (crop.pixels, crop.raw))
    return Crop(standard(small), raw, crop.image, crop.specimen, crop.row, crop.authentic)


def as_pixels(crop: Crop) -> npt.NDArray[np.uint16]:
    """Return z-scored greys as 16-bit pixels, five deviations to each side."""
    pixels: npt.NDArray[np.uint16] = np.clip((crop.pixels + 5) / 10 * 65535, 0, 65535).astype(np.uint16)
    return pixels


def described(crop: Crop) -> tuple[Floats, Floats]:
    """Return both baselines' descriptors."""
    pixels = as_pixels(crop)
    return grey_statistics(pixels), texture(pixels)


ONE_NUMBER: dict[str, Callable[[Crop], float]] = {
    "mean, before z-score": lambda crop: float(crop.raw.mean()),
    "sd, before z-score": lambda crop: float(crop.raw.std()),
    "minimum, before z-score": lambda crop: float(crop.raw.min()),
    "high-pass sd, before z-score": lambda crop: float((crop.raw - ndimage.gaussian_filter(crop.raw, 2)).std()),
    "high-pass sd": lambda crop: float((crop.pixels - ndimage.gaussian_filter(crop.pixels, 2)).std()),
}


def task_a(folder: Path) -> list[Crop]:
    """Return 256 px crops of the coatings."""
    found: list[Crop] = []
    for path in sorted((folder / "ebc").glob("*.png")):
        specimen = next((name for name in SPECIMENS if name in path.name), None)
        if specimen is None:
            sys.exit(f"{path}: of no specimen that the task knows")
        found += crops(path, 256, specimen, specimen == REFERENCE)
    return found


def task_b(folder: Path) -> list[Crop]:
    """Return 128 px crops of the superalloys' spots; 0d is the positive class."""
    found: list[Crop] = []
    for path in sorted((folder / "super").glob("spot*.png")):
        spot, kind = re.match(r"(spot\d)_(\d+d)_", path.name).groups()  # type: ignore[union-attr]
        found += crops(path, 128, spot, kind == "0d")
    return found


def folds_a(all_crops: Sequence[Crop], *, by_specimen: bool) -> Iterator[set[str]]:
    """Yield the images of each fold's test side: one of S0440, and others by image or by whole specimens."""
    ours = sorted({crop.image for crop in all_crops if crop.authentic})
    others: dict[str, list[str]] = {}
    for crop in all_crops:
        if not crop.authentic:
            unit = crop.specimen if by_specimen else crop.image
            others.setdefault(unit, [])
            if crop.image not in others[unit]:
                others[unit].append(crop.image)
    units = sorted(others)
    for i, image in enumerate(ours):
        yield {image, *(name for unit in units[i :: len(ours)] for name in others[unit])}


def folds_b(all_crops: Sequence[Crop]) -> Iterator[set[str]]:
    """Yield the images of each spot."""
    for spot in sorted({crop.specimen for crop in all_crops}):
        yield {crop.image for crop in all_crops if crop.specimen == spot}


def judge(
    all_crops: Sequence[Crop], folds: Sequence[set[str]], rows: Floats, model: str, labels: int | None
) -> dict[str, Any]:
    """Ask each crop once, and each image by the mean over its crops, learning from at most `labels` crops."""
    truth = np.array([crop.authentic for crop in all_crops])
    images = np.array([crop.image for crop in all_crops])
    strata = np.array([crop.row for crop in all_crops])
    scores = np.full(len(all_crops), np.nan)
    for i, held in enumerate(folds):
        asked = np.isin(images, list(held))
        known = np.flatnonzero(~asked)
        if labels is not None:
            known = drawn(known, truth, strata, labels, np.random.default_rng(i))
        scores[asked] = BASELINES[model].scores(rows[known], truth[known], rows[asked], seed=i, workers=cores())
    by_image = {name: (truth[images == name][0], scores[images == name].mean()) for name in sorted(set(images))}
    real = np.array([t for t, _ in by_image.values()])
    called = np.array([s >= 0.5 for _, s in by_image.values()])
    return {
        "balanced": float(balanced_accuracy_score(truth, scores >= 0.5)),
        "auroc": float(roc_auc_score(truth, scores)),
        "crops": f"{int(((scores >= 0.5) == truth).sum())}/{len(truth)}",
        "authentic images": f"{int((called & real).sum())}/{int(real.sum())}",
        "other images": f"{int((~called & ~real).sum())}/{int((~real).sum())}",
    }


def drawn(
    known: npt.NDArray[np.intp],
    truth: npt.NDArray[np.bool_],
    strata: npt.NDArray[np.intp],
    n: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.intp]:
    """Return n crops, half of each class, spread over the heights of the image as evenly as can be."""
    chosen: list[int] = []
    for kind in (True, False):
        pool = rng.permutation(known[truth[known] == kind])
        turn = {int(i): sum(strata[j] == strata[i] for j in pool[:place]) for place, i in enumerate(pool)}
        chosen += sorted(pool.tolist(), key=lambda i: turn[i])[: n // 2]
    return np.array(chosen)


def best_one_number(all_crops: Sequence[Crop]) -> dict[str, float]:
    """Return the AUROC of each single number, 0.5 being useless; below 0.5 it counts as 1 minus it."""
    truth = [crop.authentic for crop in all_crops]
    found = {
        name: float(roc_auc_score(truth, [number(crop) for crop in all_crops])) for name, number in ONE_NUMBER.items()
    }
    return {name: max(value, 1 - value) for name, value in found.items()}


def main() -> None:
    """Run all tasks and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    coatings, alloys = task_a(arguments.folder), task_b(arguments.folder)
    tasks = {
        "A1 coatings, by image": (coatings, list(folds_a(coatings, by_specimen=False))),
        "A2 coatings, by specimen": (coatings, list(folds_a(coatings, by_specimen=True))),
        "B superalloys, by spot": (alloys, list(folds_b(alloys))),
    }
    out: dict[str, Any] = {}
    for name, (whole, folds) in tasks.items():
        for variant, used in (("", whole), (", 4x averaged", [averaged(crop) for crop in whole])):
            columns = [np.stack(column) for column in zip(*spread(described, used, cores()), strict=True)]
            cell: dict[str, Any] = {"one number": best_one_number(used)}
            for model, rows in zip(("grey", "texture"), columns, strict=True):
                for labels in (None, 50):
                    cell[f"{model}, {labels or 'all'} labels"] = judge(used, folds, rows, model, labels)
            out[name + variant] = cell
            if not arguments.json:
                show(name + variant, cell)
    if arguments.json:
        print(json.dumps(out, indent=1))


def show(name: str, cell: dict[str, Any]) -> None:
    """Print one task."""
    print(f"\n{name}")
    for number, auroc in cell["one number"].items():
        print(f"  {number:32} AUROC {auroc:.3f}")
    for model, found in cell.items():
        if model != "one number":
            counts = f"crops {found['crops']}, images {found['authentic images']} and {found['other images']}"
            print(f"  {model:32} AUROC {found['auroc']:.3f}, balanced {100 * found['balanced']:.1f} %, {counts}")


if __name__ == "__main__":
    main()
