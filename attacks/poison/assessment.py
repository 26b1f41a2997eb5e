"""The poison part of a stress test: all poisons, a control of the certificates, and a control of the detectors.

A bundle's own enrolment images are not at hand, so the model is enrolled again, with its encoder, its number of forests
and its seed, on images that no attack uses. The figures are of that enrolment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from attacks.harness import Progress
from attacks.images import LabelledImage
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
from attacks.trials import problem_of

_PLANTED = 10  # the planted control stamps one specimen of so many


@dataclass(frozen=True, slots=True, eq=False)
class PoisonTest:
    """The enrolment to poison, the poisons, and the detectors to try on a planted stamp."""

    learner: Learner
    enrolled: Sequence[LabelledImage]
    queries: Sequence[LabelledImage]
    tolerance: Tolerance
    features_of: Callable[[Sequence[LabelledImage]], SpecimenFeatures]
    plans: tuple[PoisonPlan, ...]
    detectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SwappedLabels:
    """How many certified labels are right, wrong, and right after an enrolment with all labels swapped."""

    right: int
    wrong: int
    swapped: int
    of: int


@dataclass(frozen=True, slots=True)
class PoisonAssessment:
    trials: tuple[PoisonTrial, ...]
    swapped: SwappedLabels | None
    detectors: tuple[DetectorTrial, ...]
    problem: str | None = None  # of the controls or the detectors


def assess_poison(test: PoisonTest, *, seed: int, progress: Progress | None = None) -> PoisonAssessment:
    """Run every poison, swap the labels, and try every detector; what raises is a problem, not an outcome."""
    try:
        model = test.learner.enrol(test.enrolled)
        scenario = PoisonScenario(test.learner, test.enrolled, test.queries, model, test.tolerance)
    except Exception as e:  # any: without an enrolment no poison can run
        problem = problem_of(e)
        trials = [failed_trial(plan, problem) for plan in test.plans]
        return PoisonAssessment(tuple(trials), None, _untried(test), problem)
    trials = []
    for number, plan in enumerate(test.plans):
        if progress is not None:
            progress(plan.name, number, len(test.plans))
        trials.append(run_poison(plan, scenario, seed=seed))
    try:
        return PoisonAssessment(tuple(trials), _swapped(scenario), _detectors(test, scenario, seed))
    except Exception as e:  # any: a control that did not run is no control
        return PoisonAssessment(tuple(trials), None, _untried(test), problem_of(e))


def _untried(test: PoisonTest) -> tuple[DetectorTrial, ...]:
    return tuple(DetectorTrial(name, 0, 0, 0, 0, 0, 0) for name in test.detectors)


def _swapped(scenario: PoisonScenario) -> SwappedLabels:
    swapped = scenario.learner.enrol([replace(image, authentic=not image.authentic) for image in scenario.enrolled])

    def right(model: EnrolledModel) -> list[bool]:
        """Return whether each label is right, of those that are certified against one altered specimen."""
        votes = model.votes([image.plane for image in scenario.queries])
        pairs = zip(votes, scenario.queries, strict=True)
        return [is_authentic(vote) is image.authentic for vote, image in pairs if scenario.tolerance(vote) >= 1]

    certified = right(scenario.clean_model)
    count = sum(certified)
    return SwappedLabels(count, len(certified) - count, sum(right(swapped)), len(scenario.queries))


def _detectors(test: PoisonTest, scenario: PoisonScenario, seed: int) -> tuple[DetectorTrial, ...]:
    if not test.detectors:
        return ()
    specimens = len({image.specimen for image in test.enrolled})
    plan = PoisonPlan("planted stamp", Poison(stamp, keeps_labels=False), PoisonBudget(max(1, specimens // _PLANTED)))
    _, poisoned = apply_poison(plan, scenario, seed=seed)
    clean, planted = test.features_of(test.enrolled), test.features_of(poisoned)
    altered = altered_specimens(test.enrolled, poisoned)
    return tuple(evaluate_detector(name, clean, planted, altered) for name in test.detectors)
