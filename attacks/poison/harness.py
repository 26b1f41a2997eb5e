"""Poisoning under supervision: the poison proposes, the model learns again and decides.

1. What was handed in is held against the allowance: so many specimens, each with its own pictures and one label; what
   keeps its label is brought back into its budget. Each picture goes through a file.
2. The model learns from the poisoned enrolment.
3. It is asked what it was asked before, and, where a trigger wakes the poison up, with the trigger, too.
4. A label that was certified against so many altered specimens and is another one now breaks the certificate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import torch

from attacks.apart import apart, own_seed
from attacks.outcome import problem_of
from attacks.pictures import Picture, Plane, load, save, settle
from attacks.poison.scene import Allowed, Dose, Learner, Learnt, Poison, Scene, Votes

Tolerance = Callable[[Votes], int]  # how many altered specimens a vote stands; whoever runs poison passes it in


@dataclass(frozen=True, slots=True)
class PoisonPlan:
    """A poison and how much of it."""

    name: str
    poison: Poison
    allowed: Allowed


@dataclass(frozen=True, slots=True)
class Reached:
    """What a poison reached, in whole numbers and digests."""

    poison: str
    keeps_labels: bool
    specimens: int  # that it altered
    pictures: int
    asked: int  # labels that were compared, with and without trigger
    turned: tuple[str, ...]  # digests of planes whose label is another one now
    aimed: int  # counterfeits that were to pass
    passed: tuple[str, ...]  # those that did, and had not before
    certified: int  # labels that stand so many altered specimens, as was said before
    broken: tuple[str, ...]  # those of them that are another one now: there must be none
    right_before: int  # of the pictures that were asked about as they are
    right_after: int
    problem: str | None = None

    @property
    def ran(self) -> bool:
        """Say whether it did what it was to do."""
        return self.problem is None


def run_poison(
    plan: PoisonPlan,
    learner: Learner,
    enrolled: Sequence[Picture],
    asked: Sequence[Picture],
    *,
    tolerance: Tolerance,
    seed: int,
    before: Learnt | None = None,
) -> Reached:
    """Poison an enrolment, and say what came of it; a poison that breaks down is told from one that fails."""
    own = own_seed(seed, plan.name, "")
    try:
        with apart(own):
            clean = before or learner.learn(enrolled)
            target = _target(learner, clean, enrolled, asked)
            scene = Scene(learner, enrolled, asked, target, plan.allowed, np.random.default_rng(own))
            dose = plan.poison(scene)
            taught, touched = administered(plan, enrolled, dose)  # 1
            return _compared(plan, scene, dose, clean, learner.learn(taught), touched, tolerance)  # 2
    except Exception as e:  # whatever it may be: a poison that did not run has shown nothing
        return broke(plan, problem_of(e))


def _target(learner: Learner, clean: Learnt, enrolled: Sequence[Picture], asked: Sequence[Picture]) -> Picture:
    """Return the counterfeit that passes most easily: fewest votes against it, then what lies nearest to the others."""
    votes = clean.votes([picture.plane for picture in asked])
    false = [(said, p) for said, p in zip(votes, asked, strict=True) if not p.authentic and not _label(said)]
    if not false:
        raise ValueError("no counterfeit is there that is known for one, so none could pass")
    fewest = min(said[0] - said[1] for said, _ in false)
    nearest = [picture for said, picture in false if said[0] - said[1] == fewest]
    goal = torch.stack([learner.rows(picture.plane).mean(0) for picture in enrolled if picture.authentic]).mean(0)
    return min(nearest, key=lambda picture: float((learner.rows(picture.plane).mean(0) - goal).norm()))


def administered(plan: PoisonPlan, enrolled: Sequence[Picture], dose: Dose) -> tuple[list[Picture], int]:
    """Return the poisoned enrolment, and how many specimens were altered; more than is allowed is refused."""
    known = {picture.name: picture for picture in enrolled}
    if strangers := sorted(set(dose.pictures) - set(known)):
        raise ValueError(f"{plan.name}: {strangers[0]!r} is no enrolled picture")
    taught = list(enrolled)
    for place, clean in enumerate(enrolled):
        if clean.name in dose.pictures:
            taught[place] = _through_file(plan, clean, dose.pictures[clean.name])
    labels: dict[str, bool] = {}
    for picture in taught:
        if labels.setdefault(picture.specimen, picture.authentic) is not picture.authentic:
            raise ValueError(f"{plan.name}: specimen {picture.specimen!r} has two labels")
    altered = {c.specimen for c, t in zip(enrolled, taught, strict=True) if c is not t and not _same(c, t)}
    if not altered:
        raise ValueError(f"{plan.name}: altered nothing")
    if len(altered) > plan.allowed.specimens:
        raise ValueError(f"{plan.name}: altered {len(altered)} specimens, {plan.allowed.specimens} are allowed")
    return taught, len(altered)


def _through_file(plan: PoisonPlan, clean: Picture, found: Picture) -> Picture:
    if (found.name, found.specimen) != (clean.name, clean.specimen):
        raise ValueError(f"{plan.name}: {clean.name!r} was swapped, and not altered in place")
    plane = found.plane
    if plan.poison.keeps_labels:
        if found.authentic is not clean.authentic:
            raise ValueError(f"{plan.name}: {clean.name!r} has another label, and labels are kept")
        plane = settle(clean, found.unit, plan.allowed.budget)
    return replace(found, plane=load(save(plane)))


def _same(first: Picture, second: Picture) -> bool:
    return first.authentic is second.authentic and first.digest == second.digest


def _compared(
    plan: PoisonPlan,
    scene: Scene,
    dose: Dose,
    clean: Learnt,
    poisoned: Learnt,
    touched: int,
    tolerance: Tolerance,
) -> Reached:  # 3
    plain = [picture.plane for picture in scene.asked]
    woken = [dose.trigger(picture.plane) for picture in scene.asked] if dose.trigger else []
    planes = [*plain, *woken]
    before, after = clean.votes(planes), poisoned.votes(planes)
    changed = [_label(was) is not _label(now) for was, now in zip(before, after, strict=True)]
    sure = [tolerance(was) >= touched for was in before]
    truth = [picture.authentic for picture in scene.asked]
    if dose.trigger:  # every counterfeit with the trigger is to pass
        goals = [len(plain) + place for place, authentic in enumerate(truth) if not authentic]
    else:
        goals = [scene.asked.index(scene.target)]
    return Reached(
        plan.name,
        plan.poison.keeps_labels,
        touched,
        len(dose.pictures),
        len(planes),
        _digests(planes, changed),
        len(goals),
        _digests(planes, [place in goals and changed[place] and _label(after[place]) for place in range(len(planes))]),
        sum(sure),
        _digests(planes, [a and b for a, b in zip(sure, changed, strict=True)]),  # 4
        sum(_label(votes) is authentic for votes, authentic in zip(before, truth, strict=False)),
        sum(_label(votes) is authentic for votes, authentic in zip(after, truth, strict=False)),
    )


def _label(votes: Votes) -> bool:
    return votes[1] > votes[0]


def _digests(planes: Sequence[Plane], which: Sequence[bool]) -> tuple[str, ...]:
    return tuple(sorted(sha256(save(plane)).hexdigest() for plane, taken in zip(planes, which, strict=True) if taken))


def broke(plan: PoisonPlan, problem: str) -> Reached:
    """Return what came of a poison that did not run."""
    return Reached(plan.name, plan.poison.keeps_labels, 0, 0, 0, (), 0, (), 0, (), 0, 0, problem)
