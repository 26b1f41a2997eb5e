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

from attacks.apart import apart, own_seed
from attacks.outcome import End, Found, Knowledge, Result, Trial, problem_of
from attacks.pictures import Budget, Picture, Plane, Unit, digest_of, distance, load, save, settle, stretch
from attacks.target import Aim, Answer, LateError, Limits, SpentError, Target, Watched, margin

Watch = Callable[[str, int, int], None]  # attack, pictures done, pictures in all


class Attack(Protocol):
    """Changes pictures so that they are taken for the other class."""

    @property
    def budget(self) -> Budget:
        """Return how far a picture may be changed."""
        ...

    def __call__(self, aim: Aim) -> Unit:
        """Return a changed plane of the picture that the aim is at."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """An attack that is asked for, under the name by which results are compared."""

    name: str
    family: str
    knowledge: Knowledge
    attack: Attack
    queries: int = 1_000_000  # of the full pipeline, for each picture


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What came of a plan: the outcome, the planes that were judged, and how long it took."""

    plan: Plan
    result: Result
    planes: dict[str, Plane]
    seconds: float


def judged_rightly(target: Target, pictures: Sequence[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Return the pictures that are worth attacking, and the others that got an answer, as what they were taken for."""
    answers = target.decide([picture.plane for picture in pictures])
    pairs = list(zip(pictures, answers, strict=True))
    right = [picture for picture, answer in pairs if answer.authentic is picture.authentic]
    wrong = [
        replace(picture, authentic=answer.authentic)
        for picture, answer in pairs
        if answer.authentic is not None and answer.authentic is not picture.authentic
    ]
    return right, wrong


def run(
    plan: Plan,
    target: Target,
    pictures: Sequence[Picture],
    *,
    seed: int,
    until: float = float("inf"),
    watch: Watch | None = None,
    starts: Sequence[Picture] = (),
) -> Run:
    """Attack every picture; an attack that breaks down is an outcome, and never a pass.

    `starts` are more pictures to set out from, each of the class that the target holds it for. What comes of a picture
    depends on seed, attack and picture alone, and on the others where it sets out from one.
    """
    trials, planes, started = list[Trial](), dict[str, Plane](), time.monotonic()
    problem: str | None = None
    limits = Limits(plan.queries, until)
    memory: dict[str, Any] = {"seed": own_seed(seed, plan.name, "")}
    for number, picture in enumerate(pictures):
        own = own_seed(seed, plan.name, picture.digest)
        aim = Aim(
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
        found: Unit | None = None
        try:
            with apart(own):
                found = plan.attack(aim)
            settle(picture, found, plan.attack.budget)  # refuses what is no plane
        except SpentError:
            found = _nearest(aim.watched)
        except LateError as e:
            problem, end, found = problem or str(e), End.LATE, None
        except Exception as e:  # whatever an attack may raise: it did not run, and that is reported
            problem, end, found = problem or problem_of(e), End.FAILED, None
        try:
            trial, judged = _disposed(target, aim.watched, found, plan, end)
        except Exception as e:  # nor did it, if the target itself breaks down
            problem, judged = problem or problem_of(e), picture.plane
            trial = _trial(aim.watched, judged, End.FAILED, Found.HANDED_IN, claimed=False)
        trials.append(trial)
        planes[picture.name] = judged
        if watch is not None:
            watch(plan.name, number + 1, len(pictures))
    result = Result(plan.name, plan.family, plan.knowledge, plan.attack.budget, tuple(trials), problem)
    return Run(plan, result, planes, time.monotonic() - started)


def _disposed(target: Target, watched: Watched, found: Unit | None, plan: Plan, end: End | None) -> tuple[Trial, Plane]:
    """Return what the full pipeline says of what an attack handed in, or else of more of it, or of what it met.

    The first that is taken for the other class counts, else one that gets no answer, else what was handed in. An attack
    that handed in nothing ended otherwise (`end`), and that nothing else fooled the pipeline says nothing.
    """
    picture = watched.picture
    claimed = watched.near
    if plan.knowledge is Knowledge.WHITE and found is not None:
        claimed = _fools_twin(target, picture, found)
    judged = []
    for where, plane in _candidates(watched, found, plan):
        judged.append((end_of(picture, _asked(target, plane)), where, plane))
        if judged[-1][0] is End.FOOLED:
            break
    best = min(judged, key=lambda one: (End.FOOLED, End.SILENCED, End.HELD).index(one[0]), default=None)
    if best is None or (end is not None and best[0] is not End.FOOLED):
        best = (end or End.FAILED, Found.HANDED_IN, picture.plane)
    return _trial(watched, best[2], best[0], best[1], claimed=claimed), best[2]


def _candidates(watched: Watched, found: Unit | None, plan: Plan) -> Iterator[tuple[Found, Plane]]:
    """Yield planes within the budget: what was handed in, the same enlarged, and the best that were met on the way."""
    picture, budget = watched.picture, plan.attack.budget
    if found is not None:
        handed = settle(picture, found, budget)
        if watched.peak is None or not np.array_equal(handed, picture.plane):  # else it gave up, and lost the best
            yield Found.HANDED_IN, handed
        more = stretch(picture, found, budget)
        if more is not None:
            yield Found.STRETCHED, settle(picture, more, budget)
    if watched.peak is not None and (found is None or not np.array_equal(watched.peak, found)):
        yield Found.ON_THE_WAY, settle(picture, watched.peak, budget)
    if watched.near and watched.nearest is not None:
        yield Found.ON_THE_WAY, watched.nearest


def _fools_twin(target: Target, picture: Picture, found: Unit) -> bool:
    """Say whether the twin takes what was handed in, as it is, for the other class."""
    with torch.no_grad():
        logits = target.logits(torch.from_numpy(found.clip(0, 1)).float()[None, None])
    return bool(margin(logits, authentic=picture.authentic) > 0)


def _nearest(watched: Watched) -> Unit:
    """Return the nearest plane of the other class that was met, or the picture itself."""
    plane = watched.picture.plane if watched.nearest is None else watched.nearest
    return plane.astype(np.float64) / watched.picture.top


def _asked(target: Target, plane: Plane) -> Answer:
    (answer,) = target.decide([load(save(plane))])
    return answer


def end_of(picture: Picture, answer: Answer) -> End:
    """Return what an answer makes of an attack."""
    if answer.authentic is None:
        return End.SILENCED
    return End.HELD if answer.authentic is picture.authentic else End.FOOLED


def _trial(watched: Watched, plane: Plane, end: End, found: Found, *, claimed: bool) -> Trial:
    picture = watched.picture
    steps = int(np.abs(plane.astype(np.int64) - picture.plane.astype(np.int64)).max())
    return Trial(
        picture.name,
        picture.digest,
        picture.authentic,
        end,
        digest_of(plane),
        steps,
        f"{distance(picture.plane, plane, watched.budget.norm):.6f}",
        not steps,
        found,
        claimed,
        None if watched.nearest is None else f"{watched.size:.6f}",
        watched.start,
        watched.queries,
        watched.passes,
    )
