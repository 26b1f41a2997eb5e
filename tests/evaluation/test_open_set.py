"""Answers and table of the benchmark `bench/2`, on made-up features whose answers are known."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fusiondiff_audit.evaluation.open_set import (
    EnrolmentCount,
    Microscopes,
    OpenSetAnswer,
    OpenSetSpecimen,
    SpecimenAnswer,
    enrolments,
    judge_task,
    number_of_answers,
    specimens_of_design,
)
from fusiondiff_audit.evaluation.open_set_features import TaskFeatures, kept_features
from fusiondiff_audit.evaluation.open_set_rule import cross_conformal_rule, rank_verdict
from fusiondiff_audit.evaluation.open_set_table import OPEN_SET_HEADS, OpenSetRow, enrolment_sentence, open_set_rows
from fusiondiff_audit.evaluation.open_set_task import OpenSetItem, OpenSetPart, OpenSetSizes, open_set_task
from fusiondiff_audit.kiln.recipe_files import bench2_kilns
from reports.arithmetic import Rank
from reports.verdict.verdicts import Verdict

P = OpenSetPart
SIZES = OpenSetSizes(
    enrolled=20, own=20, known_copies=6, unseen=3, null=4, other_kiln=2, other_microscope=4, images=2, fewer_images=1
)
TASK = open_set_task(0, "ab" * 32, bench2_kilns(), SIZES)
NONE = np.zeros((0, 3), np.float32)


def made_up(item: OpenSetItem) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Draw the features of four tiles: makers have other means, the other microscope adds to one number."""
    of_item = np.random.default_rng([item.number, item.field, *item.maker.encode(), len(item.part.value)])
    of_specimen = np.random.default_rng([item.number, *item.maker.encode(), len(item.part.value)])
    mean = np.zeros(3)
    if item.part in (P.ENROLLED, P.ENROLLED_OTHER_MICROSCOPE, P.KNOWN) and not item.authentic:
        mean[0] = 8
    if item.part in (P.UNSEEN, P.OTHER_KILN):
        mean[1] = 30
    if item.instrument != "everyday":
        mean[2] = 30
    tiles = mean + of_specimen.normal(size=3) + of_item.normal(size=(4, 3))
    return tiles.astype(np.float32)


def features(*, without: Sequence[int] = (), faulty: Sequence[int] = ()) -> TaskFeatures:
    return TaskFeatures(
        tuple(NONE if place in without else made_up(item) for place, item in enumerate(TASK.items)),
        tuple(("saturated",) if place in faulty else () for place in range(len(TASK.items))),
    )


@dataclass(frozen=True)
class Oracle:
    """Knows the part; its nonconformity is the number of the specimen."""

    enrolled: Sequence[OpenSetSpecimen]

    def judge(self, specimen: OpenSetSpecimen) -> SpecimenAnswer:
        return SpecimenAnswer(Verdict.AUTHENTIC if specimen.authentic else Verdict.COUNTERFEIT, specimen.number)


def test_own_ware_is_authentic_and_strangers_are_not() -> None:
    made = features()
    fit = cross_conformal_rule(made.features, np.eye(3, dtype=np.float32), trees=1, seed=0)
    answers = list(judge_task(TASK, made.is_assessable, fit))
    assert len(answers) == number_of_answers(TASK)
    verdicts = Counter((answer.enrolled, answer.part, answer.images, answer.verdict) for answer in answers)
    everyday, both = Microscopes.EVERYDAY, Microscopes.BOTH
    for images in (1, 2):
        assert verdicts[everyday, P.OWN, images, Verdict.AUTHENTIC] >= 17
        unseen = {verdict: verdicts[everyday, P.UNSEEN, images, verdict] for verdict in Verdict}
        apart = unseen[Verdict.INCONCLUSIVE] if images > 1 else 0  # images that lie further apart than enrolled ones do
        assert unseen[Verdict.UNFAMILIAR] + apart == 4 * 3
        assert apart <= 1
    assert verdicts[everyday, P.KNOWN, 1, Verdict.COUNTERFEIT] >= 5
    assert verdicts[everyday, P.NULL, 1, Verdict.AUTHENTIC] >= 3
    assert verdicts[everyday, P.OTHER_MICROSCOPE, 1, Verdict.UNFAMILIAR] == 4
    assert verdicts[both, P.OTHER_MICROSCOPE, 1, Verdict.AUTHENTIC] >= 3
    assert not any(images == 2 for _, part, images, _ in verdicts if part is P.KNOWN)


def test_images_that_are_not_assessable_are_left_out_and_specimens_without_any_counted() -> None:
    own, enrolled = ([n for n, item in enumerate(TASK.items) if item.part is part] for part in (P.OWN, P.ENROLLED))
    made = features(without=[own[0], enrolled[0]], faulty=[own[2], own[3], enrolled[1]])
    (everyday, kept), (both, _) = enrolments(TASK, made.is_assessable)
    assert everyday == EnrolmentCount(0, Microscopes.EVERYDAY, 19, 20, 1)
    assert (both.authentic, both.counterfeit, both.left_out) == (19, 20, 1)
    assert len(kept) == 39
    tested = {images: list(specimens_of_design(TASK, made.is_assessable, images)) for images in (1, 2)}
    assert [specimen.images for specimen in tested[1][:3]] == [(), (), (own[4],)]
    assert [specimen.images for specimen in tested[2][:3]] == [(own[1],), (), (own[4], own[5])]
    answers = list(judge_task(TASK, made.is_assessable, Oracle))
    assert answers[0].verdict is Verdict.INCONCLUSIVE
    assert answers[0].nonconformity is None
    assert {answer.verdict for answer in answers[2:20]} == {Verdict.AUTHENTIC}


