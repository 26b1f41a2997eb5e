"""What poison reaches on the kiln benchmark with 50 enrolled specimens, and what detectors make of it.

    python -P benchmarks/poisoning.py [--bundle MODEL] [--seeds 3] [--partitions 5] [--only NAME ...]

Every poison alters one, two and five specimens. A label that was certified against so many and is another one is a
broken certificate: there must be none, and the benchmark fails if there is one. Detectors are asked about the clean
enrolment and about one with a stamp on every tenth specimen. It prints two tables for docs/benchmarks.md.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from attacks.images import LabelledImage
from attacks.poison.detectors import DETECTORS, evaluate_detector
from attacks.poison.harness import PoisonPlan, PoisonScenario, altered_specimens, apply_poison, run_poison
from attacks.poison.threat import PoisonBudget
from attacks.poison_catalogue import POISONS
from fusiondiff_audit.evaluation.task import BenchmarkItem, PartSizes, benchmark_task
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.stress.enrolment import FrozenEncoderLearner
from fusiondiff_audit.stress.target import Pipeline
from reports.arithmetic import tolerance

BUNDLE = "fusion-diff-v1-ceramic"
SPECIMENS, ASKED, TRUSTED = 50, 40, 20
ALTERED, PLANTED = (1, 2, 5), 5


def pictures(items: tuple[BenchmarkItem, ...]) -> list[LabelledImage]:
    """Return the pictures of some items."""
    return [
        LabelledImage(f"{item.part} {at}", item.pixels(), item.authentic, " ".join(item.specimen().key))
        for at, item in enumerate(items)
    ]


def rows(said: argparse.Namespace) -> Iterator[tuple[str, list[object]]]:
    """Yield what came of each poison and each detector, seed by seed."""
    with Guard() as guard:
        for seed in range(said.seeds):
            model = DiffusionModel.from_pretrained(said.bundle, unverified=said.bundle != BUNDLE)
            learner = FrozenEncoderLearner(model, Pipeline(model, guard), ForestSettings(said.partitions, seed=seed))
            sizes = PartSizes(train=SPECIMENS, calibrate=TRUSTED, test=ASKED, microscope=0, workshop=0, kiln=0)
            parts = benchmark_task(seed, sizes).parts
            enrolled, trusted, asked = (pictures(parts[name]) for name in ("train", "calibrate", "test"))
            case = PoisonScenario(learner, enrolled, asked, learner.enrol(enrolled), tolerance)
            for name in said.only or POISONS:
                for most in ALTERED:
                    found = run_poison(PoisonPlan(name, POISONS[name].poison, PoisonBudget(most)), case, seed=seed)
                    if not found.ran:
                        sys.exit(f"{name}, {most} altered: {found.problem}")
                    yield f"{name}, {most} altered", [found]
            _, taught = apply_poison(
                PoisonPlan("stamp", POISONS["stamp"].poison, PoisonBudget(PLANTED)), case, seed=seed
            )
            clean, poisoned = (learner.features_of(some, trusted) for some in (enrolled, taught))
            for name in DETECTORS:
                yield name, [evaluate_detector(name, clean, poisoned, altered_specimens(enrolled, taught))]
            print(f"seed {seed} of {said.seeds}", file=sys.stderr, flush=True)


def main() -> None:
    """Poison, print, and fail if a certificate was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=BUNDLE)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=POISONS)
    said = parser.parse_args()
    found: dict[str, list] = {}  # type: ignore[type-arg]
    for name, more in rows(said):
        found.setdefault(name, []).extend(more)
        print(name, file=sys.stderr, flush=True)
    print("| poison | aimed at | passed | labels turned | certified labels | broken | right before | after |")
    print(f"|{'---|' * 8}")
    broken = 0
    for name, each in found.items():
        if name in DETECTORS:
            continue
        aimed, asked = sum(one.aimed for one in each), sum(one.asked for one in each)
        passed, turned = sum(len(one.passed) for one in each), sum(len(one.turned) for one in each)
        certified, before, after = (
            sum(getattr(one, what) for one in each) for what in ("certified", "right_before", "right_after")
        )
        lost = sum(len(one.broken) for one in each)
        broken += lost
        print(f"| {name} | {aimed} | {passed} | {turned} of {asked} | {certified} | {lost} | {before} | {after} |")
    print(f"\n| detector | planted found | false alarms | alarms on the clean set | counts |\n|{'---|' * 5}")
    for name in DETECTORS:
        each = found[name]
        hit, planted, alarms, clean, quiet, whole = (
            sum(getattr(one, what) for one in each)
            for what in ("found", "planted", "alarms", "clean", "clean_alarms", "clean_all")
        )
        counts = sum(one.counts for one in each)
        print(f"| {name} | {hit} of {planted} | {alarms} of {clean} | {quiet} of {whole} | {counts} of {len(each)} |")
    if broken:
        sys.exit(f"{broken} certified labels were turned")


if __name__ == "__main__":
    main()
