"""Gates: what a result must show to pass, by the bound of an interval, with a least number of images."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Metric(StrEnum):
    """What is measured."""

    HELD = "held"  # the share of all pictures that keep their right answer; one that never had it does not
    REGRESSIONS = "regressions"  # pairs that held in the baseline and do not now, against those that do again


class Bound(StrEnum):
    """Which end of the 95 % interval is compared."""

    LOWER = "lower"
    POINT = "point"
    UPPER = "upper"


class Slice(StrEnum):
    """Of which pictures."""

    ALL = "all"
    AUTHENTIC = "authentic"
    COUNTERFEIT = "counterfeit"


class Severity(StrEnum):
    """How bad it is that a gate failed."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class GateOutcome(StrEnum):
    """What came of a gate."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    UNDECIDED = "undecided"
    UNASKED = "not asked"  # of a first result, which has nothing to be compared with


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who looked away until when, and why."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold of one attack, or of the worst of all for each picture."""

    metric: Metric
    value: float  # least share that holds; for regressions, the p-value below which they are not chance
    attack: str | None = None
    bound: Bound = Bound.LOWER
    least: int = 8
    slice: Slice = Slice.ALL
    severity: Severity = Severity.ERROR
    waiver: Waiver | None = None

    def __post_init__(self) -> None:
        """Refuse a gate that nothing can fail."""
        if self.metric is Metric.REGRESSIONS and not self.value:
            raise ValueError("a gate of regressions with value 0: no loss is rarer than that")

    @property
    def name(self) -> str:
        """Return what a gate is called in every output: numbers have no part in it."""
        return f"{self.metric}/{self.attack or 'worst'}/{self.slice}"
