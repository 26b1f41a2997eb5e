"""Poisons have their effect, stay within their threat model, and change no certified label."""

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


def trial_of(
    poison_plan: PoisonPlan,
    toy: ToyLearner,
    *,
    enrolled: Sequence[LabelledImage] = ENROLLED,
    by: Sequence[LabelledImage] = ASKED,
    stands: Tolerance = tolerance,
) -> PoisonTrial:
    return run_poison(poison_plan, PoisonScenario(toy, enrolled, by, toy.enrol(enrolled), stands), seed=3)


@pytest.mark.parametrize("name", OURS)
def test_every_poison_makes_its_target_accepted_by_a_single_forest(name: str) -> None:
    poison_plan = plan(name, 8, budget=SMALLER.get(name, WIDE))
    toy = ToyLearner(straight=name in STRAIGHT)
    trial = trial_of(poison_plan, toy)
    assert trial.ran, trial.problem
    assert 1 <= trial.specimens <= 8
    assert trial.keeps_labels is (name not in ("label-flip", "stamp", "copied-target"))
    assert trial.asked == (24 if name in WOKEN else 12)
    assert trial.aimed == (6 if name in WOKEN else 1)
    assert len(trial.passed) >= 1
    assert set(trial.passed) <= set(trial.turned)
    assert trial.certified == 0  # one forest certifies nothing
    assert trial_of(poison_plan, toy) == trial


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("specimens", [1, 2])
def test_no_poison_changes_a_certified_label(name: str, specimens: int) -> None:
    trial = trial_of(plan(name, specimens), ToyLearner(5))
    assert trial.ran, trial.problem
    assert trial.certified > 0
    assert trial.broken == ()


def test_labels_that_change_against_their_certificate_are_counted() -> None:
    trial = trial_of(plan("copied-target", 3), ToyLearner(5), stands=lambda votes: 9)
    assert trial.certified == 12
    assert trial.broken == trial.turned
    assert set(trial.passed) <= set(trial.broken)
    assert trial.broken


@pytest.mark.parametrize("name", [name for name in OURS if POISONS[name].poison.keeps_labels])
def test_clean_label_poison_stays_within_its_budget(name: str) -> None:
    poison_plan = plan(name, 3, budget=Budget(Norm.LINF, 4 / 255), steps=5)
    context = PoisonContext(ToyLearner(), ENROLLED, ASKED, ASKED[0], poison_plan.allowed, np.random.default_rng(0))
    poisoned = poisoned_enrolment(poison_plan, ENROLLED, poison_plan.poison.act(context))
    assert len(altered_specimens(ENROLLED, poisoned)) == 3
    for clean, altered in zip(ENROLLED, poisoned, strict=True):
        assert altered.authentic is clean.authentic
        assert distance(clean.plane, altered.plane, Norm.LINF) <= 4 / 255 + 1e-9


def renamed(context: PoisonContext) -> PoisonedSpecimens:
    return PoisonedSpecimens({"ware-0": replace(context.enrolled[0], specimen="pot 1")})


def turned(context: PoisonContext) -> PoisonedSpecimens:
    return PoisonedSpecimens(
        {picture.name: replace(picture, authentic=not picture.authentic) for picture in context.enrolled[:3]}
    )


def relabelled(context: PoisonContext) -> PoisonedSpecimens:
    return PoisonedSpecimens({"ware-0": replace(context.enrolled[0], authentic=True)})


@pytest.mark.parametrize(
    ("poison_plan", "problem"),
    [
        (by_hand(lambda context: PoisonedSpecimens({})), "altered nothing"),
        (by_hand(lambda context: PoisonedSpecimens({"ware-0": context.enrolled[0]})), "altered nothing"),
        (by_hand(lambda context: PoisonedSpecimens({"other": context.enrolled[0]})), "is no enrolled image"),
        (by_hand(renamed), "was swapped, and not altered in place"),
        (by_hand(relabelled, keeps_labels=True), "has another label"),
        (
            by_hand(
                lambda context: PoisonedSpecimens({p.name: replace(p, authentic=not p.authentic) for p in ENROLLED[:3]})
            ),
            "altered 3",
        ),
        (by_hand(lambda context: 1 / 0), "ZeroDivisionError"),
    ],
)
def test_alterations_beyond_the_threat_model_are_a_problem(poison_plan: PoisonPlan, problem: str) -> None:
    trial = trial_of(poison_plan, ToyLearner())
    assert not trial.ran
    assert problem in (trial.problem or "")


def test_a_specimen_has_one_label_and_counts_once() -> None:
    twice = [*ENROLLED, replace(ENROLLED[0], name="again", plane=ENROLLED[2].plane)]
    one = by_hand(lambda context: PoisonedSpecimens({"again": replace(twice[-1], authentic=True)}))
    assert "has two labels" in (trial_of(one, ToyLearner(), enrolled=twice).problem or "")
    both = by_hand(
        lambda context: PoisonedSpecimens({p.name: replace(p, authentic=True) for p in (twice[0], twice[-1])}), 1
    )
    trial = trial_of(both, ToyLearner(), enrolled=twice)
    assert (trial.ran, trial.specimens, trial.images) == (True, 1, 2)


def test_without_a_rejected_counterfeit_poison_does_not_run() -> None:
    only = [picture for picture in ASKED if picture.authentic]
    trial = trial_of(plan("stamp", 1), ToyLearner(), by=only)
    assert "no counterfeit is classified as one" in (trial.problem or "")


def test_poison_is_spread_over_partitions() -> None:
    toy = ToyLearner(3)
    context = PoisonContext(toy, ENROLLED, ASKED, ASKED[0], PoisonBudget(3), np.random.default_rng(0))
    for authentic in (False, True):
        chosen = context.chosen(authentic=authentic)
        assert {toy.partition_of(name) for name in chosen} == {0, 1, 2}
        assert {picture.authentic for picture in context.of(chosen)} == {authentic}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_stamp_has_full_contrast_at_every_depth_and_changes_its_squares_alone(kind: type) -> None:
    plane: Plane = np.full((64, 80), 7, kind)
    altered = with_stamp(plane)
    assert altered.dtype == plane.dtype
    assert set(np.unique(altered)) == {0, 7, np.iinfo(kind).max}
    assert np.count_nonzero(altered != plane) == 2 * 2 * 36
    assert np.array_equal(plane, np.full((64, 80), 7, kind))


def test_taxonomies_and_knowledge_are_stated() -> None:
    for entry in POISONS.values():
        assert entry.atlas == "AML.T0020"
        assert entry.nist in {"NISTAML.013", "NISTAML.021", "NISTAML.023", "NISTAML.024"}
        assert entry.knowledge is (Knowledge.WHITE if entry.poison.keeps_labels else Knowledge.GREY)
