"""Gates: bounds of intervals, least numbers, pairs, and waivers that end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from scipy.stats import binomtest

from attacks.gates import Baseline, Decision, decide_gates, held_by_picture
from attacks.images import Budget, Norm
from attacks.outcome import End, Found, Knowledge, Result, Trial
from reports.stress.gates import Bound, Gate, GateOutcome, Metric, Slice, Waiver
from reports.stress.statistics import mcnemar, wilson

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def trial(number: int, end: End) -> Trial:
    digest = sha256(str(number).encode()).hexdigest()
    found = Found.HANDED_IN
    return Trial(f"p{number}", digest, number % 2 == 0, end, digest, 2, "0.1", False, found, False, None, "", 0, 20)


def result(attack: str, held: int, of: int = 20, other: End = End.FOOLED) -> Result:
    """Return a result in which the first so many pictures held."""
    trials = tuple(trial(number, End.HELD if number < held else other) for number in range(of))
    return Result(attack, "gradient", Knowledge.WHITE, Budget(Norm.LINF, 8 / 255), trials)


def decided(gate: Gate, *results: Result, baseline: Baseline | None = None) -> Decision:
    return decide_gates([gate], results, {}, baseline=baseline, now=NOW)[0]


@pytest.mark.parametrize(("count", "of"), [(0, 8), (8, 8), (3, 20), (10, 20), (997, 1000)])
def test_intervals_are_wilsons(count: int, of: int) -> None:
    said = binomtest(count, of).proportion_ci(method="wilson")
    assert wilson(count, of) == pytest.approx((said.low, said.high))


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (3, 0), (5, 5), (9, 2), (1, 7)])
def test_pairs_are_told_from_chance_exactly(worse: int, better: int) -> None:
    if worse + better:
        assert mcnemar(worse, better) == pytest.approx(binomtest(worse, worse + better, alternative="greater").pvalue)
    else:
        assert mcnemar(0, 0) == 1


@pytest.mark.parametrize(
    ("bound", "least", "passed"),
    [
        (Bound.LOWER, 0.50, GateOutcome.PASSED),  # 15 of 20: 53.1 to 88.8 %
        (Bound.LOWER, 0.55, GateOutcome.FAILED),
        (Bound.POINT, 0.75, GateOutcome.PASSED),
        (Bound.POINT, 0.76, GateOutcome.FAILED),
        (Bound.UPPER, 0.88, GateOutcome.PASSED),
        (Bound.UPPER, 0.89, GateOutcome.FAILED),
    ],
)
def test_the_bound_is_compared_that_the_gate_names(bound: Bound, least: float, passed: GateOutcome) -> None:
    assert decided(Gate(Metric.HELD, least, "pgd", bound), result("pgd", 15)).passed is passed


def test_the_worst_of_all_attacks_is_taken_picture_by_picture() -> None:
    second = result("square", 20)
    odd = tuple(replace(t, end=End.FOOLED) if t.picture == "p3" else t for t in second.trials)
    both = (result("pgd", 15), replace(second, trials=odd))
    held = held_by_picture(both, {}, None)
    assert sum(held.values()) == 14
    assert decided(Gate(Metric.HELD, 0.7, None, Bound.POINT), *both).count == 14


def test_a_picture_that_gets_no_answer_does_not_hold() -> None:
    for end in (End.SILENCED, End.LATE, End.FAILED):
        assert decided(Gate(Metric.HELD, 0.1, "pgd"), result("pgd", 15, other=end)).count == 15


def test_too_few_pictures_decide_nothing() -> None:
    few = Gate(Metric.HELD, 0.0, "pgd", least=30)
    assert decided(few, result("pgd", 20)).passed is GateOutcome.UNDECIDED
    assert decided(replace(few, least=8, attack="unknown"), result("pgd", 20)).passed is GateOutcome.UNDECIDED
    assert decided(replace(few, least=11, slice=Slice.AUTHENTIC), result("pgd", 20)).of == 10


def held_then(count: int, attack: str = "pgd") -> Baseline:
    return {attack: held_by_picture([result(attack, count)], {}, attack)}


@pytest.mark.parametrize(
    ("then", "now", "passed"),
    [
        (15, 15, GateOutcome.PASSED),
        (15, 12, GateOutcome.PASSED),
        (15, 10, GateOutcome.FAILED),
        (10, 20, GateOutcome.PASSED),
    ],
)
def test_a_regression_is_more_than_noise(then: int, now: int, passed: GateOutcome) -> None:
    gate = Gate(Metric.REGRESSIONS, 0.05, "pgd")
    assert decided(gate, result("pgd", now), baseline=held_then(then)).passed is passed
    assert decided(replace(gate, attack=None), result("pgd", now), baseline=held_then(then)).passed is passed


def test_a_picture_that_is_judged_wrongly_without_any_attack_does_not_hold() -> None:
    fewer, was = result("pgd", 15), result("pgd", 20)
    kept = replace(fewer, trials=fewer.trials[:15])  # the others were never attacked
    missed = {t.digest: t.authentic for t in fewer.trials[15:]}
    gates = [Gate(Metric.HELD, 0.9, "pgd", Bound.POINT), Gate(Metric.REGRESSIONS, 0.05, "pgd")]
    said = decide_gates(gates, [kept], missed, baseline={"pgd": held_by_picture([was], {}, "pgd")}, now=NOW)
    assert [(one.passed, one.count, one.of) for one in said] == [
        (GateOutcome.FAILED, 15, 20),
        (GateOutcome.FAILED, 5, 20),
    ]
    assert sum(held_by_picture([kept], missed, "pgd", Slice.AUTHENTIC).values()) == 8
    assert not held_by_picture([], missed, None)


@pytest.mark.parametrize("held", [0, 1, 4])
def test_where_too_little_held_before_nothing_can_be_lost_and_nothing_is_passed(held: int) -> None:
    gate = Gate(Metric.REGRESSIONS, 0.05, "pgd")
    assert decided(gate, result("pgd", 0), baseline=held_then(held)).passed is GateOutcome.UNDECIDED
    assert decided(gate, result("pgd", 20), baseline=held_then(held)).passed is GateOutcome.UNDECIDED
    with pytest.raises(ValueError, match="no loss is rarer"):
        Gate(Metric.REGRESSIONS, 0.0)


def test_the_worst_of_attacks_on_different_pictures_is_none() -> None:
    then = {"pgd": {t.digest: True for t in result("pgd", 20).trials}, "fgsm": {"another": True}}
    assert decided(Gate(Metric.REGRESSIONS, 0.05), result("pgd", 1), baseline=then).passed is GateOutcome.UNDECIDED


def test_other_pictures_or_no_baseline_are_nothing_to_compare_with() -> None:
    gate = Gate(Metric.REGRESSIONS, 0.05, "pgd")
    assert decided(gate, result("pgd", 15)).passed is GateOutcome.UNDECIDED
    assert decided(gate, result("pgd", 15), baseline={}).passed is GateOutcome.UNDECIDED
    other = {"pgd": {"another": True}}
    assert decided(gate, result("pgd", 15), baseline=other).passed is GateOutcome.UNDECIDED


def test_a_waiver_counts_until_it_ends_and_for_failures_alone() -> None:
    waiver = Waiver(NOW + timedelta(days=1), "known since the last lot")
    gate = Gate(Metric.HELD, 0.9, "pgd", waiver=waiver)
    waived = decided(gate, result("pgd", 15))
    assert waived.passed is GateOutcome.WAIVED
    assert "known since the last lot" in waived.said
    ended = decided(replace(gate, waiver=Waiver(NOW, "x")), result("pgd", 15))
    assert ended.passed is GateOutcome.FAILED
    assert "its waiver ended" in ended.said
    assert decided(replace(gate, value=0.1), result("pgd", 15)).passed is GateOutcome.PASSED
