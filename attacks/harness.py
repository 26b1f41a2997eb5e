"""Running attacks, and judging their results independently of them.

1. Only images that are classified rightly are attacked.
2. Each attack runs isolated: with seeded random states, an empty working folder, and no output.
3. The plane that it returns is projected into the budget, saved at the image's own depth, and loaded again.
4. The full pipeline judges the loaded plane, and the best planes that the attack met during its search.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch

from attacks.images import (
    Budget,
    LabelledImage,
    Plane,
    UnitPlane,
    decode_png,
    distance,
    encode_png,
    plane_digest,
    quantise,
    scale_to_budget,
)
from attacks.isolation import derived_seed, isolated
from attacks.target import (
    AttackLimits,
    AttackLog,
    AttackSession,
    DeadlineError,
    Prediction,
    QueriesSpentError,
    Target,
    margin,
)
from attacks.trials import AttackTrials, End, Knowledge, PlaneSource, Trial, problem_of

Progress = Callable[[str, int, int], None]  # attack, images done, images in all


class Attack(Protocol):
    @property
    def budget(self) -> Budget: ...

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return a changed plane of the session's image; within the budget or not, whole greys or not."""


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """An attack with its settings, under the name by which results are compared."""

    name: str
    family: str
    knowledge: Knowledge
    attack: Attack
    queries: int = 1_000_000  # of the full pipeline, for each image


@dataclass(frozen=True, slots=True, eq=False)
class AttackRun:
    plan: AttackPlan
    result: AttackTrials
    planes: dict[str, Plane]  # the plane that decided each trial, by image
    seconds: float


