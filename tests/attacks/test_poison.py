"""Poison does what it is called, no more than it may, and never what a certificate rules out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from attacks.images import Budget, LabelledImage, Norm, Plane, distance
from attacks.poison.dirty_label import with_stamp
from attacks.poison.harness import (
    PoisonPlan,
    PoisonScenario,
    PoisonTrial,
    Tolerance,
    altered_specimens,
    poisoned_enrolment,
    run_poison,
)
from attacks.poison.threat import Poison, PoisonBudget, PoisonContext, PoisonedSpecimens
from attacks.poison_catalogue import POISONS
from attacks.trials import Knowledge
from reports.arithmetic import tolerance
from tests.attacks.poison_toys import ToyLearner, toy_specimens

WIDE = Budget(Norm.LINF, 40 / 255)
SMALLER = {  # as far as the classes lie apart, and no farther
    "clean-label": Budget(Norm.LINF, 26 / 255),
    "sleeper-agent": Budget(Norm.LINF, 30 / 255),
}
OURS = [name for name in POISONS if not name.startswith("art-")]  # the toolbox's: test_art_poison.py
ENROLLED, ASKED = toy_specimens(30), toy_specimens(12, first=100)
STRAIGHT = ("sleeper-agent",)  # at the weights of a head
WOKEN = ("stamp", "clean-label", "sleeper-agent")  # by a stamp


def plan(name: str, specimens: int, *, budget: Budget = WIDE, steps: int = 20) -> PoisonPlan:
    return PoisonPlan(name, POISONS[name].poison, PoisonBudget(specimens, budget, steps))


def by_hand(act: object, specimens: int = 2, *, keeps_labels: bool = False) -> PoisonPlan:
    return PoisonPlan("by hand", Poison(act, keeps_labels), PoisonBudget(specimens))  # type: ignore[arg-type]


def done_to(
    asked: PoisonPlan,
    toy: ToyLearner,
    *,
    enrolled: Sequence[LabelledImage] = ENROLLED,
    by: Sequence[LabelledImage] = ASKED,
    stands: Tolerance = tolerance,
) -> PoisonTrial:
    return run_poison(asked, PoisonScenario(toy, enrolled, by, toy.enrol(enrolled), stands), seed=3)


@pytest.mark.parametrize("name", OURS)
def test_every_poison_reaches_its_aim_where_nothing_votes_against_it(name: str) -> None:
    asked = plan(name, 8, budget=SMALLER.get(name, WIDE))
    toy = ToyLearner(straight=name in STRAIGHT)
    done = done_to(asked, toy)
    assert done.ran, done.problem
    assert 1 <= done.specimens <= 8
    assert done.keeps_labels is (name not in ("label-flip", "stamp", "copied-target"))
    assert done.asked == (24 if name in WOKEN else 12)
    assert done.aimed == (6 if name in WOKEN else 1)
    assert len(done.passed) >= 1
    assert set(done.passed) <= set(done.turned)
    assert done.certified == 0  # one forest certifies nothing
    assert done_to(asked, toy) == done


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("specimens", [1, 2])
def test_no_poison_turns_what_is_certified_against_it(name: str, specimens: int) -> None:
    done = done_to(plan(name, specimens), ToyLearner(5))
    assert done.ran, done.problem
    assert done.certified > 0
    assert done.broken == ()


def test_a_certificate_that_promises_too_much_is_found_out() -> None:
    done = done_to(plan("copied-target", 3), ToyLearner(5), stands=lambda votes: 9)
    assert done.certified == 12
    assert done.broken == done.turned
    assert set(done.passed) <= set(done.broken)
    assert done.broken


@pytest.mark.parametrize("name", [name for name in OURS if POISONS[name].poison.keeps_labels])
def test_what_keeps_its_labels_stays_within_its_budget(name: str) -> None:
    asked = plan(name, 3, budget=Budget(Norm.LINF, 4 / 255), steps=5)
    scene = PoisonContext(ToyLearner(), ENROLLED, ASKED, ASKED[0], asked.allowed, np.random.default_rng(0))
    taught = poisoned_enrolment(asked, ENROLLED, asked.poison.act(scene))
    assert len(altered_specimens(ENROLLED, taught)) == 3
    for clean, found in zip(ENROLLED, taught, strict=True):
        assert found.authentic is clean.authentic
        assert distance(clean.plane, found.plane, Norm.LINF) <= 4 / 255 + 1e-9


def renamed(scene: PoisonContext) -> PoisonedSpecimens:
    return PoisonedSpecimens({"ware-0": replace(scene.enrolled[0], specimen="pot 1")})


def turned(scene: PoisonContext) -> PoisonedSpecimens:
    return PoisonedSpecimens(
        {picture.name: replace(picture, authentic=not picture.authentic) for picture in scene.enrolled[:3]}
    )


def relabelled(scene: PoisonContext) -> PoisonedSpecimens:
    return PoisonedSpecimens({"ware-0": replace(scene.enrolled[0], authentic=True)})


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (by_hand(lambda scene: PoisonedSpecimens({})), "altered nothing"),
        (by_hand(lambda scene: PoisonedSpecimens({"ware-0": scene.enrolled[0]})), "altered nothing"),
        (by_hand(lambda scene: PoisonedSpecimens({"other": scene.enrolled[0]})), "is no enrolled image"),
        (by_hand(renamed), "was swapped, and not altered in place"),
        (by_hand(relabelled, keeps_labels=True), "has another label"),
        (
            by_hand(
                lambda scene: PoisonedSpecimens({p.name: replace(p, authentic=not p.authentic) for p in ENROLLED[:3]})
            ),
            "altered 3",
        ),
        (by_hand(lambda scene: 1 / 0), "ZeroDivisionError"),
    ],
)
def test_more_than_is_allowed_is_no_result(asked: PoisonPlan, problem: str) -> None:
    done = done_to(asked, ToyLearner())
    assert not done.ran
    assert problem in (done.problem or "")


def test_a_specimen_has_one_label_and_counts_once() -> None:
    twice = [*ENROLLED, replace(ENROLLED[0], name="again", plane=ENROLLED[2].plane)]
    one = by_hand(lambda scene: PoisonedSpecimens({"again": replace(twice[-1], authentic=True)}))
    assert "has two labels" in (done_to(one, ToyLearner(), enrolled=twice).problem or "")
    both = by_hand(
        lambda scene: PoisonedSpecimens({p.name: replace(p, authentic=True) for p in (twice[0], twice[-1])}), 1
    )
    done = done_to(both, ToyLearner(), enrolled=twice)
    assert (done.ran, done.specimens, done.images) == (True, 1, 2)


def test_without_a_counterfeit_there_is_nothing_to_aim_at() -> None:
    only = [picture for picture in ASKED if picture.authentic]
    done = done_to(plan("stamp", 1), ToyLearner(), by=only)
    assert "no counterfeit is classified as one" in (done.problem or "")


def test_poison_is_spread_over_partitions() -> None:
    toy = ToyLearner(3)
    scene = PoisonContext(toy, ENROLLED, ASKED, ASKED[0], PoisonBudget(3), np.random.default_rng(0))
    for authentic in (False, True):
        chosen = scene.chosen(authentic=authentic)
        assert {toy.partition_of(name) for name in chosen} == {0, 1, 2}
        assert {picture.authentic for picture in scene.of(chosen)} == {authentic}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_stamp_is_seen_at_every_depth_and_changes_nothing_else(kind: type) -> None:
    plane: Plane = np.full((64, 80), 7, kind)
    found = with_stamp(plane)
    assert found.dtype == plane.dtype
    assert set(np.unique(found)) == {0, 7, np.iinfo(kind).max}
    assert np.count_nonzero(found != plane) == 2 * 2 * 36
    assert np.array_equal(plane, np.full((64, 80), 7, kind))


def test_taxonomies_and_knowledge_are_stated() -> None:
    for entry in POISONS.values():
        assert entry.atlas == "AML.T0020"
        assert entry.nist in {"NISTAML.013", "NISTAML.021", "NISTAML.023", "NISTAML.024"}
        assert entry.knowledge is (Knowledge.WHITE if entry.poison.keeps_labels else Knowledge.GREY)
