"""The tolerance holds against every change of small sets, and no smaller one would."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations, product

import numpy as np
import pytest

from fusiondiff_audit.certify.poisoning import refuse_uncertifiable
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.model.enrolment import (
    EnrolledEmbeddings,
    ForestSettings,
    LabelledExample,
    forest_scores,
    is_constant,
    partition_of,
    train_forests,
)
from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.forest import Forest
from reports.arithmetic import tolerance
from signing import SigningError
from tests.model.tiny import enrolled_model

Labelled = tuple[float, bool]  # the feature of a specimen, and its label
NAMES = ("beaker", "bowl", "cup", "dish", "jar", "jug")
VALUES = (0.0, 0.5, 1.0)
QUERIES = np.array([[0.0], [0.2], [0.5], [0.8], [1.0]], np.float32)
LEARNING = ForestSettings(partitions=3, trees=3, seed=7)


def enrolled(specimens: dict[str, Labelled]) -> EnrolledEmbeddings:
    examples = tuple(LabelledExample("ab" * 32, name, authentic) for name, (_, authentic) in specimens.items())
    rows = np.array([place for place, _ in specimens.values()], np.float32)[:, None]
    return EnrolledEmbeddings(examples, rows, np.zeros((len(rows), 0), np.float32), np.arange(len(rows), dtype=np.intp))


@cache
def forest_of(number: int, specimens: tuple[tuple[str, Labelled], ...], learning: ForestSettings) -> Forest:
    return train_forests(enrolled(dict(specimens)), learning)[number]


def votes(specimens: dict[str, Labelled], learning: ForestSettings = LEARNING) -> list[tuple[int, int]]:
    """Return the votes for counterfeit and for authentic, for each query.

    A forest is trained once for each content of its partition, on which alone it depends, as a test below checks.
    """
    groups: list[list[tuple[str, Labelled]]] = [[] for _ in range(learning.partitions)]
    for item in sorted(specimens.items()):
        groups[partition_of(item[0], learning.partitions)].append(item)
    forests = [forest_of(number, tuple(group), learning) for number, group in enumerate(groups)]
    for_authentic = (forest_scores(forests, QUERIES) > 0.5).sum(0)
    return [(learning.partitions - int(count), int(count)) for count in for_authentic]


def label(counts: tuple[int, int]) -> Class:
    return Class.AUTHENTIC if counts[1] > counts[0] else Class.COUNTERFEIT


def altered(specimens: dict[str, Labelled], touched: int) -> Iterator[dict[str, Labelled]]:
    """Yield every set with at most that many specimens altered in place."""
    every = list(product(VALUES, (False, True)))
    for names in combinations(specimens, touched):
        for became in product(every, repeat=touched):
            yield specimens | dict(zip(names, became, strict=True))


SETS = {
    "clean": dict(
        zip(NAMES, [(0.0, False), (0.5, False), (0.0, False), (1.0, True), (1.0, True), (1.0, True)], strict=True)
    ),
    "torn": dict(
        zip(NAMES, [(0.0, False), (1.0, True), (0.5, True), (0.5, False), (0.0, False), (1.0, True)], strict=True)
    ),
    "odd": dict(
        zip(NAMES, [(1.0, False), (0.0, False), (0.5, True), (1.0, True), (0.0, True), (1.0, True)], strict=True)
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_no_change_within_the_tolerance_changes_a_label(name: str) -> None:
    specimens = SETS[name]
    before = votes(specimens)
    held = [tolerance(each) for each in before]
    turned = False
    for other in altered(specimens, 1):
        after = votes(other)
        for was, now, stands in zip(before, after, held, strict=True):
            turned |= label(was) is not label(now)
            assert stands < 1 or label(was) is label(now)
    assert turned == (min(held) < 1)  # what it does not promise does happen


FIVE = ForestSettings(partitions=5, trees=5, seed=1)


def clear_cut() -> dict[str, Labelled]:
    """Return specimens of which each of five partitions gets one of either class."""
    names = [next(f"{n}-{i}" for i in range(99) if partition_of(f"{n}-{i}", 5) == n % 5) for n in range(10)]
    return {name: (float(number >= 5), number >= 5) for number, name in enumerate(names)}


def test_two_altered_specimens_or_one_swapped_need_a_tolerance_of_two() -> None:
    learning, specimens = FIVE, clear_cut()
    names = list(specimens)
    before = votes(specimens, learning)
    held = [tolerance(each) for each in before]
    assert max(held) == 2
    turned = 0
    for first, second in combinations(names, 2):
        for became in product([(0.0, True), (1.0, False)], repeat=2):
            after = votes(specimens | {first: became[0], second: became[1]}, learning)
            assert all(stands < 2 or label(w) is label(n) for w, n, stands in zip(before, after, held, strict=True))
            turned += sum(label(w) is not label(n) for w, n in zip(before, after, strict=True))
    for gone in names:
        rest = {name: each for name, each in specimens.items() if name != gone}
        for stranger in ("ewer", "flask", "goblet", "krater", "lamp"):  # each falls where it falls
            for new in product(VALUES, (False, True)):
                after = votes(rest | {stranger: new}, learning)
                assert all(stands < 2 or label(w) is label(n) for w, n, stands in zip(before, after, held, strict=True))


def test_a_forest_depends_on_its_own_partition_alone() -> None:
    specimens = SETS["torn"]
    forests = train_forests(enrolled(specimens), LEARNING)
    for name in NAMES:
        mine = partition_of(name, LEARNING.partitions)
        for other in altered({name: specimens[name]}, 1):
            for place, (was, now) in enumerate(
                zip(forests, train_forests(enrolled(specimens | other), LEARNING), strict=True)
            ):
                assert place == mine or np.array_equal(was.predict_proba(QUERIES), now.predict_proba(QUERIES))
    backwards = train_forests(enrolled(dict(reversed(specimens.items()))), LEARNING)
    assert all(
        np.array_equal(a.predict_proba(QUERIES), b.predict_proba(QUERIES))
        for a, b in zip(forests, backwards, strict=True)
    )


def test_a_partition_of_one_class_always_votes_counterfeit() -> None:
    specimens = dict.fromkeys(NAMES, (1.0, True)) | {"beaker": (0.0, False)}
    forests = train_forests(enrolled(specimens), LEARNING)
    blind = [is_constant(forest) for forest in forests]
    assert blind.count(False) == 1
    assert blind.index(False) == partition_of("beaker", LEARNING.partitions)
    assert {label(each) for each in votes(specimens)} == {Class.COUNTERFEIT}


def test_certificates_hold_for_given_labels_only() -> None:
    """A certificate is about the label that the votes give, so it does not cover changed enrolment labels."""
    specimens = votes(clear_cut(), FIVE)
    sure = [(label(each), place) for each, place in zip(specimens, QUERIES[:, 0], strict=True) if tolerance(each) >= 1]
    truth = {0.0: Class.COUNTERFEIT, 1.0: Class.AUTHENTIC}
    assert sum(truth.get(float(place)) is kind for kind, place in sure) == 2
    assert not any(truth.get(1 - float(place)) is kind for kind, place in sure)


def test_a_bundle_of_one_forest_or_with_seen_labels_gets_no_tolerance() -> None:
    settings = enrolled_model(12, learning=ForestSettings(partitions=3, trees=2)).settings
    refuse_uncertifiable(settings)
    with pytest.raises(AuditError) as caught:
        refuse_uncertifiable(replace(settings, seen=(settings.examples[3].pixel_digest,)))
    assert caught.value.reason is AuditReason.SEEN_LABEL
    with pytest.raises(SigningError, match="has one forest"):
        refuse_uncertifiable(enrolled_model(5).settings)
