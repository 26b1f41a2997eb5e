"""What deep rivals said, read from files: their training takes hours, so it is done once for each version.

A file of predictions names the task that it answers by its digest. One that answers another task, or lacks an answer,
is an error, not a gap in a table.
"""

import csv
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable

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


def predictions_file(model: str) -> Traversable:
    """Return the file of one model's answers."""
    return resources.files(__package__).joinpath("predictions", f"{model}.csv")


def deep_baseline_results(model: str, task: BenchmarkTask) -> Iterator[PartResult]:
    """Judge what a deep model said of one seed; nothing, if that seed was not asked."""
    for labels, scores in parse_predictions(predictions_file(model).read_text(encoding="utf-8"), task, model).items():
        yield from part_results(task, model, labels, scores)


def parse_predictions(text: str, task: BenchmarkTask, model: str) -> dict[int, Scores]:
    """Return the scores of all judged parts for each number of labels."""
    places = {(part, str(i)): None for part in TEST_PARTS for i in range(len(task.parts[part]))}
    found: dict[int, dict[tuple[str, str], float]] = {}
    for row in csv.DictReader(text.splitlines()):
        if int(row["seed"]) == task.seed:
            if row["task"] != task.digest:
                raise _stale(f"{model}.csv answers another version of seed {task.seed}")
            found.setdefault(int(row["labels"]), {})[row["part"], row["place"]] = float(row["score"])
    for labels, scores in found.items():
        if scores.keys() != places.keys():
            raise _stale(
                f"{model}.csv has {len(scores)} answers of {len(places)} for seed {task.seed}, {labels} labels"
            )
    return {labels: np.array([scores[place] for place in places]) for labels, scores in found.items()}


def _stale(what: str) -> ValueError:
    return ValueError(f"{what}; train the deep baselines again with benchmarks/deep_baselines.py")
