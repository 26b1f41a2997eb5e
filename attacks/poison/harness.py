"""Poisoning under supervision: the poison proposes, the model learns again and decides.

1. What was handed in is held against the allowance: so many specimens, each with its own pictures and one label; what
   keeps its label is brought back into its budget. Each picture goes through a file.
2. The model learns from the poisoned enrolment.
3. It is asked what it was asked before, and, where a trigger wakes the poison up, with the trigger, too.
4. A label that was certified against so many altered specimens and is another one now breaks the certificate.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from attacks.images import LabelledImage, decode_png, encode_png, plane_digest, quantise
from attacks.isolation import derived_seed, isolated
from attacks.outcome import problem_of
from attacks.poison.threat import (
    EnrolledModel,
    Learner,
    Poison,
    PoisonBudget,
    PoisonContext,
    PoisonedSpecimens,
    Votes,
    is_authentic,
)

Tolerance = Callable[[Votes], int]  # how many altered specimens a vote stands; whoever runs poison passes it in


@dataclass(frozen=True, slots=True)
class PoisonPlan:
    """A poison and how much of it."""

    name: str
    poison: Poison
    allowed: PoisonBudget


@dataclass(frozen=True, slots=True)
class PoisonTrial:
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


@dataclass(frozen=True, slots=True, eq=False)
class PoisonScenario:
    """An enrolment, what was learnt from it, and the pictures that it is asked about."""

    learner: Learner
    enrolled: Sequence[LabelledImage]
    asked: Sequence[LabelledImage]
    before: EnrolledModel
    tolerance: Tolerance


def run_poison(plan: PoisonPlan, case: PoisonScenario, *, seed: int) -> PoisonTrial:
    """Poison an enrolment, and say what came of it; a poison that breaks down is told from one that fails."""
    try:
        return apply_poison(plan, case, seed=seed)[0]
    except Exception as e:  # whatever it may be: a poison that did not run has shown nothing
        return failed_trial(plan, problem_of(e))


def apply_poison(plan: PoisonPlan, case: PoisonScenario, *, seed: int) -> tuple[PoisonTrial, list[LabelledImage]]:
    """Return what came of a poison, and the enrolment with it."""
    own = derived_seed(seed, plan.name, "")
    with isolated(own):
        rng = np.random.default_rng(own)
        scene = PoisonContext(case.learner, case.enrolled, case.asked, _target(case), plan.allowed, rng)
        dose = plan.poison.act(scene)
        taught = poisoned_enrolment(plan, case.enrolled, dose)  # 1
        return _compared(plan, case, scene.target, dose, taught), taught


def _target(case: PoisonScenario) -> LabelledImage:
    """Return the counterfeit that passes most easily: fewest votes against it, then what lies nearest to the others."""
    votes = case.before.votes([picture.plane for picture in case.asked])
    false = [(said, p) for said, p in zip(votes, case.asked, strict=True) if not p.authentic and not is_authentic(said)]
    if not false:
        raise ValueError("no counterfeit is there that is known for one, so none could pass")
    fewest = min(said[0] - said[1] for said, _ in false)
    nearest = [picture for said, picture in false if said[0] - said[1] == fewest]
    rows = case.learner.rows
    goal = torch.stack([rows(picture.plane).mean(0) for picture in case.enrolled if picture.authentic]).mean(0)
    return min(nearest, key=lambda picture: float((rows(picture.plane).mean(0) - goal).norm()))


def poisoned_enrolment(
    plan: PoisonPlan, enrolled: Sequence[LabelledImage], dose: PoisonedSpecimens
) -> list[LabelledImage]:
    """Return the poisoned enrolment; more than is allowed is refused."""
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
    touched = len(altered_specimens(enrolled, taught))
    if not touched:
        raise ValueError(f"{plan.name}: altered nothing")
    if touched > plan.allowed.specimens:
        raise ValueError(f"{plan.name}: altered {touched} specimens, {plan.allowed.specimens} are allowed")
    return taught


def altered_specimens(enrolled: Sequence[LabelledImage], taught: Sequence[LabelledImage]) -> list[str]:
    """Return the specimens of which a picture or the label is another one now."""
    pairs = zip(enrolled, taught, strict=True)
    return sorted({c.specimen for c, t in pairs if c is not t and (c.authentic, c.digest) != (t.authentic, t.digest)})


def _through_file(plan: PoisonPlan, clean: LabelledImage, found: LabelledImage) -> LabelledImage:
    if (found.name, found.specimen) != (clean.name, clean.specimen):
        raise ValueError(f"{plan.name}: {clean.name!r} was swapped, and not altered in place")
    plane = found.plane
    if plan.poison.keeps_labels:
        if found.authentic is not clean.authentic:
            raise ValueError(f"{plan.name}: {clean.name!r} has another label, and labels are kept")
        plane = quantise(clean, found.unit, plan.allowed.budget)
    return replace(found, plane=decode_png(encode_png(plane)))


def _compared(
    plan: PoisonPlan,
    case: PoisonScenario,
    target: LabelledImage,
    dose: PoisonedSpecimens,
    taught: Sequence[LabelledImage],
) -> PoisonTrial:
    poisoned, touched = case.learner.learn(taught), len(altered_specimens(case.enrolled, taught))  # 2
    plain = [picture.plane for picture in case.asked]
    planes = plain + [dose.trigger(plane) for plane in plain if dose.trigger is not None]
    votes = list(zip(case.before.votes(planes), poisoned.votes(planes), strict=True))  # 3
    turned = [at for at, (was, now) in enumerate(votes) if is_authentic(was) is not is_authentic(now)]
    certified = [at for at, (was, _) in enumerate(votes) if case.tolerance(was) >= touched]
    if dose.trigger is None:
        aimed = [case.asked.index(target)]
    else:  # every counterfeit with the trigger is to pass
        aimed = [len(plain) + at for at, picture in enumerate(case.asked) if not picture.authentic]

    def digests(places: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(plane_digest(planes[at]) for at in places))

    def right(when: int) -> int:
        return sum(is_authentic(votes[at][when]) is picture.authentic for at, picture in enumerate(case.asked))

    return PoisonTrial(
        plan.name,
        plan.poison.keeps_labels,
        touched,
        len(dose.pictures),
        len(planes),
        digests(turned),
        len(aimed),
        digests(at for at in aimed if at in turned and is_authentic(votes[at][1])),
        len(certified),
        digests(set(certified) & set(turned)),  # 4
        right(0),
        right(1),
    )


def failed_trial(plan: PoisonPlan, problem: str) -> PoisonTrial:
    """Return what came of a poison that did not run."""
    return PoisonTrial(plan.name, plan.poison.keeps_labels, 0, 0, 0, (), 0, (), 0, (), 0, 0, problem)
