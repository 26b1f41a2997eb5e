"""Tables of the benchmark: results of many seeds, summarised by model and number of labels."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from fusiondiff_audit.evaluation.benchmark import PartResult
from fusiondiff_audit.evaluation.metrics import Interval, Truth, paired_test, t_interval


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One model at one number of labels, over all seeds."""

    model: str
    labels: int
    balanced: Interval  # on the test part
    f1: Interval
    auroc: Interval
    right: int
    of: int
    microscope: Interval | None  # balanced accuracy with another microscope
    workshop: Interval | None  # share called AUTHENTIC of a held-out workshop's copies
    kiln: Interval | None  # share called AUTHENTIC of another kiln's genuine ware


def summarise(results: Iterable[PartResult]) -> Iterator[SummaryRow]:
    """Yield a row for each model and number of labels, in the order of the results."""
    groups: dict[tuple[str, int], dict[str, list[PartResult]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        groups[result.model, result.labels][result.part].append(result)
    for (model, labels), parts in groups.items():
        test = [result.metrics for result in parts["test"]]
        yield SummaryRow(
            model,
            labels,
            t_interval([metrics.balanced for metrics in test if metrics.balanced is not None]),
            t_interval([metrics.f1 for metrics in test if metrics.f1 is not None]),
            t_interval([metrics.auroc for metrics in test if metrics.auroc is not None]),
            sum(metrics.right for metrics in test),
            sum(metrics.of for metrics in test),
            _interval(result.metrics.balanced for result in parts["microscope"]),
            _interval(result.metrics.called_authentic / result.metrics.of for result in parts["workshop"]),
            _interval(result.metrics.called_authentic / result.metrics.of for result in parts["kiln"]),
        )


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two models on the same images: how often one alone is right, and the two-sided exact p of McNemar's test."""

    model: str
    rival: str
    labels: int
    seeds: int
    only_model: int
    only_rival: int
    p: float


def paired_comparisons(
    results: Iterable[PartResult], truth: Mapping[int, Truth], rival: str
) -> Iterator[PairedComparison]:
    """Compare each model with one rival, over the test parts of the seeds that have both."""
    test = {(row.model, row.labels, row.seed): row.scores for row in results if row.part == "test"}
    for model, labels in dict.fromkeys((model, labels) for model, labels, _ in test if model != rival):
        seeds = [seed for seed in truth if (model, labels, seed) in test and (rival, labels, seed) in test]
        if seeds:
            ours, theirs = (np.concatenate([test[name, labels, seed] for seed in seeds]) for name in (model, rival))
            counts = paired_test(np.concatenate([truth[seed] for seed in seeds]), ours, theirs)
            yield PairedComparison(model, rival, labels, len(seeds), *counts)


def _interval(values: Iterable[float | None]) -> Interval | None:
    present = [value for value in values if value is not None]
    return t_interval(present) if present else None
