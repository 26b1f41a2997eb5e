"""Poison of a whole run: every poison is counted, certificates are held to their word, detectors to planted poison."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from attacks.checks import CHECKS
from attacks.checks.check import CheckContext
from attacks.images import LabelledImage
from attacks.poison.assessment import PoisonAssessment, PoisonTest, assess_poison
from attacks.poison.detectors import DETECTORS, DetectorTrial, SpecimenFeatures
from attacks.poison.harness import PoisonPlan
from attacks.poison.threat import PoisonBudget
from attacks.poison_catalogue import POISONS
from reports.arithmetic import tolerance
from reports.stress.records import CheckState
from tests.attacks.poison_toys import ToyLearner, toy_specimens
from tests.attacks.toys import Linear, toy_images

ENROLLED, ASKED = toy_specimens(40, first=200), toy_specimens(12, first=100)


def suspects_of(toy: ToyLearner) -> Callable[[Sequence[LabelledImage]], SpecimenFeatures]:
    def seen(some: Sequence[LabelledImage]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        rows = np.array([toy.seen(picture.plane) for picture in some], float)
        return tuple(p.specimen for p in some), rows, np.array([p.authentic for p in some])

    def call(some: Sequence[LabelledImage]) -> SpecimenFeatures:
        _, rows, labels = seen(ASKED)
        return SpecimenFeatures(*seen(some), rows, labels)

    return call


def poison_test(partitions: int = 5, *, detectors: tuple[str, ...] = (), **changes: object) -> PoisonTest:
    toy = ToyLearner(partitions)
    plans = tuple(
        PoisonPlan(f"{name}-1", POISONS[name].poison, PoisonBudget(1)) for name in ("label-flip", "copied-target")
    )
    made = PoisonTest(toy, ENROLLED, ASKED, tolerance, suspects_of(toy), plans, detectors)
    return replace(made, **changes)  # type: ignore[arg-type]


def found(id_: str, what: PoisonAssessment | None) -> tuple[CheckState, str]:
    bench = CheckContext(Linear(), toy_images(2), toy_images(2), {}, [], 0, poison=what)
    finding = next(check for check in CHECKS if check.id == id_).on(bench)
    return finding.held, finding.evidence


@pytest.fixture(scope="module")
def sound() -> PoisonAssessment:
    return assess_poison(poison_test(1, detectors=tuple(DETECTORS)), seed=1)


@pytest.fixture(scope="module")
def certified() -> PoisonAssessment:
    return assess_poison(poison_test(), seed=1)


def test_what_was_asked_for_was_run(certified: PoisonAssessment) -> None:
    assert [one.poison for one in certified.trials] == ["label-flip-1", "copied-target-1"]
    assert all(one.ran and one.certified and not one.broken for one in certified.trials)
    assert assess_poison(poison_test(), seed=1) == certified


def test_certificates_are_held_to_their_word(certified: PoisonAssessment) -> None:
    assert found("S30", certified)[0] is CheckState.HELD
    lying = assess_poison(
        poison_test(tolerance=lambda votes: 9, plans=(PoisonPlan("p", POISONS["stamp"].poison, PoisonBudget(6)),)),
        seed=1,
    )
    assert found("S30", lying)[0] is CheckState.FAILED


def test_one_forest_has_nothing_to_hold(sound: PoisonAssessment) -> None:
    for id_ in ("S30", "S31"):
        assert found(id_, sound)[0] is CheckState.NOT_APPLICABLE


def test_swapped_names_certify_nothing_right(certified: PoisonAssessment) -> None:
    assert found("S31", certified)[0] is CheckState.HELD
    assert certified.swapped is not None
    assert certified.swapped.right > 0
    blind = replace(certified, swapped=replace(certified.swapped, swapped=certified.swapped.right))
    assert found("S31", blind)[0] is CheckState.FAILED


def test_detectors_count_that_find_what_was_planted(sound: PoisonAssessment) -> None:
    assert [one.detector for one in sound.detectors] == list(DETECTORS)
    known = {one.detector: one for one in sound.detectors}
    assert known["activation-clusters"].counts, known["activation-clusters"]
    assert found("S35", sound)[0] is CheckState.HELD


def test_detectors_that_find_nothing_do_not_count(sound: PoisonAssessment) -> None:
    poor = DetectorTrial("poor", 1, 4, 0, 36, 0, 40)
    loud = DetectorTrial("loud", 4, 4, 0, 36, 5, 40)
    for one in (poor, loud):
        assert not one.counts
    assert found("S35", replace(sound, detectors=(poor,)))[0] is CheckState.NOT_APPLICABLE
    assert found("S35", replace(sound, detectors=(poor, loud)))[0] is CheckState.FAILED


@pytest.mark.parametrize("id_", ["S30", "S31", "S35"])
def test_what_broke_down_is_not_believed_and_what_was_not_asked_for_does_not_apply(id_: str) -> None:
    assert found(id_, None)[0] is CheckState.NOT_APPLICABLE
    assert found(id_, PoisonAssessment((), None, (), "OSError: gone"))[0] is CheckState.FAILED


def test_a_poison_test_that_breaks_down_is_told_from_one_that_stands() -> None:
    def broken(some: Sequence[LabelledImage]) -> SpecimenFeatures:
        raise OSError("gone")

    made = assess_poison(poison_test(detectors=("negative-impact",), features_of=broken), seed=1)
    assert made.problem == "OSError: gone"
    assert len(made.trials) == 2
    assert [one.planted for one in made.detectors] == [0]
    only = [picture for picture in ENROLLED if picture.authentic]
    alone = assess_poison(poison_test(enrolled=only), seed=1)
    assert all(not one.ran for one in alone.trials) or alone.problem


def test_detectors_need_what_they_look_at() -> None:
    few = SpecimenFeatures(("a", "b"), np.zeros((2, 3)), np.array([True, False]))
    with pytest.raises(ValueError, match="no trusted specimens"):
        DETECTORS["negative-impact"](few)
    assert not DETECTORS["activation-clusters"](few).any()
