"""A stress test: attacks, then checks, then gates, and the outcome.

1. Images that are misclassified are listed, and not attacked.
2. Every attack runs on every other image.
3. Every selected check is made; the others are listed.
4. Gates are decided from the counts, and the outcome from all results, by the rules of `reports.stress`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from attacks.checks import CHECKS
from attacks.checks.check import CheckContext, SmallestChanges
from attacks.harness import AttackPlan, AttackRun, Progress, run_attack, split_by_correctness
from attacks.images import LabelledImage, Plane
from attacks.poison.assessment import PoisonAssessment, PoisonTest, assess_poison
from attacks.target import Prediction, Target
from attacks.trials import AttackTrials, Missed, digest_of_results
from reports.stress.gates import Gate, GateResult, HeldImages, decide, tally
from reports.stress.outcome import Outcome, outcome_of
from reports.stress.records import CheckResult

FreshProcess = Callable[[Sequence[Plane]], Sequence[Prediction]]


@dataclass(frozen=True, slots=True)
class Suite:
    """The attacks, checks and gates of a stress test."""

    name: str
    plans: tuple[AttackPlan, ...]
    checks: tuple[str, ...]
    gates: tuple[Gate, ...]
    seed: int
    floor: float = 0.5  # least clean accuracy
    seconds: float = float("inf")  # where the clock runs out, the outcome is not PASSED

    def __post_init__(self) -> None:
        """Refuse names that are unknown, or stated twice."""
        names = [plan.name for plan in self.plans]
        if len(set(names)) != len(names):
            raise ValueError(f"suite {self.name}: two attacks of one name")
        if unknown := sorted(set(self.checks) - {check.id for check in CHECKS}):
            raise ValueError(f"suite {self.name}: no check {', '.join(unknown)}")
        gates = [gate.name for gate in self.gates]
        if len(set(gates)) != len(gates):
            raise ValueError(f"suite {self.name}: two gates of one metric, attack and slice")
        if idle := sorted({gate.attack for gate in self.gates if gate.attack is not None} - set(names)):
            raise ValueError(f"suite {self.name}: gates of attacks that are not run: {', '.join(idle)}")


@dataclass(frozen=True, slots=True, eq=False)
class SuiteResult:
    """The results of a suite. Times and planes are no part of its digest."""

    suite: Suite
    results: tuple[AttackTrials, ...]
    missed: Missed
    authentic: frozenset[str]  # digests of all authentic images
    checks: tuple[CheckResult, ...]
    gates: tuple[GateResult, ...]
    decided: datetime  # the time at which the gates were decided: waivers expire
    word: Outcome
    why: tuple[str, ...]  # the reasons why the outcome is not PASSED
    not_selected: tuple[str, ...]  # ids of checks
    runs: tuple[AttackRun, ...] = field(repr=False)
    seconds: float
    poisoned: PoisonAssessment | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 over all trials: the same for the same seed."""
        return digest_of_results(self.results, self.missed, self.poisoned)


def run_suite(
    suite: Suite,
    target: Target,
    images: Sequence[LabelledImage],
    *,
    clock: Callable[[], datetime],
    fresh_process: FreshProcess | None = None,
    baseline: HeldImages | None = None,
    smallest_changes: SmallestChanges | None = None,
    progress: Progress | None = None,
    first: bool = False,
    poison_test: PoisonTest | None = None,
) -> SuiteResult:
    """Run a suite on a target, and poison an enrolment if there is one to poison.

    A `first` run has no baseline, and its gates that compare with one are not decided. `clock` returns the time.
    """
    if first and baseline is not None:
        raise ValueError("a first result has no baseline")
    started = time.monotonic()
    until = started + suite.seconds
    if len({image.digest for image in images}) != len(images):
        raise ValueError("one image is listed twice")
    attacked, starts = split_by_correctness(target, images)  # 1
    right = {image.digest for image in attacked}
    missed = {image.digest: image.authentic for image in images if image.digest not in right}
    runs = {
        plan.name: run_attack(plan, target, attacked, seed=suite.seed, until=until, progress=progress, starts=starts)
        for plan in suite.plans
    }  # 2
    poisoned = None if poison_test is None else assess_poison(poison_test, seed=suite.seed, progress=progress)
    planned = [plan.name for plan in suite.plans]
    context = CheckContext(
        target,
        attacked,
        images,
        runs,
        planned,
        suite.seed,
        starts=starts,
        until=until,
        floor=suite.floor,
        fresh_process=fresh_process,
        smallest_changes=smallest_changes or {},
        poison=poisoned,
    )
    selected = [check for check in CHECKS if check.id in suite.checks]
    checks = []  # 3
    for number, check in enumerate(selected):
        if progress is not None:
            progress(f"check {check.id}", number, len(selected))
        checks.append(check.on(context))
    results = tuple(run.result for run in runs.values())
    now, held = clock(), {result.attack: result.held_images(missed) for result in results}  # 4
    authentic = {image.digest for image in images if image.authentic}
    tallies = [tally(gate, held, authentic, baseline) for gate in suite.gates]
    gates = [decide(gate, counts, now, first=first) for gate, counts in zip(suite.gates, tallies, strict=True)]
    word, why = outcome_of(
        attacks=results,
        poisons=() if poisoned is None else poisoned.trials,
        detectors=() if poisoned is None else poisoned.detectors,
        checks=checks,
        gates=gates,
        detector_problem=None if poisoned is None else poisoned.problem,
    )
    return SuiteResult(
        suite,
        results,
        missed,
        frozenset(authentic),
        tuple(checks),
        tuple(gates),
        now,
        word,
        why,
        tuple(check.id for check in CHECKS if check.id not in suite.checks),
        tuple(runs.values()),
        time.monotonic() - started,
        poisoned,
    )
