"""What a suite asks of a model, reckoned before it starts: questions of the whole pipeline, and passes of its twin.

A pass is a plane that goes through the twin, forward or back. The factors were counted in runs; what an attack really
takes depends on how soon it succeeds, so a reckoning is good to a factor of two or three, and leans to the larger side.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from attacks.art.estimators import BLOCKS
from attacks.catalogue import CATALOGUE, Effort
from attacks.outcome import Knowledge
from attacks.poison.catalogue import POISONS
from attacks.transformations import TRANSFORMATIONS

_JUDGED = 2  # questions about what an attack hands in, or met on its way


@dataclass(frozen=True, slots=True)
class Cost:
    """What is asked for one picture."""

    questions: float = 0.0
    passes: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        """Return both together."""
        return Cost(self.questions + other.questions, self.passes + other.passes)

    def seconds(self, question: float, one_pass: float) -> float:
        """Return how long it takes, by what one of each was seen to take."""
        return self.questions * question + self.passes * one_pass


Reckon = Callable[[Effort], float]


def _each(factor: float) -> Reckon:
    """Return so many passes for each step, from each start."""
    return lambda effort: factor * (effort.steps + 2) * effort.restarts


def _once(factor: float, besides: float = 2) -> Reckon:
    """Return so many passes for each step, and some besides."""
    return lambda effort: factor * effort.steps + besides


def _searched(factor: float, searches: int) -> Reckon:
    """Return so many passes for each step of each search; restarts are more searches."""
    return lambda effort: factor * effort.steps * (effort.restarts + searches)


# By attack: passes for each picture. What is not named goes forward and back for every step.
_PASSES: dict[str, Reckon] = {
    "fgsm": _once(0, 3),
    "transfer": _once(0, 0),
    "art-fgsm": _once(0, 4),
    "art-fgsm-minimal": _once(0, 24),
    "art-apgd": _each(3),
    "art-acg": _each(3),
    "art-racg": _each(3),
    "carlini-l2": _searched(8.5, 3),
    "carlini-linf": _once(36, 280),
    "carlini-l0": _searched(17, 3),
    "deep-fool": _once(3, 3),
    "newton-fool": _once(3),
    "elastic-net": _searched(6, 8),
    "jsma": _once(0, 1000),  # by the picture's size and the budget, not by steps
    "virtual": _once(BLOCKS**2 + 1),
    "spatial": _once(0, 16),
    "wasserstein": _once(3),
    "composite": lambda effort: 142 * effort.restarts,
    "universal": lambda effort: 15 * (effort.restarts + 2),
    "universal-targeted": lambda effort: 5 * (effort.restarts + 3),
    "patch": _once(10),
}
# By check: what it asks for each picture, by the number of steps of the strongest attack.
_CHECKS: dict[str, Callable[[int], Cost]] = {
    "S05": lambda steps: Cost(5 * _JUDGED, 10 * steps),
    "S06": lambda steps: Cost(_JUDGED, 4 * steps),
    "S07": lambda steps: Cost(_JUDGED, 3),
    "S08": lambda steps: Cost(_JUDGED, 4 * steps),
    "S09": lambda steps: Cost(_JUDGED, 4 * steps),
    "S10": lambda steps: Cost(0, 4),
    "S14": lambda steps: Cost(20, 0),
    "S24": lambda steps: Cost(0, 2 * steps),
    "S25": lambda steps: Cost(0, 12),
}


_SHARED = {"S05", "S07", "S08", "S09"}


def of_attack(name: str, effort: Effort) -> Cost:
    """Return what an attack asks of one picture."""
    entry = CATALOGUE[name]
    if entry.family == "platforms":
        return Cost(len(TRANSFORMATIONS[name][1]) + _JUDGED)
    if entry.knowledge is Knowledge.BLACK:
        return Cost(effort.queries + _JUDGED)
    return Cost(_JUDGED, 1 + _PASSES.get(name, _each(2))(effort))


def of_poisons(asked: Sequence[tuple[str, int, int]], *, enrolled: int, images: int) -> Cost:
    """Return what poisons take in all, by name, specimens and steps; whatever was seen once is kept."""
    altered = sum(specimens for _, specimens, _ in asked)
    woken = 1 + len(asked)  # with and without what wakes a poison up
    passes = sum(2 * POISONS[name].rounds * (steps + 1) * specimens for name, specimens, steps in asked)
    return Cost(enrolled + woken * images + altered, passes) if asked else Cost()


def of_suite(attacks: Sequence[tuple[str, Effort]], checks: Sequence[str]) -> Cost:
    """Return what attacks and checks ask of one picture."""
    steps = max((effort.steps for _, effort in attacks), default=0)
    white = [name for name, _ in attacks if CATALOGUE[name].knowledge is Knowledge.WHITE]
    total = Cost(questions=1)  # is it judged rightly?
    for name, effort in attacks:
        total += of_attack(name, effort)
    for check in checks:
        total += _CHECKS[check](steps) if check in _CHECKS else Cost()
    if _SHARED & set(checks):
        total += Cost(_JUDGED, 2 * steps)  # one run of equal steps, for all of them
    if "S02" in checks:
        total += Cost(len(attacks))
    if "S22" in checks:
        total += Cost(0, 1 + len(white))
    return total
