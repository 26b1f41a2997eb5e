"""Real micrographs: NASA's coatings (tasks A1 and A2) and superalloys (task B), with rivals that use one number.

    python -P benchmarks/nasa.py FOLDER [--bundle fusion-diff-v1-ceramic] [--seeds 10] [--json]

FOLDER holds `ebc` and `super`, as in benchmark_segmentation_data of nasa/pretrained-microscopy-models. Nothing here is
about authenticity: the tasks are stand-ins, and easy for wrong reasons, which the one-number rivals show. Crops are
brought to zero mean and unit variance before anything is measured on them, and all is done again after 4x averaging.
A bundle is asked as in an audit: its encoder as it stands, forests from the labelled crops alone. What is smaller than
one of its tiles is continued by its mirror image. Seeds draw the labelled crops and the forests anew; the images stay
the same few, and intervals over seeds say nothing of how few.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from benchmarks.nasa_crops import Crop, as_pixels, averaged, folds_a, folds_b, task_a, task_b
from fusiondiff_audit.evaluation.baselines import BASELINES
from fusiondiff_audit.evaluation.bundle import as_micrograph
from fusiondiff_audit.evaluation.descriptors import grey_statistics, texture_statistics
from fusiondiff_audit.evaluation.metrics import t_interval
from fusiondiff_audit.images.tiles import mirror_padded
from fusiondiff_audit.kiln.parallel import available_cores, parallel_map
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import EnrolledEmbeddings, ForestSettings, LabelledExample
from fusiondiff_audit.model.held_out import held_out_scores
from fusiondiff_audit.model.inference import collect_embeddings

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Learner = Callable[[Places, Places, int], Floats]  # known crops, asked crops, seed -> scores of the asked
LABELS = (None, 50)  # None: all
OURS = "fusiondiff"


def described(crop: Crop) -> tuple[Floats, Floats]:
    """Return both baselines' descriptors."""
    pixels = as_pixels(crop)
    return grey_statistics(pixels), texture_statistics(pixels)


ONE_NUMBER: dict[str, Callable[[Crop], float]] = {
    "mean, before z-score": lambda crop: float(crop.raw.mean()),
    "sd, before z-score": lambda crop: float(crop.raw.std()),
    "minimum, before z-score": lambda crop: float(crop.raw.min()),
    "high-pass sd, before z-score": lambda crop: float((crop.raw - ndimage.gaussian_filter(crop.raw, 2)).std()),
    "high-pass sd": lambda crop: float((crop.pixels - ndimage.gaussian_filter(crop.pixels, 2)).std()),
}


def learners(used: Sequence[Crop], model: DiffusionModel | None) -> Mapping[str, Learner]:
    """Return what learns from crops: two rivals on descriptors, and a bundle's encoder, if there is one."""
    truth = np.array([crop.authentic for crop in used])
    columns = [np.stack(column) for column in zip(*parallel_map(described, used, available_cores()), strict=True)]
    found: dict[str, Learner] = {}
    for name, rows in zip(("grey", "texture"), columns, strict=True):

        def rival(known: Places, asked: Places, seed: int, name: str = name, rows: Floats = rows) -> Floats:
            return BASELINES[name].scores(rows[known], truth[known], rows[asked], seed=seed, workers=1)

        found[name] = rival
    if model is not None:
        rule = model.settings.geometry.rule
        embeddings = embedded(model, used)

        def ours(known: Places, asked: Places, seed: int) -> Floats:
            return held_out_scores(embeddings, known, asked, learning=ForestSettings(seed=seed), rule=rule)

        found[OURS] = ours
    return found


def embedded(model: DiffusionModel, crops: Sequence[Crop]) -> EnrolledEmbeddings:
    """Return the embeddings of crops; each counts as a specimen of its own."""
    tile = model.settings.architecture.tile
    micrographs = (as_micrograph(crop.image, mirror_padded(as_pixels(crop), tile)) for crop in crops)
    images = [image.without_pixels() for image in model.embed(micrographs)]
    examples = [
        LabelledExample(image.micrograph.pixel_digest, f"{crop.image} {place}", crop.authentic)
        for place, (image, crop) in enumerate(zip(images, crops, strict=True))
    ]
    return collect_embeddings(images, examples)


