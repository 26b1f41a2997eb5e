"""Facts about imaging that predict the label are found, chance is not, and too few data are said to be too few."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from math import comb, nan

import numpy as np
import pytest

from fusiondiff_audit.training import confounding
from fusiondiff_audit.training.confounding import (
    LEAST_MAKERS,
    ImagedSpecimen,
    check_confounding,
)
from fusiondiff_audit.training.fact_association import FactValue, fact_of
from reports.arithmetic import error_bounds
from reports.verdict.confounding import ConfoundingCheck, ConfoundingState, PermutationUnit

ALPHA = Decimal("0.05")
OF_EACH = 25  # specimens of each label
SHARE = 0.8  # of authentic specimens that device A imaged; of counterfeit ones it is 1 - SHARE
Maker = Callable[[int], str]
Facts = dict[str, Sequence[FactValue]]  # a value for each specimen


def by_itself(number: int) -> str:
    return f"maker {number}"


def specimens_with(
    facts: Mapping[str, Sequence[FactValue]], *, of_each: int = OF_EACH, maker: Maker = by_itself
) -> list[ImagedSpecimen]:
    """Return as many authentic as counterfeit specimens, authentic ones first."""
    return [
        ImagedSpecimen(f"{i:03}", i < of_each, maker(i), {name: values[i] for name, values in facts.items()})
        for i in range(2 * of_each)
    ]


def two_makers(number: int) -> str:
    return "workshop" if number >= OF_EACH else "factory"


def ten_makers_of_each(number: int) -> str:
    return f"maker {number // OF_EACH} {number % OF_EACH * 10 // OF_EACH}"


def unrelated(rng: np.random.Generator, count: int = 2 * OF_EACH) -> Facts:
    return {
        "operator": [f"operator {i}" for i in rng.integers(0, 3, count)],
        "imaging session": [f"session {i}" for i in rng.integers(0, 8, count)],
        "format": [("TIFF", "PNG")[i] for i in rng.integers(0, 2, count)],
        "file size": [int(size) for size in rng.integers(10**6, 2 * 10**6, count)],
        "pixel size": [float(size) for size in rng.choice([2.5, 5.0, 10.0], count)],
    }


def planted(authentic: int, counterfeit: int) -> list[str]:
    """Return the devices of 25 + 25 specimens of which device A imaged so many of each label."""
    rest = OF_EACH - authentic, OF_EACH - counterfeit
    return ["A"] * authentic + ["B"] * rest[0] + ["A"] * counterfeit + ["B"] * rest[1]


def check(specimens: Sequence[ImagedSpecimen], *, permutations: int = 1999, seed: int = 1) -> ConfoundingCheck:
    return check_confounding(specimens, alpha=ALPHA, seed=seed, permutations=permutations)


def test_a_device_that_predicts_the_label_is_named_among_unrelated_facts() -> None:
    facts = unrelated(np.random.default_rng(0)) | {"device": planted(20, 5)}
    result = check(specimens_with(facts, maker=two_makers))
    (device,) = result.predictors
    assert (device.fact, device.rule, device.authentic, device.counterfeit) == ("device", "'A'", 20, 5)
    assert device.p == result.p
    assert device.p <= Fraction(5, 2000)
    assert {association.fact for association in result.associations} == set(facts)
    assert result.state is ConfoundingState.CHECKED
    first, tested, caveat = result.sentences()
    assert first.startswith("the device predicts the label (p = 0.000")
    assert first.endswith("it is 'A' for 20 of 25 authentic specimens, and for 5 of 25 counterfeit ones")
    assert tested.endswith("by 1,999 permutations of the labels of specimens")
    assert caveat.startswith("labels of makers (1 authentic, 1 counterfeit) cannot be permuted")


def test_the_p_value_is_that_of_the_exact_distribution() -> None:
    result = check(specimens_with({"device": planted(15, 9)}), permutations=19_999)
    ways = {a: comb(24, a) * comb(26, 25 - a) for a in range(25)}
    exact = Fraction(sum(n for a, n in ways.items() if abs(a - 12) >= 3), comb(50, 25))
    assert result.p is not None
    assert abs(float(result.p - exact)) < 4 * (float(exact) / 19_999) ** 0.5
    assert not result.predictors
    assert result.sentences()[0].startswith("no fact about imaging was found to predict the label (p = 0.1")


def test_several_facts_are_adjusted_as_their_exact_joint_distribution_says() -> None:
    values: Facts = {"pixels": [4.0, 9.0, 7.0, 8.0, 3.0, 5.0, 1.0, 2.0], "device": list("AAABBBBB")}
    result = check_confounding(specimens_with(values, of_each=4), alpha=Decimal("0.2"), seed=1, permutations=19_999)
    labellings = np.array([[i in chosen for i in range(8)] for chosen in combinations(range(8), 4)])
    statistics = np.stack([fact_of(name, values[name]).associations(labellings) for name in values], 1)
    standardised = (statistics - statistics.mean(0)) / statistics.std(0)
    greatest, own = standardised.max(1), standardised[0]  # the first labelling is the true one
    exact = float((greatest >= own.max() - 1e-9).mean())
    assert result.p is not None
    assert abs(float(result.p) - exact) < 0.01
    alone = (standardised[:, own.argmin()] >= own.min() - 1e-9).mean()  # the weaker fact competes with no other
    assert float(result.associations[1].p) == pytest.approx(max(alone, exact), abs=0.015)


def test_a_second_predictor_is_named_beside_a_stronger_one() -> None:
    facts: Facts = {"device": planted(25, 0), "format": [{"A": "TIFF", "B": "PNG"}[v] for v in planted(20, 6)]}
    result = check(specimens_with(facts))
    assert [(a.fact, a.rule, a.authentic, a.counterfeit) for a in result.predictors] == [
        ("device", "'A'", 25, 0),
        ("format", "'TIFF'", 20, 6),
    ]


def test_the_order_of_specimens_does_not_matter_and_the_draws_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    specimens = specimens_with(unrelated(np.random.default_rng(3)))
    result = check(specimens)
    assert check(specimens[::-1]) == result
    assert check(specimens, seed=2).p != result.p
    monkeypatch.setattr(confounding, "_CHUNK", 350)  # seven labellings at once
    assert check(specimens) == result
    assert check(specimens_with({"device": planted(15, 9)})).p == Fraction(334, 2000)


def test_nothing_is_checked_where_nothing_varies() -> None:
    result = check(specimens_with({"device": ["A"] * 50, "bits": [8] * 50}))
    assert (result.state, result.p, result.predictors) == (ConfoundingState.NOT_CHECKED, None, ())
    assert result.left_out == (("bits", "it does not vary"), ("device", "it does not vary"))
    assert result.sentences()[0] == (
        "whether imaging predicts the label: not checked, because no fact about imaging varies enough"
    )
    nothing = check(specimens_with({}))
    assert nothing.state is ConfoundingState.NOT_CHECKED
    assert nothing.sentences()[0].endswith("because no facts about imaging are stated")


@pytest.mark.parametrize("kept", [slice(OF_EACH), slice(OF_EACH, None), slice(0)])
def test_nothing_is_checked_without_both_labels(kept: slice) -> None:
    result = check(specimens_with({"device": planted(12, 13)})[kept])
    assert result.state is ConfoundingState.NOT_CHECKED
    assert result.sentences()[0].endswith("because not both labels are present")


def test_facts_that_cannot_reach_the_level_are_left_out_and_named() -> None:
    facts: Facts = {
        "device": planted(12, 13),
        "imaging session": [f"session {i}" for i in range(50)],
        "vendor metadata": ["FEI"] * 3 + [None] * 47,
    }
    result = check(specimens_with(facts))
    assert [association.fact for association in result.associations] == ["device"]
    assert result.left_out == (
        ("imaging session", "no two specimens have the same value"),
        ("vendor metadata", "too few specimens differ in it"),
    )
    assert "left out, because no two specimens have the same value: imaging session" in result.sentences()
    few = check(specimens_with({"device": ["A", "A", "B", "B"]}, of_each=2))
    assert (few.state, few.left_out) == (ConfoundingState.NOT_CHECKED, (("device", "too few specimens differ in it"),))


def test_labels_of_makers_are_permuted_where_there_are_enough() -> None:
    device = planted(25, 0)
    result = check(specimens_with({"device": device}, maker=ten_makers_of_each))
    assert (result.unit, result.makers) == (PermutationUnit.MAKER, (LEAST_MAKERS, LEAST_MAKERS))
    assert [(a.fact, a.p) for a in result.predictors] == [("device", Fraction(1, 2000))]
    assert len(result.sentences()) == 2  # no caveat
    own = check(specimens_with({"device": [ten_makers_of_each(i) for i in range(50)]}, maker=ten_makers_of_each))
    assert own.left_out == (("device", "no two makers have the same value"),)
    specimens = specimens_with({"device": device}, maker=ten_makers_of_each)
    two_labels = [replace(s, maker="maker 0 0") if s.name == "049" else s for s in specimens]
    assert check(two_labels).unit is PermutationUnit.SPECIMEN


def test_numbers_are_compared_by_order_and_described_by_a_threshold() -> None:
    sizes: list[FactValue] = [*range(2000, 2024), 100, *range(101, 126)]
    (association,) = check(specimens_with({"file size": sizes})).predictors
    assert (association.rule, association.authentic, association.counterfeit) == ("at least 2,000", 24, 0)
    (reverse,) = check(specimens_with({"file size": sizes[::-1]})).predictors
    assert (reverse.rule, reverse.authentic, reverse.counterfeit) == ("at most 125", 25, 1)


@pytest.mark.parametrize(
    ("values", "rule", "authentic"),
    [
        ([None] * 25 + [2.5] * 25, "not stated", 25),
        ([2.5] * 25 + [None] * 25, "at least 2.5", 25),
        ([None] * 10 + [2.5] * 15 + [5.0] * 25, "at most 2.5 or not stated", 25),
        ([None] * 25 + ["FEI"] * 25, "not stated", 25),
        (list("aaaaabbbbbcccccdddddeeeee") + ["z"] * 25, "'a' or 'b' or 'c' or one of 2 more", 25),
        (["\u202eA"] * 25 + ["A"] * 25, r"'\u202eA'", 25),
    ],
)
def test_values_that_are_missing_or_many_are_described(values: list[FactValue], rule: str, authentic: int) -> None:
    (association,) = check(specimens_with({"fact": values})).predictors
    assert (association.rule, association.authentic, association.counterfeit) == (rule, authentic, 0)


def test_texts_and_numbers_of_two_values_have_the_same_association() -> None:
    labellings = np.random.default_rng(0).permuted(np.tile(np.arange(50) < 20, (100, 1)), axis=1)
    ones = [int(value == "A") for value in planted(18, 9)]
    text, number = fact_of("device", planted(18, 9)), fact_of("bits", ones)
    np.testing.assert_allclose(text.associations(labellings), number.associations(labellings), atol=1e-12)
    assert text.associations((np.arange(50) < 25)[None])[0] == pytest.approx((18 - 9) / 25 / 2)


@pytest.mark.parametrize("values", [[None, 1.0, None, 1.0], [1.0, 2.0, 1.0, 2.0]])
def test_a_threshold_has_specimens_on_both_sides_where_nothing_is_associated(values: list[FactValue]) -> None:
    _, holds = fact_of("pixel size", values).rule(np.array([True, True, False, False]))
    assert holds.sum() == 2


@pytest.mark.parametrize("values", [["A", 1.0], [nan, 1.0]])
def test_a_fact_of_texts_and_numbers_or_not_finite_is_refused(values: list[FactValue]) -> None:
    with pytest.raises(ValueError, match="texts and numbers, or a number that is not finite"):
        check(specimens_with({"fact": values}, of_each=1))


def test_a_specimen_that_occurs_twice_and_too_few_permutations_are_refused() -> None:
    specimens = specimens_with({"device": planted(20, 5)})
    with pytest.raises(ValueError, match="occurs twice"):
        check([*specimens, specimens[0]])
    with pytest.raises(ValueError, match=r"18 permutations at a level of 0\.05"):
        check(specimens, permutations=18)


def alarms(tries: int, draw: Callable[[np.random.Generator], list[ImagedSpecimen]]) -> int:
    """Count the tries in which the strongest fact has p <= 0.05."""
    drawn = (draw(np.random.default_rng((7, number))) for number in range(tries))
    return sum(bool(check(specimens, permutations=999, seed=n).predictors) for n, specimens in enumerate(drawn))


@pytest.mark.slow
@pytest.mark.parametrize(("maker", "least"), [(two_makers, 95), (ten_makers_of_each, 90)])
def test_a_planted_device_is_found_in_nearly_all_draws(maker: Maker, least: int) -> None:
    shares, found = np.repeat([SHARE, 1 - SHARE], OF_EACH), 0
    for number in range(100):
        rng = np.random.default_rng((7, number))
        devices = [("B", "A")[int(chosen)] for chosen in rng.random(2 * OF_EACH) < shares]
        specimens = specimens_with(unrelated(rng) | {"device": devices}, maker=maker)
        found += "device" in {association.fact for association in check(specimens, permutations=999).predictors}
    assert found >= least


@pytest.mark.slow
def test_unrelated_facts_seldom_predict_the_label() -> None:
    assert alarms(100, lambda rng: specimens_with(unrelated(rng), maker=two_makers)) <= 10  # of an exact level, 99 %


@pytest.mark.soak
def test_false_alarms_are_as_frequent_as_the_level_says() -> None:
    count = alarms(1000, lambda rng: specimens_with(unrelated(rng), maker=two_makers))
    low, high = map(float, error_bounds(count, 1000).removesuffix(" %").split(" to "))
    assert low <= 5 <= high, count


def imaged_by_maker(makers: int) -> Callable[[np.random.Generator], list[ImagedSpecimen]]:
    """Return a draw in which each maker's specimens are imaged by one device, which is drawn at random."""

    def draw(rng: np.random.Generator) -> list[ImagedSpecimen]:
        device = rng.integers(0, 2, 2 * makers)
        size = OF_EACH // makers
        names = [f"maker {i // size}" for i in range(2 * makers * size)]
        values = {"device": [f"device {device[i // size]}" for i in range(len(names))]}
        return specimens_with(values, of_each=makers * size, maker=names.__getitem__)

    return draw


@pytest.mark.slow
def test_makers_that_were_imaged_one_by_one_raise_alarms_only_where_they_are_too_few() -> None:
    assert alarms(100, imaged_by_maker(makers=LEAST_MAKERS)) <= 10
    assert alarms(100, imaged_by_maker(makers=4)) > 20  # as the module's text warns
