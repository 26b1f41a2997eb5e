"""From the cells of many seeds to the lines of a table."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fusiondiff_audit.evaluation.benchmark import PartResult
from fusiondiff_audit.evaluation.metrics import Interval, Truth, mcnemar, t_interval


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One model with so many labels, over all seeds that asked it."""

    model: str
    labels: int
    balanced: Interval  # on the test part
    f1: Interval
    auroc: Interval
    right: int
    of: int
    microscope: Interval | None  # balanced accuracy with another microscope
    workshop: Interval | None  # share that is called AUTHENTIC, of a workshop that was kept back
    kiln: Interval | None  # the same, of another kiln's genuine ware

    def data(self) -> dict[str, Any]:
        """Return the line for JSON."""
        return asdict(self)


def summarise(cells: Iterable[PartResult]) -> Iterator[SummaryRow]:
    """Yield a line for each model and number of labels, in the order in which they came."""
    groups: dict[tuple[str, int], dict[str, list[PartResult]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        groups[cell.model, cell.labels][cell.part].append(cell)
    for (model, labels), parts in groups.items():
        test = [cell.measured for cell in parts["test"]]
        yield SummaryRow(
            model,
            labels,
            t_interval([one.balanced for one in test if one.balanced is not None]),
            t_interval([one.f1 for one in test if one.f1 is not None]),
            t_interval([one.auroc for one in test if one.auroc is not None]),
            sum(one.right for one in test),
            sum(one.of for one in test),
            _over(one.measured.balanced for one in parts["microscope"]),
            _over(one.measured.called_authentic / one.measured.of for one in parts["workshop"]),
            _over(one.measured.called_authentic / one.measured.of for one in parts["kiln"]),
        )


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two models on the same pictures: how often one alone is right, and the exact p that this is chance."""

    model: str
    rival: str
    labels: int
    seeds: int
    only_model: int
    only_rival: int
    p: float


def paired_comparisons(
    cells: Iterable[PartResult], truth: Mapping[int, Truth], rival: str
) -> Iterator[PairedComparison]:
    """Yield each model against one rival, by McNemar's test over the test parts of the seeds that asked both."""
    test = {(cell.model, cell.labels, cell.seed): cell.scores for cell in cells if cell.part == "test"}
    for model, labels in dict.fromkeys((model, labels) for model, labels, _ in test if model != rival):
        seeds = [seed for seed in truth if (model, labels, seed) in test and (rival, labels, seed) in test]
        if seeds:
            ours, theirs = (np.concatenate([test[who, labels, seed] for seed in seeds]) for who in (model, rival))
            counts = mcnemar(np.concatenate([truth[seed] for seed in seeds]), ours, theirs)
            yield PairedComparison(model, rival, labels, len(seeds), *counts)


def _over(values: Iterable[float | None]) -> Interval | None:
    known = [value for value in values if value is not None]
    return t_interval(known) if known else None