def split_by_correctness(
    target: Target, images: Sequence[LabelledImage]
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """Return the images that are classified rightly, and those classified wrongly, with the predicted class."""
    pairs = list(zip(images, target.predict([image.plane for image in images]), strict=True))
    right = [image for image, prediction in pairs if prediction.authentic is image.authentic]
    wrong = [
        replace(image, authentic=prediction.authentic)
        for image, prediction in pairs
        if prediction.authentic is not None and prediction.authentic is not image.authentic
    ]
    return right, wrong


def run_attack(
    plan: AttackPlan,
    target: Target,
    images: Sequence[LabelledImage],
    *,
    seed: int,
    until: float = float("inf"),
    progress: Progress | None = None,
    starts: Sequence[LabelledImage] = (),
) -> AttackRun:
    """Attack every image; an attack that raises is recorded as a problem, never as a model that withstood it.

    `starts` are further images to start from, with their predicted class. An image's trial depends on the seed, the
    plan and the image, and on the other images only where the attack starts from one or trains on them.
    """
    trials, planes, started = list[Trial](), dict[str, Plane](), time.monotonic()
    problem: str | None = None
    limits = AttackLimits(plan.queries, until)
    memory: dict[str, Any] = {"seed": derived_seed(seed, plan.name, "")}
    for number, image in enumerate(images):
        own = derived_seed(seed, plan.name, image.digest)
        budget = plan.attack.budget
        session = AttackSession(
            target, image, budget, seed=own, limits=limits, pool=images, starts=starts, memory=memory
        )
        end: End | None = None
        returned: UnitPlane | None = None
        try:
            with isolated(own):
                returned = plan.attack(session)
            quantise(image, returned, plan.attack.budget)  # raises on another shape
        except QueriesSpentError:
            returned = _nearest(session.log)
        except DeadlineError as e:
            problem, end, returned = problem or str(e), End.LATE, None
        except Exception as e:  # any: the attack did not run
            problem, end, returned = problem or problem_of(e), End.FAILED, None
        try:
            trial, judged = _judged(target, session.log, returned, plan, end)
        except Exception as e:  # any: the target raised, so the attack did not run either
            problem, judged = problem or problem_of(e), image.plane
            trial = _trial(session.log, judged, End.FAILED, PlaneSource.RETURNED, claimed=False)
        trials.append(trial)
        planes[image.name] = judged
        if progress is not None:
            progress(plan.name, number + 1, len(images))
    result = AttackTrials(plan.name, plan.family, plan.knowledge, plan.attack.budget, tuple(trials), problem)
    return AttackRun(plan, result, planes, time.monotonic() - started)


def _judged(
    target: Target, log: AttackLog, returned: UnitPlane | None, plan: AttackPlan, end: End | None
) -> tuple[Trial, Plane]:
    """Return the trial and its plane: the first candidate that fools, else one without a label, else the first.

    Where the attack returned nothing, `end` says why, and stands unless a candidate fools.
    """
    image = log.image
    claimed = log.fooled_within_budget
    if plan.knowledge is Knowledge.WHITE and returned is not None:
        claimed = _fools_surrogate(target, image, returned)
    judged = []
    for source, plane in _candidates(log, returned, plan):
        judged.append((end_of(image, _predicted(target, plane)), source, plane))
        if judged[-1][0] is End.FOOLED:
            break
    order = (End.FOOLED, End.SILENCED, End.HELD)
    best = min(judged, key=lambda candidate: order.index(candidate[0]), default=None)
    if best is None or (end is not None and best[0] is not End.FOOLED):
        best = (end or End.FAILED, PlaneSource.RETURNED, image.plane)
    return _trial(log, best[2], best[0], best[1], claimed=claimed), best[2]


def _candidates(log: AttackLog, returned: UnitPlane | None, plan: AttackPlan) -> Iterator[tuple[PlaneSource, Plane]]:
    """Yield planes within the budget: the returned one, its change enlarged, and the best ones of the search."""
    image, budget = log.image, plan.attack.budget
    if returned is not None:
        plane = quantise(image, returned, budget)
        if log.best_plane is None or not np.array_equal(plane, image.plane):  # an unchanged image is no best plane
            yield PlaneSource.RETURNED, plane
        enlarged = scale_to_budget(image, returned, budget)
        if enlarged is not None:
            yield PlaneSource.ENLARGED, quantise(image, enlarged, budget)
    if log.best_plane is not None and (returned is None or not np.array_equal(log.best_plane, returned)):
        yield PlaneSource.ON_THE_WAY, quantise(image, log.best_plane, budget)
    if log.fooled_within_budget and log.nearest_fooling is not None:
        yield PlaneSource.ON_THE_WAY, log.nearest_fooling


def _fools_surrogate(target: Target, image: LabelledImage, unit: UnitPlane) -> bool:
    """Return whether the surrogate misclassifies a plane before it is rounded."""
    with torch.no_grad():
        logits = target.logits(torch.from_numpy(unit.clip(0, 1)).float()[None, None])
    return bool(margin(logits, authentic=image.authentic) > 0)


def _nearest(log: AttackLog) -> UnitPlane:
    """Return the smallest change that fooled, or the image itself."""
    plane = log.image.plane if log.nearest_fooling is None else log.nearest_fooling
    return plane.astype(np.float64) / log.image.top


def _predicted(target: Target, plane: Plane) -> Prediction:
    (prediction,) = target.predict([decode_png(encode_png(plane))])
    return prediction


def end_of(image: LabelledImage, prediction: Prediction) -> End:
    """Return how a trial ends that leads to a prediction."""
    if prediction.authentic is None:
        return End.SILENCED
    return End.HELD if prediction.authentic is image.authentic else End.FOOLED


def _trial(log: AttackLog, plane: Plane, end: End, source: PlaneSource, *, claimed: bool) -> Trial:
    image = log.image
    steps = int(np.abs(plane.astype(np.int64) - image.plane.astype(np.int64)).max())
    return Trial(
        image.name,
        image.digest,
        image.authentic,
        end,
        plane_digest(plane),
        steps,
        f"{distance(image.plane, plane, log.budget.norm):.6f}",
        not steps,
        source,
        claimed,
        None if log.nearest_fooling is None else f"{log.nearest_size:.6f}",
        log.start,
        log.queries,
        log.passes,
    )
