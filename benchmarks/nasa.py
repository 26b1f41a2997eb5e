"""Real micrographs: NASA's coatings (tasks A1 and A2) and superalloys (task B), with baselines of one number.

    python -P benchmarks/nasa.py FOLDER [--bundle fusion-diff-v1-ceramic] [--seeds 10] [--json]

FOLDER holds `ebc` and `super`, as in benchmark_segmentation_data of nasa/pretrained-microscopy-models. The
tasks are stand-ins that have nothing to do with authenticity, and easy for wrong reasons, which the baselines of one
number show. Crops have zero mean and unit variance, and every task is repeated after 4x averaging. A bundle is measured
as in an audit: with its frozen encoder, and forests trained on the labelled crops alone. Crops smaller than a tile are
padded by reflection. Each seed draws other labelled crops and other forests from the same few images, so intervals over
seeds do not reflect how few the images are.
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
Learner = Callable[[Places, Places, int], Floats]  # training rows, test rows, seed -> scores of the test rows
LABELS = (None, 50)  # None: all
OURS = "fusiondiff"


def both_descriptors(crop: Crop) -> tuple[Floats, Floats]:
    """Return the descriptors of both baselines."""
    pixels = as_pixels(crop)
    return grey_statistics(pixels), texture_statistics(pixels)


ONE_NUMBER: dict[str, Callable[[Crop], float]] = {
    "mean, before z-score": lambda crop: float(crop.raw.mean()),
    "sd, before z-score": lambda crop: float(crop.raw.std()),
    "minimum, before z-score": lambda crop: float(crop.raw.min()),
    "high-pass sd, before z-score": lambda crop: float((crop.raw - ndimage.gaussian_filter(crop.raw, 2)).std()),
    "high-pass sd": lambda crop: float((crop.pixels - ndimage.gaussian_filter(crop.pixels, 2)).std()),
}


def learners(crops: Sequence[Crop], model: DiffusionModel | None) -> Mapping[str, Learner]:
    """Return the classifiers: two baselines on descriptors, and the forests of a bundle, if one is given."""
    labels = np.array([crop.authentic for crop in crops])
    columns = [
        np.stack(column) for column in zip(*parallel_map(both_descriptors, crops, available_cores()), strict=True)
    ]
    classifiers: dict[str, Learner] = {}
    for name, rows in zip(("grey", "texture"), columns, strict=True):

        def baseline(train: Places, test: Places, seed: int, name: str = name, rows: Floats = rows) -> Floats:
            return BASELINES[name].scores(rows[train], labels[train], rows[test], seed=seed, workers=1)

        classifiers[name] = baseline
    if model is not None:
        rule = model.settings.geometry.rule
        embeddings = embedded(model, crops)

        def forest_of_bundle(train: Places, test: Places, seed: int) -> Floats:
            return held_out_scores(embeddings, train, test, learning=ForestSettings(seed=seed), rule=rule)

        classifiers[OURS] = forest_of_bundle
    return classifiers


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


def cross_validate(
    all_crops: Sequence[Crop], folds: Sequence[set[str]], learner: Learner, labels: int | None, seeds: int
) -> dict[str, Any]:
    """Cross-validate for each seed, with at most `labels` training crops; an image's score is the mean of its crops."""
    labels_of_crops = np.array([crop.authentic for crop in all_crops])
    images = np.array([crop.image for crop in all_crops])
    strata = np.array([crop.row for crop in all_crops])
    balanced, aurocs, right = [], [], np.zeros(3, int)

    def seed_scores(seed: int) -> Floats:
        scores = np.full(len(all_crops), np.nan)
        for fold, test_images in enumerate(folds):
            test = np.isin(images, list(test_images))
            train = np.flatnonzero(~test)
            if labels is not None:
                train = draw_labelled(train, labels_of_crops, strata, labels, np.random.default_rng([seed, fold]))
            scores[test] = learner(train, np.flatnonzero(test), seed * len(folds) + fold)
        return scores

    with ThreadPoolExecutor(available_cores()) as pool:
        all_scores = list(pool.map(seed_scores, range(seeds)))
    for scores in all_scores:
        balanced.append(float(balanced_accuracy_score(labels_of_crops, scores >= 0.5)))
        aurocs.append(float(roc_auc_score(labels_of_crops, scores)))
        by_name = {
            name: (labels_of_crops[images == name][0], scores[images == name].mean() >= 0.5) for name in set(images)
        }
        by_image = [label == prediction for label, prediction in by_name.values()]
        authentic_right = [label == prediction for label, prediction in by_name.values() if label]
        right += [
            int(((scores >= 0.5) == labels_of_crops).sum()),
            sum(authentic_right),
            sum(by_image) - sum(authentic_right),
        ]
    authentic = len({crop.image for crop in all_crops if crop.authentic})
    totals = seeds * np.array([len(labels_of_crops), authentic, len(set(images)) - authentic])
    counts = [f"{count}/{total}" for count, total in zip(right, totals, strict=True)]
    return {
        "balanced": t_interval(balanced),
        "auroc": float(np.mean(aurocs)),
        **dict(zip(("crops", "authentic images", "other images"), counts, strict=True)),
    }


