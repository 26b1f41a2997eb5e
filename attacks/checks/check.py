"""What a check is, and what it gets to see."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from attacks.harness import AttackPlan, AttackRun, run_attack
from attacks.images import LabelledImage, Norm, Plane
from attacks.outcome import problem_of
from attacks.poison.assessment import PoisonAssessment
from attacks.target import Prediction, Target
from reports.stress.records import CheckResult, CheckState

# By norm and digest of a picture: the smallest change that fooled it in an earlier run, with the same weights.
SmallestChanges = Mapping[Norm, Mapping[str, float]]


@dataclass(slots=True, eq=False)
class CheckContext:
    """All that checks may look at and ask.

    `elsewhere` asks the full pipeline in a process of its own, plane by plane. `runs` are those of the plans that were
    asked for; what checks run besides is kept, so that two checks do not pay twice.
    """

    target: Target
    pictures: Sequence[LabelledImage]  # those that are judged rightly
    whole: Sequence[LabelledImage]  # all
    runs: Mapping[str, AttackRun]
    planned: Sequence[str]
    seed: int
    starts: Sequence[LabelledImage] = ()  # the others that got an answer, as what they were taken for
    until: float = float("inf")
    floor: float = 0.5  # least clean accuracy
    elsewhere: Callable[[Sequence[Plane]], Sequence[Prediction]] | None = None
    bank: SmallestChanges = field(default_factory=dict)
    poisoned: PoisonAssessment | None = None
    besides: dict[str, AttackRun] = field(default_factory=dict)

    def run(self, plan: AttackPlan) -> AttackRun:
        """Return what comes of a plan that nobody asked for."""
        if plan.name not in self.besides:
            done = run_attack(plan, self.target, self.pictures, seed=self.seed, until=self.until, starts=self.starts)
            self.besides[plan.name] = done
        return _ended(self.besides[plan.name])

    def control(
        self, plan: AttackPlan, target: Target, pictures: Sequence[LabelledImage], starts: Sequence[LabelledImage] = ()
    ) -> AttackRun:
        """Return what comes of a plan on another target, whose answer is known."""
        return _ended(run_attack(plan, target, pictures, seed=self.seed, until=self.until, starts=starts))


def _ended(done: AttackRun) -> AttackRun:
    """Return a run that ended: nothing follows from another."""
    if not done.result.ran:
        raise RuntimeError(f"{done.plan.name} did not run: {done.result.problem or 'no picture'}")
    return done


StateAndEvidence = tuple[CheckState, str]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule by which results are believed."""

    id: str
    title: str
    criterion: str
    make: Callable[[CheckContext], StateAndEvidence]

    def on(self, bench: CheckContext) -> CheckResult:
        """Make the check; one that breaks down did not hold."""
        try:
            held, evidence = self.make(bench)
        except Exception as e:  # whatever it may be: what could not be checked is not believed
            held, evidence = CheckState.FAILED, f"could not be made: {problem_of(e)}"
        if held is CheckState.FAILED:
            evidence = f"{evidence}; asked: {self.criterion}"
        return CheckResult(self.id, self.title, held, evidence)


def held_if(holds: bool, evidence: str) -> StateAndEvidence:
    """Return whether a check holds, and by what."""
    return (CheckState.HELD if holds else CheckState.FAILED), evidence
