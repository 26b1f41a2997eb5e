"""The effect of poisons on the kiln benchmark with 50 enrolled specimens, and the detectors' results.

    python -P benchmarks/poisoning.py [--bundle MODEL] [--seeds 3] [--partitions 5] [--only NAME ...]

Every poison alters one, two and five specimens. A certificate is broken if a label changes that was certified
against as many specimens; the benchmark fails if one is broken. Detectors run on the clean enrolment and on one with a
stamp on every tenth specimen. It prints two tables for docs/benchmarks.md.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # -P keeps it out
from attacks.images import LabelledImage
from attacks.poison.detectors import DETECTORS, DetectorTrial, evaluate_detector
from attacks.poison.harness import PoisonPlan, PoisonScenario, PoisonTrial, altered_specimens, apply_poison, run_poison
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
SPECIMENS, QUERIES, TRUSTED = 50, 40, 20
ALTERED, PLANTED = (1, 2, 5), 5


def labelled_images(items: tuple[BenchmarkItem, ...]) -> list[LabelledImage]:
    return [
        LabelledImage(f"{item.part} {at}", item.pixels(), item.authentic, " ".join(item.specimen().key))
        for at, item in enumerate(items)
    ]


def run_trials(arguments: argparse.Namespace) -> Iterator[tuple[str, PoisonTrial | DetectorTrial]]:
    """Yield the trial of each poison and each detector, seed by seed."""
    with Guard() as guard:
        for seed in range(arguments.seeds):
            model = DiffusionModel.from_pretrained(arguments.bundle, unverified=arguments.bundle != BUNDLE)
            learner = FrozenEncoderLearner(
                model, Pipeline(model, guard), ForestSettings(arguments.partitions, seed=seed)
            )
            sizes = PartSizes(train=SPECIMENS, calibrate=TRUSTED, test=QUERIES, microscope=0, workshop=0, kiln=0)
            parts = benchmark_task(seed, sizes).parts
            enrolled, trusted, queries = (labelled_images(parts[name]) for name in ("train", "calibrate", "test"))
            scenario = PoisonScenario(learner, enrolled, queries, learner.enrol(enrolled), tolerance)
            for name in arguments.only or POISONS:
                for count in ALTERED:
                    trial = run_poison(PoisonPlan(name, POISONS[name].poison, PoisonBudget(count)), scenario, seed=seed)
                    if not trial.ran:
                        sys.exit(f"{name}, {count} altered: {trial.problem}")
                    yield f"{name}, {count} altered", trial
            _, stamped = apply_poison(
                PoisonPlan("stamp", POISONS["stamp"].poison, PoisonBudget(PLANTED)), scenario, seed=seed
            )
            clean, poisoned = (learner.features_of(images, trusted) for images in (enrolled, stamped))
            for name in DETECTORS:
                yield name, evaluate_detector(name, clean, poisoned, altered_specimens(enrolled, stamped))
            print(f"seed {seed} of {arguments.seeds}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", default=BUNDLE)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=POISONS)
    arguments = parser.parse_args()
    poisons: dict[str, list[PoisonTrial]] = {}
    detectors: dict[str, list[DetectorTrial]] = {}
    for name, trial in run_trials(arguments):
        if isinstance(trial, PoisonTrial):
            poisons.setdefault(name, []).append(trial)
        else:
            detectors.setdefault(name, []).append(trial)
        print(name, file=sys.stderr, flush=True)
    print("| poison | aimed at | passed | labels turned | certified labels | broken | right before | after |")
    print(f"|{'---|' * 8}")
    for name, trials in poisons.items():
        turned = f"{sum(len(trial.turned) for trial in trials)} of {sum(trial.asked for trial in trials)}"
        aimed, passed = sum(trial.aimed for trial in trials), sum(len(trial.passed) for trial in trials)
        certified, lost = sum(trial.certified for trial in trials), sum(len(trial.broken) for trial in trials)
        before, after = sum(trial.right_before for trial in trials), sum(trial.right_after for trial in trials)
        print(f"| {name} | {aimed} | {passed} | {turned} | {certified} | {lost} | {before} | {after} |")
    print(f"\n| detector | planted found | false alarms | alarms on the clean set | counts |\n|{'---|' * 5}")
    for name, results in detectors.items():
        detected = f"{sum(result.found for result in results)} of {sum(result.planted for result in results)}"
        alarms = f"{sum(result.alarms for result in results)} of {sum(result.clean for result in results)}"
        quiet = f"{sum(result.clean_alarms for result in results)} of {sum(result.clean_all for result in results)}"
        counts = f"{sum(result.counts for result in results)} of {len(results)}"
        print(f"| {name} | {detected} | {alarms} | {quiet} | {counts} |")
    broken = sum(len(trial.broken) for trials in poisons.values() for trial in trials)
    if broken:
        sys.exit(f"{broken} certified labels were turned")


if __name__ == "__main__":
    main()