@pytest.mark.parametrize(
    ("authentic", "counterfeit", "verdict"),
    [
        (Rank(1, 19), Rank(0, 19), Verdict.AUTHENTIC),
        (Rank(0, 19), Rank(1, 19), Verdict.COUNTERFEIT),
        (Rank(1, 19), Rank(1, 19), Verdict.INCONCLUSIVE),
        (Rank(0, 19), Rank(0, 19), Verdict.UNFAMILIAR),
        (Rank(18, 18), Rank(0, 19), Verdict.INCONCLUSIVE),  # too few to reject anything
        (Rank(19, 19), Rank(0, 18), Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_follows_from_two_ranks(authentic: Rank, counterfeit: Rank, verdict: Verdict) -> None:
    assert rank_verdict(authentic, counterfeit, Fraction(1, 20)) is verdict


def answer(part: P, maker: str, number: int, accepted: bool, nonconformity: float | None, seed: int) -> OpenSetAnswer:
    verdict = Verdict.AUTHENTIC if accepted else Verdict.UNFAMILIAR
    return OpenSetAnswer(seed, "larch", Microscopes.EVERYDAY, part, maker, number, 5, verdict, nonconformity)


def rows() -> list[OpenSetRow]:
    """Two seeds: own ware of nonconformity 0 to 39 and 100 to 139; the better workshop is at 37, the worse at 38.5."""
    own = [answer(P.OWN, "larch", n, n < 36, 100 * seed + n, seed) for seed in range(2) for n in range(40)]
    better = [answer(P.UNSEEN, "cracked", n, n < 1, 37 + 100 * seed, seed) for seed in range(2) for n in range(4)]
    worse = [answer(P.UNSEEN, "refired", n, n < 2, 38.5 + 100 * seed, seed) for seed in range(2) for n in range(4)]
    lost = [answer(P.UNSEEN, "reground", 0, False, None, 0)]
    return open_set_rows([*own, *better, *lost, *worse])


def test_rows_are_pooled_over_seeds_and_by_maker_the_worst_first() -> None:
    table = rows()
    assert [(row.part, row.maker, row.accepted, row.of, row.accepted_by_oracle) for row in table] == [
        (P.OWN, "", 72, 80, 78),  # the bound is the 39th of 40: 38 and 138
        (P.OWN, "larch: larch", 72, 80, 78),
        (P.UNSEEN, "", 6, 17, 8),
        (P.UNSEEN, "larch: refired", 4, 8, 0),
        (P.UNSEEN, "larch: cracked", 2, 8, 8),
        (P.UNSEEN, "larch: reground", 0, 1, 0),
    ]
    assert table[0].of_seeds.mean == pytest.approx(0.9)
    assert table[2].of_seeds.mean == pytest.approx((3 / 9 + 3 / 8) / 2)
    assert table[0].interval == "81.2 to 95.6 %"  # Clopper and Pearson
    assert table[0].verdicts == (("AUTHENTIC", 72), ("UNFAMILIAR", 8))


def test_cells_are_in_the_order_of_their_heads() -> None:
    cells = dict(zip(OPEN_SET_HEADS, rows()[2].cells(), strict=True))
    assert cells["AUTHENTIC"] == "6/17"
    assert cells["UNFAMILIAR"] == "11"
    assert (cells["COUNTERFEIT"], cells["INCONCLUSIVE"]) == ("0", "0")
    assert cells["oracle's bound, %"] == "47.1"
    all_own = [answer(P.OWN, "larch", 0, True, 0.0, 0)]
    assert open_set_rows(all_own)[0].cells()[-3:] == ("0", "0", "0")
    unknown = OpenSetAnswer(0, "larch", Microscopes.BOTH, P.OWN, "larch", 0, 1, None, 0.5)
    assert open_set_rows([unknown])[0].cells()[-3:] == ("-", "-", "-")


def test_an_oracle_keeps_nothing_that_has_no_assessable_image() -> None:
    own = [answer(P.OWN, "larch", n, True, None, 0) for n in range(10)]
    assert open_set_rows(own)[0].accepted_by_oracle == 0


def test_a_sentence_states_the_smallest_enrolment() -> None:
    counts = [EnrolmentCount(0, Microscopes.EVERYDAY, 25, 24, 1), EnrolmentCount(0, Microscopes.BOTH, 25, 25, 0)]
    assert enrolment_sentence(counts) == "2 enrolments of 24 specimens of a class or more; 1 had no assessable image"


def test_features_are_computed_once_for_a_task(tmp_path: Path) -> None:
    made, calls = features(without=[0], faulty=[1, 2]), []

    def compute() -> TaskFeatures:
        calls.append(1)
        return made

    first, again = (kept_features(tmp_path, TASK, compute) for _ in range(2))
    assert first is made
    assert len(calls) == 1
    assert again.faults == made.faults
    assert [tiles.dtype for tiles in again.features] == [np.float32] * len(TASK.items)
    for one, other in zip(made.features, again.features, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(again.features[0]) == 0
    assert not again.is_assessable(0)
    other_seed = open_set_task(1, "ab" * 32, bench2_kilns(), SIZES)
    kept_features(tmp_path, other_seed, compute)
    assert len(calls) == 2
