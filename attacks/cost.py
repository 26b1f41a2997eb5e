"""The cost of an attack on one image: queries of the full pipeline, and passes through its surrogate.

A pass is one plane through the surrogate, forward or backward. The factors in the catalogue were counted in runs; the
true cost depends on how early an attack succeeds, so an estimate is good to a factor of two or three, and rather high.
"""

from collections.abc import Callable
from dataclasses import dataclass

JUDGING = 2  # queries of the harness: the plane that an attack returns, and the best one that it met


@dataclass(frozen=True, slots=True)
class Effort:
    """How long an attack may try on each image."""

    steps: int = 10
    restarts: int = 1
    queries: int = 1000

    def __post_init__(self) -> None:
        if min(self.steps, self.restarts, self.queries) < 1:
            raise ValueError(f"{self}: steps, restarts and queries are whole numbers from 1")


@dataclass(frozen=True, slots=True)
class Cost:
    queries: float = 0.0
    passes: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.queries + other.queries, self.passes + other.passes)

    def seconds(self, query: float, one_pass: float) -> float:
        """Return the duration, given the measured seconds of a query and of a pass."""
        return self.queries * query + self.passes * one_pass


Passes = Callable[[Effort], float]


def fixed(count: float) -> Passes:
    """Return a number of passes that no setting changes."""
    return lambda effort: count


def per_step(factor: float, extra: float = 2) -> Passes:
    """Return passes for each step, and extra ones."""
    return lambda effort: factor * effort.steps + extra


def per_restart(factor: float, *, extra: int = 0) -> Passes:
    """Return passes for each restart, and for extra ones that an attack always makes."""
    return lambda effort: factor * (effort.restarts + extra)


def per_start_and_step(factor: float = 2) -> Passes:
    """Return passes for each step from each start: 2 are one gradient."""
    return lambda effort: factor * (effort.steps + 2) * effort.restarts


def per_search_and_step(factor: float, *, extra: int) -> Passes:
    """Return passes for each step of each search; a restart is one more search."""
    return lambda effort: factor * effort.steps * (effort.restarts + extra)
