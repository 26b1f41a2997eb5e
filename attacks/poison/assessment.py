"""All poison of a run, what detectors make of one that was planted, and what a certificate is worth under wrong names.

An enrolment is made for it of pictures that nobody attacked, since that of a bundle is not at hand: what is measured is
the way a model is taught, with its encoder, its number of forests and its seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from attacks.harness import Progress
from attacks.images import LabelledImage
from attacks.outcome import problem_of
from attacks.poison.detectors import DetectorTrial, SpecimenFeatures, evaluate_detector
from attacks.poison.dirty_label import stamp
from attacks.poison.harness import (
    PoisonPlan,
    PoisonScenario,
    PoisonTrial,
    Tolerance,
    altered_specimens,
    apply_poison,
    failed_trial,
    run_poison,
)
from attacks.poison.threat import EnrolledModel, Learner, Poison, PoisonBudget, is_authentic

_PLANTED = 10  # every so many specimens get a stamp, for detectors to find


@dataclass(frozen=True, slots=True, eq=False)
class PoisonTest:
    """Who is poisoned, and with what."""

    learner: Learner
    enrolled: Sequence[LabelledImage]
    asked: Sequence[LabelledImage]
    tolerance: Tolerance
    suspects: Callable[[Sequence[LabelledImage]], SpecimenFeatures]
    plans: tuple[PoisonPlan, ...]
    detectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SwappedLabels:
    """Labels that stand one altered specimen: right ones, wrong ones, and right ones after all names were swapped."""

    right: int
    wrong: int
    swapped: int
    of: int


@dataclass(frozen=True, slots=True)
class PoisonAssessment:
    """What came of it."""

    trials: tuple[PoisonTrial, ...]
    swapped: SwappedLabels | None
    planted: PoisonTrial | None  # the stamp that detectors were to find
    detectors: tuple[DetectorTrial, ...]
    problem: str | None = None  # controls or detectors broke down


def assess_poison(ward: PoisonTest, *, seed: int, watch: Progress | None = None) -> PoisonAssessment:
    """Poison, plant and detect."""
    try:
        case = PoisonScenario(
            ward.learner, ward.enrolled, ward.asked, ward.learner.learn(ward.enrolled), ward.tolerance
        )
    except Exception as e:  # whatever it may be: nothing was poisoned then
        problem = problem_of(e)
        return PoisonAssessment(
            tuple(failed_trial(plan, problem) for plan in ward.plans), None, None, _unmade(ward), problem
        )
    reached = []
    for number, plan in enumerate(ward.plans):
        if watch is not None:
            watch(plan.name, number, len(ward.plans))
        reached.append(run_poison(plan, case, seed=seed))
    try:
        named = _named(case)
        planted, seen = _planted(ward, case, seed) if ward.detectors else (None, ())
    except Exception as e:  # nor is a control believed that broke down
        return PoisonAssessment(tuple(reached), None, None, _unmade(ward), problem_of(e))
    return PoisonAssessment(tuple(reached), named, planted, seen)


def _unmade(ward: PoisonTest) -> tuple[DetectorTrial, ...]:
    """Return for each detector that nothing was planted for it to find."""
    return tuple(DetectorTrial(name, 0, 0, 0, 0, 0, 0) for name in ward.detectors)


def _named(case: PoisonScenario) -> SwappedLabels:
    other = case.learner.learn([replace(picture, authentic=not picture.authentic) for picture in case.enrolled])

    def right(learnt: EnrolledModel) -> list[bool]:
        """Return whether each label is right, of those that stand an altered specimen."""
        votes = learnt.votes([picture.plane for picture in case.asked])
        pairs = zip(votes, case.asked, strict=True)
        return [is_authentic(said) is picture.authentic for said, picture in pairs if case.tolerance(said) >= 1]

    known = right(case.before)
    return SwappedLabels(sum(known), len(known) - sum(known), sum(right(other)), len(case.asked))


def _planted(ward: PoisonTest, case: PoisonScenario, seed: int) -> tuple[PoisonTrial, tuple[DetectorTrial, ...]]:
    specimens = len({picture.specimen for picture in ward.enrolled})
    plan = PoisonPlan("planted stamp", Poison(stamp, keeps_labels=False), PoisonBudget(max(1, specimens // _PLANTED)))
    reached, taught = apply_poison(plan, case, seed=seed)
    clean, bad, hidden = ward.suspects(ward.enrolled), ward.suspects(taught), altered_specimens(ward.enrolled, taught)
    return reached, tuple(evaluate_detector(name, clean, bad, hidden) for name in ward.detectors)
