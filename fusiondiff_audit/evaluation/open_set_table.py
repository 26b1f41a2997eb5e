"""The table of the benchmark `bench/2`: shares of specimens that are AUTHENTIC, pooled over seeds and by maker.

An interval of counts (Clopper and Pearson, 95 %) takes specimens for independent, which those of one seed are not: they
share an enrolment and its bound. So the mean over seeds stands beside it, with its own interval.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fusiondiff_audit.evaluation.metrics import Interval, t_interval
from fusiondiff_audit.evaluation.open_set import EnrolmentCount, Microscopes, OpenSetAnswer
from fusiondiff_audit.evaluation.open_set_task import OpenSetPart
from reports.arithmetic import error_bounds
from reports.verdict.verdicts import Verdict

KEPT_BY_ORACLE = 0.95  # of own ware, by a bound that is set on the tested own ware of each seed
OPEN_SET_HEADS = (
    *("enrolled through", "tested", "maker", "images", "AUTHENTIC", "%", "mean of seeds, %", "oracle's bound, %"),
    *("COUNTERFEIT", "UNFAMILIAR", "INCONCLUSIVE"),
)


@dataclass(frozen=True, slots=True)
class OpenSetRow:
    """The answers about one part, or about one maker of it; counts of specimens over all seeds."""

    enrolled: Microscopes
    part: OpenSetPart
    maker: str  # with the reference; empty: all of the part
    images: int
    accepted: int  # AUTHENTIC
    of: int
    interval: str
    of_seeds: Interval  # of the share that is accepted
    accepted_by_oracle: int
    verdicts: tuple[tuple[str, int], ...] | None  # None: of a rule that says no more than AUTHENTIC or not

    def cells(self) -> tuple[str, ...]:
        """Return the row in the order of `OPEN_SET_HEADS`."""
        others = (Verdict.COUNTERFEIT, Verdict.UNFAMILIAR, Verdict.INCONCLUSIVE)
        counts = None if self.verdicts is None else dict(self.verdicts)
        return (
            *(self.enrolled.value, self.part.value, self.maker or "all", str(self.images)),
            *(f"{self.accepted}/{self.of}", f"{_percent(self.accepted, self.of)} ({self.interval})"),
            *(str(self.of_seeds), _percent(self.accepted_by_oracle, self.of)),
            *("-" if counts is None else str(counts.get(verdict.value, 0)) for verdict in others),
        )


def open_set_rows(tested: Iterable[OpenSetAnswer]) -> list[OpenSetRow]:
    """Return a row for each part and number of images, each followed by its makers, the most accepted first."""
    parts: dict[tuple[Microscopes, OpenSetPart, int], list[OpenSetAnswer]] = defaultdict(list)
    for specimen in tested:
        parts[specimen.enrolled, specimen.part, specimen.images].append(specimen)
    bounds = {
        (specimens[0].enrolled, specimens[0].images, seed): _bound(specimens, seed)
        for specimens in parts.values()
        if specimens[0].part is OpenSetPart.OWN
        for seed in {specimen.seed for specimen in specimens}
    }
    rows = []
    for specimens in parts.values():
        rows.append(_row("", specimens, bounds))
        rows += sorted(_makers(specimens, bounds), key=lambda row: -row.accepted / row.of)
    return rows


_Bounds = dict[tuple[Microscopes, int, int], float]


def _makers(specimens: Sequence[OpenSetAnswer], bounds: _Bounds) -> Iterator[OpenSetRow]:
    """Yield the row of each maker, apart for each reference: workshops of one name copy different kilns."""
    makers: dict[str, list[OpenSetAnswer]] = defaultdict(list)
    for specimen in specimens:
        makers[f"{specimen.reference}: {specimen.maker}"].append(specimen)
    for maker, of_maker in makers.items():
        yield _row(maker, of_maker, bounds)


def _row(maker: str, specimens: Sequence[OpenSetAnswer], bounds: _Bounds) -> OpenSetRow:
    first = specimens[0]
    by_seed: dict[int, list[bool]] = defaultdict(list)
    for specimen in specimens:
        by_seed[specimen.seed].append(specimen.verdict is Verdict.AUTHENTIC)
    accepted = sum(map(sum, by_seed.values()))
    verdicts = [specimen.verdict.value for specimen in specimens if specimen.verdict is not None]
    return OpenSetRow(
        first.enrolled,
        first.part,
        maker,
        first.images,
        accepted,
        len(specimens),
        error_bounds(accepted, len(specimens)),
        t_interval([sum(answers) / len(answers) for answers in by_seed.values()]),
        sum(
            specimen.nonconformity is not None
            and specimen.nonconformity <= bounds[specimen.enrolled, specimen.images, specimen.seed]
            for specimen in specimens
        ),
        tuple(sorted(Counter(verdicts).items())) if len(verdicts) == len(specimens) else None,
    )


def _bound(own: Sequence[OpenSetAnswer], seed: int) -> float:
    """Return the least bound that keeps enough of one seed's own ware."""
    of_seed = (specimen.nonconformity for specimen in own if specimen.seed == seed)
    values = [math.inf if value is None else value for value in of_seed]
    return float(np.quantile(values, KEPT_BY_ORACLE, method="higher"))


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:.1f}"


def enrolment_sentence(counts: Sequence[EnrolmentCount]) -> str:
    """Say how many specimens were enrolled."""
    least = min(min(count.authentic, count.counterfeit) for count in counts)
    left_out = sum(count.left_out for count in counts)
    return f"{len(counts)} enrolments of {least} specimens of a class or more; {left_out} had no assessable image"