def draw_labelled(
    rows: npt.NDArray[np.intp],
    labels: npt.NDArray[np.bool_],
    strata: npt.NDArray[np.intp],
    count: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.intp]:
    """Return `count` crops, half of each class, spread evenly over the rows of the images."""
    chosen: list[int] = []
    for label in (True, False):
        pool = rng.permutation(rows[labels[rows] == label])
        rank = {int(row): sum(strata[other] == strata[row] for other in pool[:place]) for place, row in enumerate(pool)}
        chosen += sorted(pool.tolist(), key=lambda row: rank[row])[: count // 2]
    return np.array(chosen)


def best_one_number(all_crops: Sequence[Crop]) -> dict[str, float]:
    """Return the AUROC of each single number, mirrored at 0.5, which is chance."""
    labels = [crop.authentic for crop in all_crops]
    aurocs = {
        name: float(roc_auc_score(labels, [number(crop) for crop in all_crops])) for name, number in ONE_NUMBER.items()
    }
    return {name: max(value, 1 - value) for name, value in aurocs.items()}


def cells(folder: Path, model: DiffusionModel | None, seeds: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the results of each task, unchanged and after averaging."""
    coatings, alloys = task_a(folder), task_b(folder)
    tasks = {
        "A1 coatings, by image": (coatings, list(folds_a(coatings, by_specimen=False))),
        "A2 coatings, by specimen": (coatings, list(folds_a(coatings, by_specimen=True))),
        "B superalloys, by spot": (alloys, list(folds_b(alloys))),
    }
    for name, (crops, folds) in tasks.items():
        for variant, variant_crops in (("", crops), (", 4x averaged", [averaged(crop) for crop in crops])):
            results: dict[str, Any] = {"one number": best_one_number(variant_crops)}
            for classifier, learner in learners(variant_crops, model).items():
                for labels in LABELS:
                    results[f"{classifier}, {labels or 'all'} labels"] = cross_validate(
                        variant_crops, folds, learner, labels, seeds
                    )
            yield name + variant, results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    model = None if arguments.bundle is None else DiffusionModel.from_pretrained(arguments.bundle, unverified=True)
    results: dict[str, Any] = {}
    for name, result in cells(arguments.folder, model, arguments.seeds):
        results[name] = result
        if not arguments.json:
            print_task(name, result)
    if arguments.json:
        print(json.dumps(results, indent=1, default=asdict))


def print_task(name: str, cell: dict[str, Any]) -> None:
    print(f"\n{name}")
    for number, auroc in cell["one number"].items():
        print(f"  {number:32} AUROC {auroc:.3f}")
    for classifier, result in cell.items():
        if classifier != "one number":
            counts = f"crops {result['crops']}, images {result['authentic images']} and {result['other images']}"
            print(
                f"  {classifier:32} AUROC {result['auroc']:.3f}, balanced {result['balanced']} %, {counts}", flush=True
            )


if __name__ == "__main__":
    main()
