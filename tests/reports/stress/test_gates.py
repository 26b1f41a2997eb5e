"""Gates: bounds of intervals, least numbers, pairs, and waivers that end."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from scipy.stats import binomtest

from reports.stress.gates import Bound, Gate, GateOutcome, GateResult, HeldImages, Metric, Slice, Waiver, decide, tally
from reports.stress.statistics import mcnemar, wilson

NOW = datetime(2026, 11, 21, tzinfo=UTC)
IMAGES = tuple(sha256(str(number).encode()).hexdigest() for number in range(20))
AUTHENTIC = frozenset(IMAGES[::2])


def held(attack: str, count: int, images: Sequence[str] = IMAGES) -> HeldImages:
    """Return an attack under which the first so many images held."""
    return {attack: {digest: number < count for number, digest in enumerate(images)}}


def decided(gate: Gate, images: HeldImages, baseline: HeldImages | None = None, *, first: bool = False) -> GateResult:
    return decide(gate, tally(gate, images, AUTHENTIC, baseline), NOW, first=first)


@pytest.mark.parametrize(("count", "of"), [(0, 8), (8, 8), (3, 20), (10, 20), (997, 1000)])
def test_intervals_are_wilsons(count: int, of: int) -> None:
    expected = binomtest(count, of).proportion_ci(method="wilson")
    assert wilson(count, of) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("worse", "better"), [(0, 0), (3, 0), (5, 5), (9, 2), (1, 7), (700, 640)])
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
    assert decided(Gate(Metric.HELD, least, "pgd", bound), held("pgd", 15)).passed is passed


def test_the_worst_of_all_attacks_is_taken_image_by_image() -> None:
    square = {"square": dict.fromkeys(IMAGES, True) | {IMAGES[3]: False}}
    gate = Gate(Metric.HELD, 0.7, None, Bound.POINT)
    assert decided(gate, {**held("pgd", 15), **square}).count == 14


def test_too_few_images_decide_nothing() -> None:
    few = Gate(Metric.HELD, 0.0, "pgd", least=30)
    assert decided(few, held("pgd", 20)).passed is GateOutcome.UNDECIDED
    assert decided(replace(few, least=8, attack="unknown"), held("pgd", 20)).passed is GateOutcome.UNDECIDED
    assert decided(replace(few, least=11, slice=Slice.AUTHENTIC), held("pgd", 20)).of == 10


def test_a_slice_counts_the_images_of_its_class() -> None:
    point = Gate(Metric.HELD, 0.5, "pgd", Bound.POINT)
    for part, count in ((Slice.AUTHENTIC, 8), (Slice.COUNTERFEIT, 7)):
        result = decided(replace(point, slice=part), held("pgd", 15))
        assert (result.name, result.count, result.of) == (f"held/pgd/{part}", count, 10)


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
    result = decided(gate, held("pgd", now), held("pgd", then))
    assert (result.passed, result.before, result.count) == (passed, then, max(0, then - now))
    assert decided(replace(gate, attack=None), held("pgd", now), held("pgd", then)).passed is passed


@pytest.mark.parametrize("then", [0, 1, 4])
def test_where_too_little_held_before_nothing_can_be_lost_and_nothing_is_passed(then: int) -> None:
    gate = Gate(Metric.REGRESSIONS, 0.05, "pgd")
    assert decided(gate, held("pgd", 0), held("pgd", then)).passed is GateOutcome.UNDECIDED
    assert decided(gate, held("pgd", 20), held("pgd", then)).passed is GateOutcome.UNDECIDED
    with pytest.raises(ValueError, match="no loss is rarer"):
        Gate(Metric.REGRESSIONS, 0.0)


def test_the_worst_of_attacks_on_different_images_is_none() -> None:
    then = {**held("pgd", 20), "fgsm": {"another": True}}
    assert decided(Gate(Metric.REGRESSIONS, 0.05), held("pgd", 1), then).passed is GateOutcome.UNDECIDED


def test_other_images_or_no_baseline_are_nothing_to_compare_with() -> None:
    gate = Gate(Metric.REGRESSIONS, 0.05, "pgd")
    for then in (None, {}, {"pgd": {"another": True}}):
        result = decided(gate, held("pgd", 15), then)
        assert (result.passed, result.before) == (GateOutcome.UNDECIDED, None)
        assert "no baseline" in result.said


def test_of_a_first_result_a_gate_that_compares_is_not_asked() -> None:
    assert decided(Gate(Metric.REGRESSIONS, 0.05), held("pgd", 15), first=True).passed is GateOutcome.UNASKED
    assert decided(Gate(Metric.HELD, 0.1), held("pgd", 15), first=True).passed is GateOutcome.PASSED


def test_a_waiver_counts_until_it_ends_and_for_failures_alone() -> None:
    waiver = Waiver(NOW + timedelta(days=1), "known since the last lot")
    gate = Gate(Metric.HELD, 0.9, "pgd", waiver=waiver)
    waived = decided(gate, held("pgd", 15))
    assert waived.passed is GateOutcome.WAIVED
    assert "known since the last lot" in waived.said
    ended = decided(replace(gate, waiver=Waiver(NOW, "x")), held("pgd", 15))
    assert ended.passed is GateOutcome.FAILED
    assert "its waiver ended" in ended.said
    assert decided(replace(gate, value=0.1), held("pgd", 15)).passed is GateOutcome.PASSED


def test_the_worst_of_fewer_attacks_is_no_baseline() -> None:
    """An attack that did not end in the baseline would make every image that it fools now a regression."""
    gate = Gate(Metric.REGRESSIONS, 0.05)
    both = {**held("pgd", 20), **held("square", 0)}
    assert decided(gate, both, held("pgd", 20)).passed is GateOutcome.UNDECIDED
    assert decided(gate, both, {**held("pgd", 20), **held("square", 20)}).passed is GateOutcome.FAILED
    assert decided(replace(gate, attack="pgd"), both, held("pgd", 20)).passed is GateOutcome.PASSED
