"""What a stress test's result is made of: attacks, poisons, detectors, checks and gates, and words for how they end."""

from dataclasses import dataclass
from enum import StrEnum

from reports.identity import Library
from reports.stress.gates import GateOutcome, Severity


class CheckState(StrEnum):
    """What came of a check."""

    HELD = "held"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class AttackResult:
    """One attack, and what became of each picture, by digest of its pixels."""

    name: str
    family: str
    knowledge: str
    norm: str
    size: str
    held: tuple[str, ...]
    fooled: tuple[str, ...]
    sizes: tuple[str, ...]  # of the changes that fooled, one for each, in the budget's norm
    silenced: tuple[str, ...]
    unfinished: tuple[str, ...]
    queries: int
    passes: int
    problem: str | None
    atlas: str
    nist: str

    @property
    def bounded(self) -> bool:
        """Say whether the budget bounds anything."""
        return self.norm != "linf" or float(self.size) < 1

    @property
    def pictures(self) -> tuple[str, ...]:
        """Return every picture that was attacked."""
        return (*self.held, *self.fooled, *self.silenced, *self.unfinished)


@dataclass(frozen=True, slots=True)
class PoisonResult:
    """One poison of an enrolment, and what it reached, in counts of labels."""

    name: str
    keeps_labels: bool
    specimens: int  # that it altered
    asked: int  # labels that were compared, with and without what wakes it up
    turned: int
    aimed: int  # counterfeits that were to pass
    passed: int
    certified: int  # labels that stand so many altered specimens
    broken: int  # those of them that turned: none may
    problem: str | None
    atlas: str
    nist: str

    @property
    def reach(self) -> str:
        """Return what came of its aim."""
        return f"{self.passed} of {self.aimed}"


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """One detector of poison, and what it made of poison that was planted and of the set itself."""

    name: str
    found: int
    planted: int
    alarms: int
    clean: int
    clean_alarms: int
    clean_all: int
    counts: bool  # whether its flags mean anything on this model


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of the run itself."""

    id: str
    title: str
    held: CheckState
    evidence: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate of the policy."""

    name: str
    passed: GateOutcome
    severity: Severity
    count: int
    of: int
    said: str


@dataclass(frozen=True, slots=True)
class Environment:
    """Where it was computed, and with what."""

    code: str  # SHA-256 over the sources
    released: bool
    device: str
    threads: int
    seed: int
    seconds: int
    libraries: tuple[Library, ...]
    atlas: str  # versions of the taxonomies
    nist: str
