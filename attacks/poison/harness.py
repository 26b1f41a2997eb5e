"""Running poisons, and judging their results independently of them.

1. The poisoned enrolment is compared with the clean one: so many specimens, each with its own images and one label.
   Images that keep their label are projected back into the budget. Every image goes through a file.
2. The model is enrolled with the poisoned images.
3. Clean and poisoned model vote on the same images, and on the same images with the trigger if there is one.
4. A certificate against as many altered specimens is broken by any label that changed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from attacks.images import LabelledImage, decode_png, encode_png, plane_digest, quantise
from attacks.isolation import derived_seed, isolated
from attacks.poison.threat import (
    EnrolledModel,
    Learner,
    Poison,
    PoisonBudget,
    PoisonContext,
    PoisonedSpecimens,
    VoteCounts,
    is_authentic,
)
from attacks.trials import problem_of

Tolerance = Callable[[VoteCounts], int]  # altered specimens that a certificate tolerates


@dataclass(frozen=True, slots=True)
class PoisonPlan:
    name: str
    poison: Poison
    allowed: PoisonBudget


@dataclass(frozen=True, slots=True)
class PoisonTrial:
    """The results of a poison, in whole numbers and digests."""

    poison: str
    keeps_labels: bool
    specimens: int  # altered
    images: int  # altered
    asked: int  # labels compared, with and without the trigger
    turned: tuple[str, ...]  # digests of the planes whose label changed
    aimed: int  # counterfeits that the poison wants accepted
    passed: tuple[str, ...]  # digests of the aimed planes that the poisoned model alone accepts
    certified: int  # labels whose certificate covers as many altered specimens
    broken: tuple[str, ...]  # digests of certified planes whose label changed: there must be none
    right_before: int  # labels of the clean model, of the images without the trigger
    right_after: int  # of the poisoned model
    problem: str | None = None

    @property
    def name(self) -> str:
        return self.poison

    @property
    def ran(self) -> bool:
        return self.problem is None


@dataclass(frozen=True, slots=True, eq=False)
class PoisonScenario:
    """An enrolment, the model that was enrolled with it, and the images that the model is asked about."""

    learner: Learner
    enrolled: Sequence[LabelledImage]
    queries: Sequence[LabelledImage]
    clean_model: EnrolledModel
    tolerance: Tolerance


def run_poison(plan: PoisonPlan, scenario: PoisonScenario, *, seed: int) -> PoisonTrial:
    """Return the trial of a poison; one that raises is a trial with a problem, never a model that withstood it."""
    try:
        return apply_poison(plan, scenario, seed=seed)[0]
    except Exception as e:  # any: the poison did not run
        return failed_trial(plan, problem_of(e))


def apply_poison(plan: PoisonPlan, scenario: PoisonScenario, *, seed: int) -> tuple[PoisonTrial, list[LabelledImage]]:
    """Return the trial of a poison and the poisoned enrolment; raises what the poison raises."""
    own = derived_seed(seed, plan.name, "")
    with isolated(own):
        rng = np.random.default_rng(own)
        target = _target(scenario)
        context = PoisonContext(scenario.learner, scenario.enrolled, scenario.queries, target, plan.allowed, rng)
        altered = plan.poison.act(context)
        poisoned = poisoned_enrolment(plan, scenario.enrolled, altered)  # 1
        return _compared(plan, scenario, target, altered, poisoned), poisoned


def _target(scenario: PoisonScenario) -> LabelledImage:
    """Return the easiest counterfeit: fewest votes against it, then the nearest to the mean authentic features."""
    votes = scenario.clean_model.votes([image.plane for image in scenario.queries])
    pairs = zip(votes, scenario.queries, strict=True)
    rejected = [(vote, image) for vote, image in pairs if not image.authentic and not is_authentic(vote)]
    if not rejected:
        raise ValueError("no counterfeit is classified as one, so a poison has nothing to make accepted")
    fewest = min(vote[0] - vote[1] for vote, _ in rejected)
    nearest = [image for vote, image in rejected if vote[0] - vote[1] == fewest]
    rows = scenario.learner.rows
    goal = torch.stack([rows(image.plane).mean(0) for image in scenario.enrolled if image.authentic]).mean(0)
    return min(nearest, key=lambda image: float((rows(image.plane).mean(0) - goal).norm()))


def poisoned_enrolment(
    plan: PoisonPlan, enrolled: Sequence[LabelledImage], altered: PoisonedSpecimens
) -> list[LabelledImage]:
    """Return the enrolment with altered images in place; raises where more was altered than is allowed."""
    clean_images = {image.name: image for image in enrolled}
    if strangers := sorted(set(altered.images) - set(clean_images)):
        raise ValueError(f"{plan.name}: {strangers[0]!r} is no enrolled image")
    poisoned = [
        _through_file(plan, clean, altered.images[clean.name]) if clean.name in altered.images else clean
        for clean in enrolled
    ]
    labels: dict[str, bool] = {}
    for image in poisoned:
        if labels.setdefault(image.specimen, image.authentic) is not image.authentic:
            raise ValueError(f"{plan.name}: specimen {image.specimen!r} has two labels")
    count = len(altered_specimens(enrolled, poisoned))
    if not count:
        raise ValueError(f"{plan.name}: altered nothing")
    if count > plan.allowed.specimens:
        raise ValueError(f"{plan.name}: altered {count} specimens, {plan.allowed.specimens} are allowed")
    return poisoned


def altered_specimens(enrolled: Sequence[LabelledImage], poisoned: Sequence[LabelledImage]) -> list[str]:
    """Return the specimens of which an image or the label differs."""
    pairs = zip(enrolled, poisoned, strict=True)
    return sorted({c.specimen for c, p in pairs if c is not p and (c.authentic, c.digest) != (p.authentic, p.digest)})


def _through_file(plan: PoisonPlan, clean: LabelledImage, altered: LabelledImage) -> LabelledImage:
    if (altered.name, altered.specimen) != (clean.name, clean.specimen):
        raise ValueError(f"{plan.name}: {clean.name!r} was swapped, and not altered in place")
    plane = altered.plane
    if plan.poison.keeps_labels:
        if altered.authentic is not clean.authentic:
            raise ValueError(f"{plan.name}: {clean.name!r} has another label, and labels are kept")
        plane = quantise(clean, altered.unit, plan.allowed.budget)
    return replace(altered, plane=decode_png(encode_png(plane)))


def _compared(
    plan: PoisonPlan,
    scenario: PoisonScenario,
    target: LabelledImage,
    altered: PoisonedSpecimens,
    poisoned: Sequence[LabelledImage],
) -> PoisonTrial:
    model, count = scenario.learner.enrol(poisoned), len(altered_specimens(scenario.enrolled, poisoned))  # 2
    plain = [image.plane for image in scenario.queries]
    planes = plain + [altered.trigger(plane) for plane in plain if altered.trigger is not None]
    votes = list(zip(scenario.clean_model.votes(planes), model.votes(planes), strict=True))  # 3
    turned = [at for at, (was, now) in enumerate(votes) if is_authentic(was) is not is_authentic(now)]
    certified = [at for at, (was, _) in enumerate(votes) if scenario.tolerance(was) >= count]
    if altered.trigger is None:
        aimed = [scenario.queries.index(target)]
    else:  # every counterfeit with the trigger is to be accepted
        aimed = [len(plain) + at for at, image in enumerate(scenario.queries) if not image.authentic]

    def digests(places: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(plane_digest(planes[at]) for at in places))

    def right(model_at: int) -> int:
        return sum(is_authentic(votes[at][model_at]) is image.authentic for at, image in enumerate(scenario.queries))

    return PoisonTrial(
        plan.name,
        plan.poison.keeps_labels,
        count,
        len(altered.images),
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
    return PoisonTrial(plan.name, plan.poison.keeps_labels, 0, 0, 0, (), 0, (), 0, (), 0, 0, problem)