def judge(
    all_crops: Sequence[Crop], folds: Sequence[set[str]], learner: Learner, labels: int | None, seeds: int
) -> dict[str, Any]:
    """Ask each crop once for each seed, and each image by the mean over its crops; at most `labels` crops teach."""
    truth = np.array([crop.authentic for crop in all_crops])
    images = np.array([crop.image for crop in all_crops])
    strata = np.array([crop.row for crop in all_crops])
    balanced, aurocs, right = [], [], np.zeros(3, int)

    def asked_by(seed: int) -> Floats:
        scores = np.full(len(all_crops), np.nan)
        for i, held in enumerate(folds):
            asked = np.isin(images, list(held))
            known = np.flatnonzero(~asked)
            if labels is not None:
                known = drawn(known, truth, strata, labels, np.random.default_rng([seed, i]))
            scores[asked] = learner(known, np.flatnonzero(asked), seed * len(folds) + i)
        return scores

    with ThreadPoolExecutor(available_cores()) as pool:
        every = list(pool.map(asked_by, range(seeds)))
    for scores in every:
        balanced.append(float(balanced_accuracy_score(truth, scores >= 0.5)))
        aurocs.append(float(roc_auc_score(truth, scores)))
        whole = {name: (truth[images == name][0], scores[images == name].mean() >= 0.5) for name in set(images)}
        by_image = [real == called for real, called in whole.values()]
        ours = [real == called for real, called in whole.values() if real]
        right += [int(((scores >= 0.5) == truth).sum()), sum(ours), sum(by_image) - sum(ours)]
    authentic = len({crop.image for crop in all_crops if crop.authentic})
    of = seeds * np.array([len(truth), authentic, len(set(images)) - authentic])
    counts = [f"{found}/{all_of}" for found, all_of in zip(right, of, strict=True)]
    return {
        "balanced": t_interval(balanced),
        "auroc": float(np.mean(aurocs)),
        **dict(zip(("crops", "authentic images", "other images"), counts, strict=True)),
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


def cells(folder: Path, model: DiffusionModel | None, seeds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each task, as it is and after averaging, with what each learner reached."""
    coatings, alloys = task_a(folder), task_b(folder)
    tasks = {
        "A1 coatings, by image": (coatings, list(folds_a(coatings, by_specimen=False))),
        "A2 coatings, by specimen": (coatings, list(folds_a(coatings, by_specimen=True))),
        "B superalloys, by spot": (alloys, list(folds_b(alloys))),
    }
    for name, (whole, folds) in tasks.items():
        for variant, used in (("", whole), (", 4x averaged", [averaged(crop) for crop in whole])):
            cell: dict[str, Any] = {"one number": best_one_number(used)}
            for who, learner in learners(used, model).items():
                for labels in LABELS:
                    cell[f"{who}, {labels or 'all'} labels"] = judge(used, folds, learner, labels, seeds)
            yield name + variant, cell


def main() -> None:
    """Run all tasks and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    model = None if arguments.bundle is None else DiffusionModel.from_pretrained(arguments.bundle, unverified=True)
    out: dict[str, Any] = {}
    for name, cell in cells(arguments.folder, model, arguments.seeds):
        out[name] = cell
        if not arguments.json:
            show(name, cell)
    if arguments.json:
        print(json.dumps(out, indent=1, default=asdict))


def show(name: str, cell: dict[str, Any]) -> None:
    """Print one task."""
    print(f"\n{name}")
    for number, auroc in cell["one number"].items():
        print(f"  {number:32} AUROC {auroc:.3f}")
    for who, found in cell.items():
        if who != "one number":
            counts = f"crops {found['crops']}, images {found['authentic images']} and {found['other images']}"
            print(f"  {who:32} AUROC {found['auroc']:.3f}, balanced {found['balanced']} %, {counts}", flush=True)


if __name__ == "__main__":
    main()
