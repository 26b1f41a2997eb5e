"""All poison of a run, what detectors make of one that was planted, and what a certificate is worth under wrong names.

An enrolment is made for it of pictures that nobody attacked, since that of a bundle is not at hand: what is measured is
the way a model is taught, with its encoder, its number of forests and its seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from attacks.apart import own_seed
from attacks.outcome import problem_of
from attacks.pictures import Picture
from attacks.poison.detect import Evaluated, Suspects, evaluated
from attacks.poison.harness import PoisonPlan, Reached, Tolerance, administered, broke, run_poison
from attacks.poison.plain import stamp
from attacks.poison.scene import Allowed, ByHand, Learner, Learnt, Scene

_PLANTED = 10  # every so many specimens get a stamp, for detectors to find
Watch = Callable[[str, int, int], None]


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
    learner, enrolled = ward.learner, ward.enrolled
    try:
        before = learner.learn(enrolled)
    except Exception as e:  # whatever it may be: nothing was poisoned then
        problem = problem_of(e)
        return Poisoned(tuple(broke(plan, problem) for plan in ward.plans), None, None, _unmade(ward), problem)
    reached = []
    for number, plan in enumerate(ward.plans):
        if watch is not None:
            watch(plan.name, number, len(ward.plans))
        found = run_poison(plan, learner, enrolled, ward.asked, tolerance=ward.tolerance, seed=seed, before=before)
        reached.append(found)
    try:
        named = _named(ward, before)
        planted, seen = _planted(ward, before, seed) if ward.detectors else (None, ())
    except Exception as e:  # nor is a control believed that broke down
        return Poisoned(tuple(reached), None, None, _unmade(ward), problem_of(e))
    return Poisoned(tuple(reached), named, planted, seen)


def _unmade(ward: Ward) -> tuple[Evaluated, ...]:
    """Return for each detector that nothing was planted for it to find."""
    return tuple(Evaluated(name, 0, 0, 0, 0, 0, 0) for name in ward.detectors)


def _named(ward: Ward, before: Learnt) -> Named:
    other = ward.learner.learn([replace(picture, authentic=not picture.authentic) for picture in ward.enrolled])
    planes = [picture.plane for picture in ward.asked]

    def sure(learnt: Learnt, *, right: bool) -> int:
        pairs = zip(learnt.votes(planes), ward.asked, strict=True)
        return sum(
            ward.tolerance(said) >= 1 and ((said[1] > said[0]) is picture.authentic) is right for said, picture in pairs
        )

    return Named(sure(before, right=True), sure(before, right=False), sure(other, right=True), len(planes))


def _planted(ward: Ward, before: Learnt, seed: int) -> tuple[Reached, tuple[Evaluated, ...]]:
    specimens = len({picture.specimen for picture in ward.enrolled})
    plan = PoisonPlan("planted stamp", ByHand(stamp), Allowed(max(1, specimens // _PLANTED)))
    reached = run_poison(
        plan, ward.learner, ward.enrolled, ward.asked, tolerance=ward.tolerance, seed=seed, before=before
    )
    if reached.problem is not None:
        raise ValueError(reached.problem)
    false = next(picture for picture in ward.asked if not picture.authentic)
    rng = np.random.default_rng(own_seed(seed, plan.name, ""))
    dose = plan.poison(Scene(ward.learner, ward.enrolled, ward.asked, false, plan.allowed, rng))
    taught, _ = administered(plan, ward.enrolled, dose)
    hidden = sorted({picture.specimen for picture in dose.pictures.values()})
    clean, bad = ward.suspects(ward.enrolled), ward.suspects(taught)
    return reached, tuple(evaluated(name, clean, bad, hidden) for name in ward.detectors)
