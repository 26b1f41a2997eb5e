"""Gates: what a result must show to pass, by the bound of an interval, with a least number of pictures.

A gate with too few pictures, or with nothing to compare with, is undecided, and never passed. One that failed can be
waived up to a date, and is reported as waived.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from attacks.outcome import End, Result
from reports.stress.gates import Bound, Gate, GateOutcome, Metric, Slice
from reports.stress.statistics import mcnemar, wilson


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a gate, and the counts that it came from."""

    gate: Gate
    passed: GateOutcome
    count: int  # pictures that held; for regressions, pictures that no longer do
    of: int
    said: str


Baseline = Mapping[str, Mapping[str, bool]]  # attack, picture's digest: whether it held
# By the digest of a picture that was judged wrongly before any attack: whether it is authentic.
Missed = Mapping[str, bool]


def decide_gates(
    gates: Sequence[Gate],
    results: Sequence[Result],
    missed: Missed,
    *,
    baseline: Baseline | None,
    now: datetime,
    first: bool = False,
) -> list[Decision]:
    """Decide every gate; of a `first` result those that compare are not asked."""
    if first and baseline is not None:
        raise ValueError("a first result has no baseline")
    found = [_waived(_decided(gate, results, missed, baseline), now) for gate in gates]
    compares = [first and gate.metric is Metric.REGRESSIONS for gate in gates]
    return [_unasked(one) if unasked else one for one, unasked in zip(found, compares, strict=True)]


def _unasked(decision: Decision) -> Decision:
    return replace(decision, passed=GateOutcome.UNASKED, said="a first result: nothing to compare with")


def held_by_picture(
    results: Sequence[Result], missed: Missed, attack: str | None, part: Slice = Slice.ALL
) -> dict[str, bool]:
    """Return for each picture's digest whether it kept its right answer under an attack, or under every one."""
    found: dict[str, bool] = {}
    if any(attack in (None, result.attack) for result in results):
        wanted = {Slice.ALL: (True, False), Slice.AUTHENTIC: (True,), Slice.COUNTERFEIT: (False,)}[part]
        found |= {digest: False for digest, authentic in missed.items() if authentic in wanted}
    for result in results:
        if attack is not None and result.attack != attack:
            continue
        for trial in result.trials:
            if part is Slice.ALL or (part is Slice.AUTHENTIC) == trial.authentic:
                found[trial.digest] = found.get(trial.digest, True) and trial.end is End.HELD
    return found


def _decided(gate: Gate, results: Sequence[Result], missed: Missed, baseline: Baseline | None) -> Decision:
    now = held_by_picture(results, missed, gate.attack, gate.slice)
    if len(now) < gate.least:
        said = f"{len(now)} pictures, {gate.least} at least are needed to say anything"
        return Decision(gate, GateOutcome.UNDECIDED, sum(now.values()), len(now), said)
    if gate.metric is Metric.REGRESSIONS:
        return _compared(gate, now, baseline)
    held, of = sum(now.values()), len(now)
    low, high = wilson(held, of)
    compared = {Bound.LOWER: low, Bound.POINT: held / of, Bound.UPPER: high}[gate.bound]
    said = f"{held} of {of} held ({low:.1%} to {high:.1%}); {gate.bound} {compared:.1%}, least {gate.value:.1%}"
    return Decision(gate, GateOutcome.PASSED if compared >= gate.value else GateOutcome.FAILED, held, of, said)


def _compared(gate: Gate, now: Mapping[str, bool], baseline: Baseline | None) -> Decision:
    """Compare pair by pair: a difference of two shares would call chance a regression."""
    then = _then(baseline, gate.attack)
    if then is None or then.keys() & now.keys() != now.keys():
        said = "no baseline" if then is None else "the baseline is of other pictures"
        return Decision(gate, GateOutcome.UNDECIDED, 0, len(now), f"{said}: nothing to compare with")
    were = sum(then[digest] for digest in now)
    if mcnemar(were, 0) >= gate.value:
        said = f"{were} pictures held before: were all of them lost, it could be chance (p = {mcnemar(were, 0):.4f})"
        return Decision(gate, GateOutcome.UNDECIDED, 0, len(now), said)
    worse = sum(then[digest] and not held for digest, held in now.items())
    better = sum(not then[digest] and held for digest, held in now.items())
    chance = mcnemar(worse, better)
    said = f"{worse} pictures no longer hold, {better} do again; by chance with p = {chance:.4f}, least {gate.value}"
    return Decision(gate, GateOutcome.FAILED if chance < gate.value else GateOutcome.PASSED, worse, len(now), said)


def _then(baseline: Baseline | None, attack: str | None) -> Mapping[str, bool] | None:
    if baseline is None:
        return None
    if attack is not None:
        return baseline.get(attack)
    worst: dict[str, bool] = {}
    if len({frozenset(each) for each in baseline.values()}) != 1:
        return None  # attacks of other pictures have no worst
    for each in baseline.values():
        for digest, held in each.items():
            worst[digest] = worst.get(digest, True) and held
    return worst


def _waived(decision: Decision, now: datetime) -> Decision:
    waiver = decision.gate.waiver
    if decision.passed is not GateOutcome.FAILED or waiver is None:
        return decision
    if now >= waiver.until:
        return replace(decision, said=f"{decision.said}; its waiver ended at {waiver.until:%Y-%m-%d}")
    said = f"{decision.said}; waived until {waiver.until:%Y-%m-%d}: {waiver.reason}"
    return replace(decision, passed=GateOutcome.WAIVED, said=said)
