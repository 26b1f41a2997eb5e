"""Results of attacks, poisons, detectors and checks; the JSON of a stress result has the names of these fields."""

from dataclasses import dataclass
from enum import StrEnum

from reports.identity import Library


class CheckState(StrEnum):
    """How a check ended."""

    HELD = "held"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class AttackResult:
    """An attack, and how it ended on each image; images are listed by the digests of their pixels."""

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
    def images(self) -> tuple[str, ...]:
        """Return every image that was attacked."""
        return (*self.held, *self.fooled, *self.silenced, *self.unfinished)

    @property
    def ran(self) -> bool:
        """Say whether every image was attacked to the end."""
        return self.problem is None and not self.unfinished and bool(self.images)


@dataclass(frozen=True, slots=True)
class PoisonResult:
    """A poison of an enrolment, and what it reached, in counts of labels."""

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
    def ran(self) -> bool:
        return self.problem is None

    @property
    def reach(self) -> str:
        """Return how many of those that were to pass did."""
        return f"{self.passed} of {self.aimed}"


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """A detector of poison, and what it flagged of planted poison and of the clean enrolment."""

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
    """A sanity check of the stress test itself."""

    id: str
    title: str
    held: CheckState
    evidence: str


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a stress test was computed, and with what."""

    code: str  # SHA-256 over the sources
    released: bool
    device: str
    threads: int
    seed: int
    seconds: int
    libraries: tuple[Library, ...]
    atlas: str  # versions of the taxonomies
    nist: str
