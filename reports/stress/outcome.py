"""The outcome of a stress test: one rule, for those who make a result and those who verify it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from reports.stress.gates import GateOutcome, GateResult, Severity
from reports.stress.records import CheckResult, CheckState
from reports.stress.statistics import wilson

CLEAN_ACCURACY = "S32"  # the check that a verifier makes again
ACCURACY_CRITERION = "accuracy before any attack is at least the floor"


class Outcome(StrEnum):
    """The outcome of a stress test."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INCONCLUSIVE = "INCONCLUSIVE"


class Attempt(Protocol):
    """An attack or a poison, as far as the outcome depends on it."""

    @property
    def name(self) -> str: ...
    @property
    def problem(self) -> str | None: ...
    @property
    def ran(self) -> bool: ...


class PoisonAttempt(Attempt, Protocol):
    """A poison that may have turned certified labels."""

    @property
    def broken(self) -> object: ...


class DetectorAttempt(Protocol):
    """A detector of poison, and how many specimens were planted for it."""

    @property
    def name(self) -> str: ...
    @property
    def planted(self) -> int: ...


def outcome_of(
    *,
    attacks: Sequence[Attempt],
    poisons: Sequence[PoisonAttempt],
    detectors: Sequence[DetectorAttempt],
    checks: Sequence[CheckResult],
    gates: Sequence[GateResult],
    detector_problem: str | None = None,
) -> tuple[Outcome, tuple[str, ...]]:
    """Return the outcome, and the reasons why it is not PASSED.

    INCONCLUSIVE if a check failed, nothing was attacked, an attack or poison did not run to its end, a poison turned a
    certified label, a detector was not tried, a gate is undecided, or no gate was asked that could fail the test; else
    FAILED if such a gate failed.
    """
    doubts = [f"{check.id} {check.title}: {check.evidence}" for check in checks if check.held is CheckState.FAILED]
    doubts += [f"{one.name} did not run to its end: {one.problem or 'no image'}" for one in attacks if not one.ran]
    doubts += [f"poison {one.name} did not run: {one.problem}" for one in poisons if not one.ran]
    doubts += [f"poison {one.name} turned a certified label" for one in poisons if one.broken]
    untried = ", ".join(one.name for one in detectors if not one.planted)
    doubts += [f"detectors were not tried, {untried}: {detector_problem}"] if untried else []
    doubts += [f"gate {gate.name}: {gate.said}" for gate in gates if gate.passed is GateOutcome.UNDECIDED]
    doubts += [] if attacks else ["nothing was attacked"]
    strict = [gate for gate in gates if gate.severity is Severity.ERROR and gate.passed is not GateOutcome.UNASKED]
    doubts += [] if strict else ["no gate was asked for that could fail the run"]
    failed = [f"gate {gate.name}: {gate.said}" for gate in strict if gate.passed is GateOutcome.FAILED]
    if doubts:
        return Outcome.INCONCLUSIVE, (*doubts, *failed)
    return (Outcome.FAILED if failed else Outcome.PASSED), tuple(failed)


def clean_accuracy(right: int, of: int, floor: float) -> tuple[CheckState, str]:
    """Return whether the accuracy before any attack reaches the floor, and the counts as evidence."""
    low, high = wilson(right, of)
    evidence = f"{right} of {of} right before any attack ({low:.1%} to {high:.1%}), at least {floor:.0%}"
    return CheckState.HELD if right >= floor * of and right > 0 else CheckState.FAILED, evidence
