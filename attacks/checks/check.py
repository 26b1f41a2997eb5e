"""A sanity check, and the stress test that it checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from attacks.harness import AttackPlan, AttackRun, run_attack
from attacks.images import LabelledImage, Norm, Plane
from attacks.poison.assessment import PoisonAssessment
from attacks.target import Prediction, Target
from attacks.trials import one_line, problem_of
from reports.stress.records import CheckResult, CheckState

# By norm and image digest: the smallest change that fooled the same weights in the baseline result.
SmallestChanges = Mapping[Norm, Mapping[str, float]]


@dataclass(slots=True, eq=False)
class CheckContext:
    """The stress test that is checked, and its target, which checks may attack themselves.

    `fresh_process` queries the full pipeline in another process, plane by plane. `runs` are those of the policy's
    plans; `own_runs` are those of the checks, kept so that two checks can share one.
    """

    target: Target
    images: Sequence[LabelledImage]  # classified rightly
    all_images: Sequence[LabelledImage]
    runs: Mapping[str, AttackRun]
    planned: Sequence[str]
    seed: int
    starts: Sequence[LabelledImage] = ()  # classified wrongly, with the predicted class
    until: float = float("inf")
    floor: float = 0.5  # least clean accuracy
    fresh_process: Callable[[Sequence[Plane]], Sequence[Prediction]] | None = None
    smallest_changes: SmallestChanges = field(default_factory=dict)
    poison: PoisonAssessment | None = None
    own_runs: dict[str, AttackRun] = field(default_factory=dict)

    def run(self, plan: AttackPlan) -> AttackRun:
        """Return the finished run of a check's own plan; raises where it did not finish."""
        if plan.name not in self.own_runs:
            self.own_runs[plan.name] = run_attack(
                plan, self.target, self.images, seed=self.seed, until=self.until, starts=self.starts
            )
        return _finished(self.own_runs[plan.name])

    def control(
        self, plan: AttackPlan, target: Target, images: Sequence[LabelledImage], starts: Sequence[LabelledImage] = ()
    ) -> AttackRun:
        """Return the finished run of a plan on a control target; raises where it did not finish."""
        return _finished(run_attack(plan, target, images, seed=self.seed, until=self.until, starts=starts))


def _finished(run: AttackRun) -> AttackRun:
    if not run.result.ran:
        raise RuntimeError(f"{run.plan.name} did not run: {run.result.problem or 'no image'}")
    return run


StateAndEvidence = tuple[CheckState, str]


@dataclass(frozen=True, slots=True)
class Check:
    """A condition for believing a result; `title` is signed with the check's state and evidence."""

    id: str
    title: str
    criterion: str
    make: Callable[[CheckContext], StateAndEvidence]

    def on(self, context: CheckContext) -> CheckResult:
        """Make the check; one that raises has failed."""
        try:
            state, evidence = self.make(context)
        except Exception as e:  # any: a check that could not be made has failed
            state, evidence = CheckState.FAILED, f"could not be made: {problem_of(e)}"
        if state is CheckState.FAILED:
            evidence = f"{evidence}; criterion: {self.criterion}"
        return CheckResult(self.id, self.title, state, one_line(evidence))


def held_if(holds: bool, evidence: str) -> StateAndEvidence:
    return (CheckState.HELD if holds else CheckState.FAILED), evidence
