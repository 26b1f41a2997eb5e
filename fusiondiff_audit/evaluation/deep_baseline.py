"""Deep baselines: their predictions are read from files, since training takes hours and is done once for each version.

A file of predictions names its task by digest. Predictions of another task, or missing ones, are an error.
"""

import csv
from collections.abc import Iterator
from importlib import resources

import numpy as np

from fusiondiff_audit.evaluation.benchmark import TEST_PARTS, PartResult, part_results
from fusiondiff_audit.evaluation.metrics import Scores
from fusiondiff_audit.evaluation.task import BenchmarkTask

TITLES = {
    "resnet50": "(c) ResNet50, labels only, no pretraining",
    "deit-small": "(d) DeiT-small, labels only, no pretraining",
    "sd-cnn": "(e) SD-CNN: a CNN on our frozen diffusion maps, labels only",
}
COLUMNS = ("task", "seed", "labels", "part", "place", "score")


def deep_baseline_results(model: str, task: BenchmarkTask) -> Iterator[PartResult]:
    """Measure a deep model's predictions for one seed; yields nothing for a seed without predictions."""
    predictions = resources.files(__package__).joinpath("predictions", f"{model}.csv").read_text(encoding="utf-8")
    for labels, scores in parse_predictions(predictions, task, model).items():
        yield from part_results(task, model, labels, scores)


def parse_predictions(text: str, task: BenchmarkTask, model: str) -> dict[int, Scores]:
    """Return the scores of all test parts for each number of labels."""
    digest = task.digest
    places = {(part, str(i)): None for part in TEST_PARTS for i in range(len(task.parts[part]))}
    predicted: dict[int, dict[tuple[str, str], float]] = {}
    for row in csv.DictReader(text.splitlines()):
        if int(row["seed"]) == task.seed:
            if row["task"] != digest:
                raise _stale(f"{model}.csv has predictions for another version of seed {task.seed}")
            predicted.setdefault(int(row["labels"]), {})[row["part"], row["place"]] = float(row["score"])
    for labels, scores in predicted.items():
        if scores.keys() != places.keys():
            counts = f"{len(scores)} predictions of {len(places)}"
            raise _stale(f"{model}.csv has {counts} for seed {task.seed}, {labels} labels")
    return {labels: np.array([scores[place] for place in places]) for labels, scores in predicted.items()}


def _stale(what: str) -> ValueError:
    return ValueError(f"{what}; train the deep baselines again with benchmarks/deep_baselines.py")
