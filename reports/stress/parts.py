"""What a stress test's result is made of: attacks, poisons, detectors, checks and gates, and words for how they end."""

from dataclasses import dataclass
from enum import StrEnum

from reports.identity import Library


class Word(StrEnum):
    """What a stress test comes to."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INCONCLUSIVE = "INCONCLUSIVE"


class Held(StrEnum):
    """What came of a check."""

    HELD = "held"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


class Gate(StrEnum):
    """What came of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    UNDECIDED = "undecided"
    UNASKED = "not asked"  # of a first result, which has nothing to be compared with


class Severity(StrEnum):
    """How bad it is that a gate failed."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Tried:
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
class Harmed:
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
class Watched:
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
class Checked:
    """One check of the run itself."""

    id: str
    title: str
    held: Held
    evidence: str


@dataclass(frozen=True, slots=True)
class Gated:
    """One gate of the policy."""

    name: str
    passed: Gate
    severity: Severity
    count: int
    of: int
    said: str


@dataclass(frozen=True, slots=True)
class Taken:
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
