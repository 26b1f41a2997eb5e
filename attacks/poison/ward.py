"""All poison of a run, what detectors make of one that was planted, and what a certificate is worth under wrong names.

An enrolment is made for it of pictures that nobody attacked, since that of a bundle is not at hand: what is measured is
the way a model is taught, with its encoder, its number of forests and its seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from attacks.harness import Watch
from attacks.outcome import problem_of
from attacks.pictures import Picture
from attacks.poison.detect import Evaluated, Suspects, evaluated
from attacks.poison.harness import Case, PoisonPlan, Reached, Tolerance, altered, broke, poison, run_poison
from attacks.poison.plain import stamp
from attacks.poison.scene import Allowed, Learner, Learnt, Poison, is_authentic

_PLANTED = 10  # every so many specimens get a stamp, for detectors to find


@dataclass(frozen=True, slots=True, eq=False)
class Ward:
    """Who is poisoned, and with what."""

    learner: Learner
    enrolled: Sequence[Picture]
    asked: Sequence[Picture]
    tolerance: Tolerance
    suspects: Callable[[Sequence[Picture]], Suspects]
    plans: tuple[PoisonPlan, ...]
    detectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """Labels that stand one altered specimen: right ones, wrong ones, and right ones after all names were swapped."""

    right: int
    wrong: int
    swapped: int
    of: int


@dataclass(frozen=True, slots=True)
class Poisoned:
    """What came of it."""

    reached: tuple[Reached, ...]
    named: Named | None
    planted: Reached | None  # the stamp that detectors were to find
    evaluated: tuple[Evaluated, ...]
    problem: str | None = None  # controls or detectors broke down


def poisoned(ward: Ward, *, seed: int, watch: Watch | None = None) -> Poisoned:
    """Poison, plant and detect."""
    try:
        case = Case(ward.learner, ward.enrolled, ward.asked, ward.learner.learn(ward.enrolled), ward.tolerance)
    except Exception as e:  # whatever it may be: nothing was poisoned then
        problem = problem_of(e)
        return Poisoned(tuple(broke(plan, problem) for plan in ward.plans), None, None, _unmade(ward), problem)
    reached = []
    for number, plan in enumerate(ward.plans):
        if watch is not None:
            watch(plan.name, number, len(ward.plans))
        reached.append(run_poison(plan, case, seed=seed))
    try:
        named = _named(case)
        planted, seen = _planted(ward, case, seed) if ward.detectors else (None, ())
    except Exception as e:  # nor is a control believed that broke down
        return Poisoned(tuple(reached), None, None, _unmade(ward), problem_of(e))
    return Poisoned(tuple(reached), named, planted, seen)


def _unmade(ward: Ward) -> tuple[Evaluated, ...]:
    """Return for each detector that nothing was planted for it to find."""
    return tuple(Evaluated(name, 0, 0, 0, 0, 0, 0) for name in ward.detectors)


def _named(case: Case) -> Named:
    other = case.learner.learn([replace(picture, authentic=not picture.authentic) for picture in case.enrolled])

    def right(learnt: Learnt) -> list[bool]:
        """Return whether each label is right, of those that stand an altered specimen."""
        votes = learnt.votes([picture.plane for picture in case.asked])
        pairs = zip(votes, case.asked, strict=True)
        return [is_authentic(said) is picture.authentic for said, picture in pairs if case.tolerance(said) >= 1]

    known = right(case.before)
    return Named(sum(known), len(known) - sum(known), sum(right(other)), len(case.asked))


def _planted(ward: Ward, case: Case, seed: int) -> tuple[Reached, tuple[Evaluated, ...]]:
    specimens = len({picture.specimen for picture in ward.enrolled})
    plan = PoisonPlan("planted stamp", Poison(stamp, keeps_labels=False), Allowed(max(1, specimens // _PLANTED)))
    reached, taught = poison(plan, case, seed=seed)
    clean, bad, hidden = ward.suspects(ward.enrolled), ward.suspects(taught), altered(ward.enrolled, taught)
    return reached, tuple(evaluated(name, clean, bad, hidden) for name in ward.detectors)
