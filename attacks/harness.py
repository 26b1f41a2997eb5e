"""Runs attacks, and believes none of them: ART proposes, we dispose.

1. Only pictures that are judged rightly are attacked.
2. Each attack gets a random state and a working folder of its own, and its output is caught.
3. What it hands in is brought back into the budget, saved at the picture's own depth and loaded again.
4. The full pipeline is asked about the loaded plane, and about the best that the attack met on its way.
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
from attacks.outcome import End, Found, Knowledge, Result, Trial, problem_of
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

Progress = Callable[[str, int, int], None]  # attack, pictures done, pictures in all


class Attack(Protocol):
    """Changes pictures so that they are taken for the other class."""

    @property
    def budget(self) -> Budget:
        """Return how far a picture may be changed."""
        ...

    def __call__(self, session: AttackSession) -> UnitPlane:
        """Return a changed plane of the picture that the aim is at."""
        ...


@dataclass(frozen=True, slots=True)
class AttackPlan:
    """An attack that is asked for, under the name by which results are compared."""

    name: str
    family: str
    knowledge: Knowledge
    attack: Attack
    queries: int = 1_000_000  # of the full pipeline, for each picture


@dataclass(frozen=True, slots=True, eq=False)
class AttackRun:
    """What came of a plan: the outcome, the planes that were judged, and how long it took."""

    plan: AttackPlan
    result: Result
    planes: dict[str, Plane]
    seconds: float


def split_by_correctness(
    target: Target, pictures: Sequence[LabelledImage]
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """Return the pictures that are worth attacking, and the others that got an answer, as what they were taken for."""
    answers = target.predict([picture.plane for picture in pictures])
    pairs = list(zip(pictures, answers, strict=True))
    right = [picture for picture, answer in pairs if answer.authentic is picture.authentic]
    wrong = [
        replace(picture, authentic=answer.authentic)
        for picture, answer in pairs
        if answer.authentic is not None and answer.authentic is not picture.authentic
    ]
    return right, wrong


def run_attack(
    plan: AttackPlan,
    target: Target,
    pictures: Sequence[LabelledImage],
    *,
    seed: int,
    until: float = float("inf"),
    watch: Progress | None = None,
    starts: Sequence[LabelledImage] = (),
) -> AttackRun:
    """Attack every picture; an attack that breaks down is an outcome, and never a pass.

    `starts` are more pictures to set out from, each of the class that the target holds it for. What comes of a picture
    depends on seed, attack and picture alone, and on the others where it sets out from one.
    """
    trials, planes, started = list[Trial](), dict[str, Plane](), time.monotonic()
    problem: str | None = None
    limits = AttackLimits(plan.queries, until)
    memory: dict[str, Any] = {"seed": derived_seed(seed, plan.name, "")}
    for number, picture in enumerate(pictures):
        own = derived_seed(seed, plan.name, picture.digest)
        session = AttackSession(
            target,
            picture,
            plan.attack.budget,
            seed=own,
            limits=limits,
            pool=pictures,
            starts=starts,
            memory=memory,
        )
        end: End | None = None
        found: UnitPlane | None = None
        try:
            with isolated(own):
                found = plan.attack(session)
            quantise(picture, found, plan.attack.budget)  # refuses what is no plane
        except QueriesSpentError:
            found = _nearest(session.log)
        except DeadlineError as e:
            problem, end, found = problem or str(e), End.LATE, None
        except Exception as e:  # whatever an attack may raise: it did not run, and that is reported
            problem, end, found = problem or problem_of(e), End.FAILED, None
        try:
            trial, judged = _disposed(target, session.log, found, plan, end)
        except Exception as e:  # nor did it, if the target itself breaks down
            problem, judged = problem or problem_of(e), picture.plane
            trial = _trial(session.log, judged, End.FAILED, Found.HANDED_IN, claimed=False)
        trials.append(trial)
        planes[picture.name] = judged
        if watch is not None:
            watch(plan.name, number + 1, len(pictures))
    result = Result(plan.name, plan.family, plan.knowledge, plan.attack.budget, tuple(trials), problem)
    return AttackRun(plan, result, planes, time.monotonic() - started)


def _disposed(
    target: Target, log: AttackLog, found: UnitPlane | None, plan: AttackPlan, end: End | None
) -> tuple[Trial, Plane]:
    """Return what the full pipeline says of what an attack handed in, or else of more of it, or of what it met.

    The first that is taken for the other class counts, else one that gets no answer, else what was handed in. An attack
    that handed in nothing ended otherwise (`end`), and that nothing else fooled the pipeline says nothing.
    """
    picture = log.image
    claimed = log.fooled_within_budget
    if plan.knowledge is Knowledge.WHITE and found is not None:
        claimed = _fools_twin(target, picture, found)
    judged = []
    for where, plane in _candidates(log, found, plan):
        judged.append((end_of(picture, _asked(target, plane)), where, plane))
        if judged[-1][0] is End.FOOLED:
            break
    best = min(judged, key=lambda one: (End.FOOLED, End.SILENCED, End.HELD).index(one[0]), default=None)
    if best is None or (end is not None and best[0] is not End.FOOLED):
        best = (end or End.FAILED, Found.HANDED_IN, picture.plane)
    return _trial(log, best[2], best[0], best[1], claimed=claimed), best[2]


def _candidates(log: AttackLog, found: UnitPlane | None, plan: AttackPlan) -> Iterator[tuple[Found, Plane]]:
    """Yield planes within the budget: what was handed in, the same enlarged, and the best that were met on the way."""
    picture, budget = log.image, plan.attack.budget
    if found is not None:
        handed = quantise(picture, found, budget)
        if log.best_plane is None or not np.array_equal(handed, picture.plane):  # else it gave up, and lost the best
            yield Found.HANDED_IN, handed
        more = scale_to_budget(picture, found, budget)
        if more is not None:
            yield Found.STRETCHED, quantise(picture, more, budget)
    if log.best_plane is not None and (found is None or not np.array_equal(log.best_plane, found)):
        yield Found.ON_THE_WAY, quantise(picture, log.best_plane, budget)
    if log.fooled_within_budget and log.nearest_fooling is not None:
        yield Found.ON_THE_WAY, log.nearest_fooling


def _fools_twin(target: Target, picture: LabelledImage, found: UnitPlane) -> bool:
    """Say whether the twin takes what was handed in, as it is, for the other class."""
    with torch.no_grad():
        logits = target.logits(torch.from_numpy(found.clip(0, 1)).float()[None, None])
    return bool(margin(logits, authentic=picture.authentic) > 0)


def _nearest(log: AttackLog) -> UnitPlane:
    """Return the nearest plane of the other class that was met, or the picture itself."""
    plane = log.image.plane if log.nearest_fooling is None else log.nearest_fooling
    return plane.astype(np.float64) / log.image.top


def _asked(target: Target, plane: Plane) -> Prediction:
    (answer,) = target.predict([decode_png(encode_png(plane))])
    return answer


def end_of(picture: LabelledImage, answer: Prediction) -> End:
    """Return what an answer makes of an attack."""
    if answer.authentic is None:
        return End.SILENCED
    return End.HELD if answer.authentic is picture.authentic else End.FOOLED


def _trial(log: AttackLog, plane: Plane, end: End, found: Found, *, claimed: bool) -> Trial:
    picture = log.image
    steps = int(np.abs(plane.astype(np.int64) - picture.plane.astype(np.int64)).max())
    return Trial(
        picture.name,
        picture.digest,
        picture.authentic,
        end,
        plane_digest(plane),
        steps,
        f"{distance(picture.plane, plane, log.budget.norm):.6f}",
        not steps,
        found,
        claimed,
        None if log.nearest_fooling is None else f"{log.nearest_size:.6f}",
        log.start,
        log.queries,
        log.passes,
    )
