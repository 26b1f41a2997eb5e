"""One seed of the benchmark: the baselines and controls at each number of labels."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from fusiondiff_audit.evaluation.baselines import BASELINES
from fusiondiff_audit.evaluation.extraction import RowProgress, extract_descriptors
from fusiondiff_audit.evaluation.metrics import ClassMetrics, Scores, Truth, class_metrics
from fusiondiff_audit.evaluation.task import BenchmarkTask

TEST_PARTS = ("test", "microscope", "workshop", "kiln")  # all parts but those that models are trained or calibrated on


@dataclass(frozen=True, slots=True, eq=False)
class PartResult:
    """The result of one model, trained on `labels` labels of one seed, on one part."""

    model: str
    labels: int
    seed: int
    part: str
    metrics: ClassMetrics
    scores: Scores = field(repr=False)

    def data(self) -> dict[str, Any]:
        """Return the result for JSON, without the scores of single images."""
        named = {"model": self.model, "labels": self.labels, "seed": self.seed, "part": self.part}
        return named | asdict(self.metrics)


def evaluate_baselines(
    task: BenchmarkTask, labels: Sequence[int], models: Sequence[str], *, workers: int, watch: RowProgress
) -> Iterator[PartResult]:
    """Train and test baselines on one seed; controls at the largest number of labels alone."""
    descriptors = list(dict.fromkeys(BASELINES[model].descriptor for model in models))
    task = with_labels(task, max(labels))
    columns = extract_descriptors(task.items(), descriptors, workers=workers, watch=watch)
    truth = true_labels(task)["train"]
    for model in models:
        baseline = BASELINES[model]
        rows = columns[descriptors.index(baseline.descriptor)]
        for n in [max(labels)] if baseline.control else labels:
            scores = baseline.scores(rows[:n], truth[:n], rows[len(truth) :], seed=task.seed, workers=workers)
            yield from part_results(task, model, n, scores)


def part_results(task: BenchmarkTask, model: str, labels: int, scores: Scores) -> Iterator[PartResult]:
    """Measure one model's scores of the test parts, concatenated in their order."""
    truth = true_labels(task)
    ends = np.cumsum([len(task.parts[part]) for part in TEST_PARTS])
    for part, of_part in zip(TEST_PARTS, np.split(scores, ends[:-1]), strict=True):
        if len(of_part):
            yield PartResult(model, labels, task.seed, part, class_metrics(truth[part], of_part), of_part)


def true_labels(task: BenchmarkTask) -> dict[str, Truth]:
    """Return for each part whether its items are authentic."""
    return {name: np.array([item.authentic for item in items], dtype=bool) for name, items in task.parts.items()}


def with_labels(task: BenchmarkTask, labels: int) -> BenchmarkTask:
    """Return the task with `labels` training items, followed by the test parts alone."""
    parts = {"train": task.parts["train"][:labels]} | {name: task.parts[name] for name in TEST_PARTS}
    return replace(task, parts=parts)
