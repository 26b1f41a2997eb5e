"""Gates: what a stress test must show to pass, and how that is decided from counts of images.

A gate takes an end of a confidence interval, or an exact comparison with a baseline, and a least number of images. With
fewer images, or with nothing to compare with, it is undecided, and never passed. One that failed can be waived up to a
date, and is reported as waived. Whoever makes a result and whoever verifies one call `decide`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reports.stress.statistics import mcnemar, wilson

HeldImages = Mapping[str, Mapping[str, bool]]  # by attack and digest of an image: whether its right answer held


class Metric(StrEnum):
    """What a gate bounds."""

    HELD = "held"  # the share of all images that keep their right answer; one that never had it does not
    REGRESSIONS = "regressions"  # images that held in the baseline and do not now, against those that do again


class Bound(StrEnum):
    """Which end of the 95 % interval a gate compares."""

    LOWER = "lower"
    POINT = "point"
    UPPER = "upper"


class Slice(StrEnum):
    """Which images a gate is about."""

    ALL = "all"
    AUTHENTIC = "authentic"
    COUNTERFEIT = "counterfeit"


class Severity(StrEnum):
    """What a failed gate does: an error fails the stress test, the others are reported."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class GateOutcome(StrEnum):
    """How a gate ended."""

    PASSED = "passed"
    FAILED = "failed"
    WAIVED = "waived"
    UNDECIDED = "undecided"
    UNASKED = "not asked"  # of a first result, which has nothing to be compared with


@dataclass(frozen=True, slots=True)
class Waiver:
    """Until when a gate may fail, and why."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold under one attack, or under the worst of all for each image."""

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
        if self.compares and not self.value:
            raise ValueError("a gate of regressions with value 0: no loss is rarer than that")

    @property
    def compares(self) -> bool:
        """Say whether it needs a baseline."""
        return self.metric is Metric.REGRESSIONS

    @property
    def name(self) -> str:
        """Return the gate's name in every output; it holds no number, so that a history outlives other values."""
        return f"{self.metric}/{self.attack or 'worst'}/{self.slice}"


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of images that decide a gate; counts that contradict each other raise `ValueError`."""

    of: int
    held: int  # that keep their right answer
    before: int | None = None  # that held in the baseline; None: no baseline of all these images
    lost: int = 0  # that held in the baseline and do not now

    def __post_init__(self) -> None:
        before = self.before or 0
        if not (0 <= self.held <= self.of and 0 <= self.lost <= before and 0 <= self.gained <= self.of - before):
            raise ValueError(f"{self.held} of {self.of} hold, {before} did before, and {self.lost} of them are lost")

    @property
    def gained(self) -> int:
        """Return how many did not hold in the baseline and do now."""
        return 0 if self.before is None else self.held - (self.before - self.lost)


@dataclass(frozen=True, slots=True)
class GateResult:
    """How a gate ended, and the counts that say so."""

    name: str
    passed: GateOutcome
    severity: Severity
    count: int  # images that held; for regressions, images that no longer do
    of: int
    said: str
    before: int | None = None  # for regressions, images that held in the baseline, if there is one of these images


def tally(gate: Gate, held: HeldImages, authentic: Collection[str], baseline: HeldImages | None = None) -> Tally:
    """Count the images of a gate's slice; `authentic` are the digests of all authentic ones."""
    now = {
        digest: holds
        for digest, holds in (_by_image(held, gate.attack) or {}).items()
        if gate.slice is Slice.ALL or (gate.slice is Slice.AUTHENTIC) == (digest in authentic)
    }
    then = None
    if baseline is not None and gate.compares and (gate.attack is not None or held.keys() == baseline.keys()):
        then = _by_image(baseline, gate.attack)  # the worst of other attacks is no baseline
    if then is None or not now.keys() <= then.keys():
        return Tally(len(now), sum(now.values()))
    lost = sum(then[digest] and not holds for digest, holds in now.items())
    return Tally(len(now), sum(now.values()), sum(then[digest] for digest in now), lost)


def _by_image(held: HeldImages, attack: str | None) -> Mapping[str, bool] | None:
    """Return which images held under an attack, or under every one; attacks on different images have no worst."""
    if attack is not None:
        return held.get(attack)
    if len({frozenset(images) for images in held.values()}) != 1:
        return None
    attacks = list(held.values())
    return {digest: all(images[digest] for images in attacks) for digest in attacks[0]}


def decide(gate: Gate, counts: Tally, now: datetime, *, first: bool = False) -> GateResult:
    """Decide a gate; of a `first` result, one that compares is not asked."""
    outcome, said = _decided(gate, counts)
    if gate.compares and first:
        outcome, said = GateOutcome.UNASKED, "a first result: nothing to compare with"
    if outcome is GateOutcome.FAILED and gate.waiver is not None:
        day = f"{gate.waiver.until:%Y-%m-%d}"
        if now < gate.waiver.until:
            outcome, said = GateOutcome.WAIVED, f"{said}; waived until {day}: {gate.waiver.reason}"
        else:
            said = f"{said}; its waiver ended at {day}"
    count = counts.lost if gate.compares else counts.held
    return GateResult(gate.name, outcome, gate.severity, count, counts.of, said, counts.before)


def refuse_foregone(gate: Gate, of: int) -> None:
    """Raise `ValueError` if a gate about so many images ends in one way only, whatever becomes of them."""
    worst, best = (_decided(gate, Tally(of, held, of, of - held))[0] for held in (0, of))
    if worst is best:
        raise ValueError(f"gate {gate.name} is {best} whether all of its {of} images hold or none of them")


def _decided(gate: Gate, counts: Tally) -> tuple[GateOutcome, str]:
    held, of, value = counts.held, counts.of, gate.value
    if of < gate.least:
        return GateOutcome.UNDECIDED, f"{of} images, {gate.least} at least are needed to say anything"
    if gate.compares:
        return _compared(value, counts)
    low, high = wilson(held, of)
    compared = {Bound.LOWER: low, Bound.POINT: held / of, Bound.UPPER: high}[gate.bound]
    said = f"{held} of {of} held ({low:.1%} to {high:.1%}); {gate.bound} {compared:.1%}, least {value:.1%}"
    return (GateOutcome.PASSED if compared >= value else GateOutcome.FAILED), said


def _compared(value: float, counts: Tally) -> tuple[GateOutcome, str]:
    """Compare image by image: a difference of two shares would call chance a regression."""
    if counts.before is None:
        return GateOutcome.UNDECIDED, "no baseline of these images: nothing to compare with"
    if (chance := mcnemar(counts.before, 0)) >= value:
        said = f"{counts.before} images held before: were all of them lost, it could be chance (p = {chance:.4f})"
        return GateOutcome.UNDECIDED, said
    chance = mcnemar(counts.lost, counts.gained)
    said = f"{counts.lost} images no longer hold, {counts.gained} do again; by chance with p = {chance:.4f}, "
    return (GateOutcome.FAILED if chance < value else GateOutcome.PASSED), f"{said}least {value}"
