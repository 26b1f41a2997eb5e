"""Running one seed of the benchmark: every number of labels, every model that is trained on the spot."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from fusiondiff_audit.evaluation.baselines import BASELINES
from fusiondiff_audit.evaluation.metrics import Measured, Scores, Truth, measure
from fusiondiff_audit.evaluation.pictures import Floats, Watch, describe
from fusiondiff_audit.evaluation.task import Task

ASKED = ("test", "microscope", "workshop", "kiln")  # the parts that are judged


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """What one model reached on one part, having learnt from n labels of one seed."""

    model: str
    labels: int
    seed: int
    part: str
    measured: Measured
    scores: Scores = field(repr=False)

    def data(self) -> dict[str, Any]:
        """Return the cell for JSON, without the score of each picture."""
        named = {"model": self.model, "labels": self.labels, "seed": self.seed, "part": self.part}
        return named | asdict(self.measured)


def run(task: Task, labels: Sequence[int], models: Sequence[str], *, workers: int, watch: Watch) -> Iterator[Cell]:
    """Yield the cells of one seed; controls are asked at the largest number of labels alone."""
    descriptors = list(dict.fromkeys(BASELINES[model].descriptor for model in models))
    task = replace(
        task, parts={name: task.parts[name] for name in ASKED} | {"train": task.parts["train"][: max(labels)]}
    )
    columns = describe(task.items(), descriptors, workers=workers, watch=watch)
    truth = truths(task)
    for model in models:
        baseline = BASELINES[model]
        rows = by_part(task, columns[descriptors.index(baseline.descriptor)])
        asked = np.concatenate([rows[part] for part in ASKED])
        for n in [max(labels)] if baseline.control else labels:
            known, said = rows["train"][:n], truth["train"][:n]
            scores = baseline.scores(known, said, asked, seed=task.seed, workers=workers)
            yield from cells(task, model, n, scores)


def cells(task: Task, model: str, labels: int, scores: Scores) -> Iterator[Cell]:
    """Judge one model's scores of all parts that are judged, in their order."""
    ends = np.cumsum([len(task.parts[part]) for part in ASKED])
    for part, found in zip(ASKED, np.split(scores, ends[:-1]), strict=True):
        if len(found):
            yield Cell(model, labels, task.seed, part, measure(truths(task)[part], found), found)


def truths(task: Task) -> dict[str, Truth]:
    """Return for each part which of its items are authentic."""
    return {name: np.array([item.authentic for item in items], dtype=bool) for name, items in task.parts.items()}


def by_part(task: Task, column: Floats) -> dict[str, Floats]:
    """Return the rows of each part."""
    ends = np.cumsum([len(items) for items in task.parts.values()])
    return dict(zip(task.parts, np.split(column, ends[:-1]), strict=True))
