"""How many altered specimens of the enrolment the labels of the kiln benchmark stand, and what that costs.

    python -P benchmarks/tolerance.py [--bundle MODEL] [--seeds 12] [--specimens 50]

For each number of partitions: how often the label is right, what share of labels is right and stands one, two, ...
specimens altered in place, labels included, and the median tolerance. A forest that always said the same would stand
everything, so a label counts if it is right, too. Below it the baseline that compares with the middle of each class,
whose numbers hold for altered pictures with unaltered labels. It prints a table for docs/benchmarks.md, and fails if
the number of partitions that `enrol` suggests does not reach its marks.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from fusiondiff_audit.evaluation.bundle import embed_items
from fusiondiff_audit.evaluation.extraction import no_progress
from fusiondiff_audit.evaluation.metrics import t_interval
from fusiondiff_audit.evaluation.task import PartSizes, benchmark_task
from fusiondiff_audit.images.tiles import Aggregation, aggregate
from fusiondiff_audit.kiln.parallel import available_cores
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import (
    Embeddings,
    EnrolledEmbeddings,
    ForestSettings,
    forest_scores,
    train_forests,
)
from fusiondiff_audit.model.findings import Class
from reports.arithmetic import tolerance

BUNDLE = "fusion-diff-v1-ceramic"
PARTITIONS = (1, 3, 5, 7, 9, 11, 15)
TRIMS = (1, 2, 4, 6)
TEST = 100  # pictures, two of each specimen
SUGGESTED, LEAST_SHARE, LEAST_MEDIAN = 5, 0.8, 2
SHOWN = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Asked:
    """One picture: whether its label was right, and how many altered specimens that label stands; -1: a tie."""

    right: bool
    stands: int


def by_partitions(
    known: EnrolledEmbeddings, asked: EnrolledEmbeddings, partitions: int, seed: int, rule: Aggregation
) -> list[Asked]:
    """Ask every picture the forests of so many partitions."""
    forests = train_forests(known, ForestSettings(partitions, seed=seed))
    found = []
    for place, example in enumerate(asked.examples):
        whole = [aggregate(row, rule) for row in forest_scores(forests, asked.embeddings[asked.example_index == place])]
        authentic = sum(share > 0.5 for share in whole)
        votes = (len(whole) - authentic, authentic)
        found.append(Asked((votes[1] > votes[0]) is example.authentic, tolerance(votes)))
    return found


def trimmed_tolerance(distances: Sequence[Sequence[float]], *, trim: int) -> int | None:
    """Return how many specimens may be altered without another class becoming nearer; None where two classes tie.

    After FCert (2404.08631): the class whose specimens have the smaller trimmed mean distance wins, and all specimens
    keep their labels.
    """
    each = [sorted(known) for known in distances]

    def mean(known: Sequence[float], shift: int) -> float:
        """Return the mean of what is left if so many specimens moved as far as they can."""
        return math.fsum(known[trim + shift : len(known) - trim + shift]) / (len(known) - 2 * trim)

    winner = min(range(len(each)), key=lambda place: mean(each[place], 0))
    others = [place for place in range(len(each)) if place != winner]
    found = None
    for altered in range(trim + 1):
        splits = [(mine, altered - mine) for mine in range(altered + 1)]
        if not all(mean(each[winner], up) < mean(each[place], -down) for place in others for up, down in splits):
            break
        found = altered
    return found


def by_prototypes(enrolled: EnrolledEmbeddings, rows: Embeddings, *, trim: int) -> tuple[Class, int | None]:
    """Return the class of the nearest prototype, and how many specimens may be altered if all keep their labels.

    Specimens and the image are each represented by the mean embedding of their tiles.
    """
    image = rows.astype(np.float64).mean(0)
    distances: dict[Class, list[float]] = {kind: [] for kind in Class}
    of = {example.specimen: Class(int(example.authentic)) for example in enrolled.training.examples}
    for specimen, kind in sorted(of.items()):
        middle = enrolled.embeddings[enrolled.specimens == specimen].astype(np.float64).mean(0)
        distances[kind].append(float(np.linalg.norm(image - middle)))
    means = {kind: np.mean(sorted(known)[trim : len(known) - trim]) for kind, known in distances.items()}
    return min(means, key=lambda kind: means[kind]), trimmed_tolerance([distances[kind] for kind in Class], trim=trim)


def by_middle(known: EnrolledEmbeddings, asked: EnrolledEmbeddings, trim: int) -> list[Asked]:
    """Ask every picture which class has the nearer middle."""
    found = []
    for place, example in enumerate(asked.examples):
        kind, stands = by_prototypes(known, asked.embeddings[asked.example_index == place], trim=trim)
        found.append(Asked((kind is Class.AUTHENTIC) is example.authentic, -1 if stands is None else stands))
    return found


def line(what: str, seeds: Sequence[list[Asked]]) -> tuple[float, float]:
    """Print a line of the table; return the share that stands one and the median, whether right or not."""
    right = t_interval([sum(one.right for one in each) / len(each) for each in seeds])
    cells = [
        f"{100 * np.mean([np.mean([one.right and one.stands >= r for one in each]) for each in seeds]):.1f}"
        for r in SHOWN
    ]
    every = [one.stands for each in seeds for one in each]
    share, median = float(np.mean([stands >= 1 for stands in every])), float(np.median(every))
    print(f"| {what} | {right} | {' | '.join(cells)} | {100 * share:.1f} | {median:.0f} |", flush=True)
    return share, median


def main() -> None:
    """Measure, print, and fail below the marks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=BUNDLE)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--specimens", type=int, default=50)
    said = parser.parse_args()
    model = DiffusionModel.from_pretrained(said.bundle, unverified=said.bundle != BUNDLE)
    rule = model.settings.geometry.rule
    rows: dict[str, list[list[Asked]]] = {}
    for seed in range(said.seeds):
        asked = benchmark_task(
            seed, PartSizes(train=said.specimens, calibrate=0, test=TEST, microscope=0, workshop=0, kiln=0)
        )
        seen = embed_items(model, asked.items(), workers=available_cores(), watch=no_progress)
        place = np.arange(len(seen.examples))
        known, rest = seen.subset(place < said.specimens), seen.subset(place >= said.specimens)
        for partitions in PARTITIONS:
            rows.setdefault(f"{partitions} partitions", []).append(by_partitions(known, rest, partitions, seed, rule))
        for trim in TRIMS:
            rows.setdefault(f"middle, {trim} left out", []).append(by_middle(known, rest, trim))
        print(f"seed {seed} of {said.seeds}", file=sys.stderr, flush=True)
    head = " | ".join(f"right and stands {r}, %" for r in SHOWN)
    print(f"| {said.specimens} specimens | right, % (95 %) | {head} | stands 1, % | median |")
    print(f"|{'---|' * (4 + len(SHOWN))}")
    found = {what: line(what, each) for what, each in rows.items()}
    share, median = found[f"{SUGGESTED} partitions"]
    if share < LEAST_SHARE or median < LEAST_MEDIAN:
        sys.exit(f"{SUGGESTED} partitions: below {LEAST_SHARE:.0%} that stand one, or a median of {LEAST_MEDIAN}")


if __name__ == "__main__":
    main()
