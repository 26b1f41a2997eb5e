"""Running one seed of the benchmark: every number of labels, every model that is trained on the spot."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from fusiondiff_audit.evaluation.baselines import BASELINES
from fusiondiff_audit.evaluation.extraction import Floats, Progress, extract_descriptors
from fusiondiff_audit.evaluation.metrics import ClassMetrics, Scores, Truth, class_metrics
from fusiondiff_audit.evaluation.task import BenchmarkTask

TEST_PARTS = ("test", "microscope", "workshop", "kiln")  # the parts that are judged


@dataclass(frozen=True, slots=True, eq=False)
class PartResult:
    """What one model reached on one part, having learnt from n labels of one seed."""

    model: str
    labels: int
    seed: int
    part: str
    measured: ClassMetrics
    scores: Scores = field(repr=False)

    def data(self) -> dict[str, Any]:
        """Return the cell for JSON, without the score of each picture."""
        named = {"model": self.model, "labels": self.labels, "seed": self.seed, "part": self.part}
        return named | asdict(self.measured)


def evaluate_baselines(
    task: BenchmarkTask, labels: Sequence[int], models: Sequence[str], *, workers: int, watch: Progress
) -> Iterator[PartResult]:
    """Yield the cells of one seed; controls are asked at the largest number of labels alone."""
    descriptors = list(dict.fromkeys(BASELINES[model].descriptor for model in models))
    task = replace(
        task, parts={name: task.parts[name] for name in TEST_PARTS} | {"train": task.parts["train"][: max(labels)]}
    )
    columns = extract_descriptors(task.items(), descriptors, workers=workers, watch=watch)
    truth = true_labels(task)
    for model in models:
        baseline = BASELINES[model]
        rows = rows_by_part(task, columns[descriptors.index(baseline.descriptor)])
        asked = np.concatenate([rows[part] for part in TEST_PARTS])
        for n in [max(labels)] if baseline.control else labels:
            known, said = rows["train"][:n], truth["train"][:n]
            scores = baseline.scores(known, said, asked, seed=task.seed, workers=workers)
            yield from part_results(task, model, n, scores)


def part_results(task: BenchmarkTask, model: str, labels: int, scores: Scores) -> Iterator[PartResult]:
    """Judge one model's scores of all parts that are judged, in their order."""
    ends = np.cumsum([len(task.parts[part]) for part in TEST_PARTS])
    for part, found in zip(TEST_PARTS, np.split(scores, ends[:-1]), strict=True):
        if len(found):
            yield PartResult(model, labels, task.seed, part, class_metrics(true_labels(task)[part], found), found)


def true_labels(task: BenchmarkTask) -> dict[str, Truth]:
    """Return for each part which of its items are authentic."""
    return {name: np.array([item.authentic for item in items], dtype=bool) for name, items in task.parts.items()}


def rows_by_part(task: BenchmarkTask, column: Floats) -> dict[str, Floats]:
    """Return the rows of each part."""
    ends = np.cumsum([len(items) for items in task.parts.values()])
    return dict(zip(task.parts, np.split(column, ends[:-1]), strict=True))
