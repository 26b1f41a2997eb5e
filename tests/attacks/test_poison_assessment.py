"""The poison part of a stress test: poisons, the control of certificates, and detectors on planted poison."""

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
    def features_of(some: Sequence[LabelledImage]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        rows = np.array([toy.mean_row(picture.plane) for picture in some], float)
        return tuple(p.specimen for p in some), rows, np.array([p.authentic for p in some])

    def call(some: Sequence[LabelledImage]) -> SpecimenFeatures:
        _, rows, labels = features_of(ASKED)
        return SpecimenFeatures(*features_of(some), rows, labels)

    return call


def poison_test(partitions: int = 5, *, detectors: tuple[str, ...] = (), **changes: object) -> PoisonTest:
    toy = ToyLearner(partitions)
    plans = tuple(
        PoisonPlan(f"{name}-1", POISONS[name].poison, PoisonBudget(1)) for name in ("label-flip", "copied-target")
    )
    test = PoisonTest(toy, ENROLLED, ASKED, tolerance, suspects_of(toy), plans, detectors)
    return replace(test, **changes)  # type: ignore[arg-type]


def state_and_evidence(id_: str, poison: PoisonAssessment | None) -> tuple[CheckState, str]:
    context = CheckContext(Linear(), toy_images(2), toy_images(2), {}, [], 0, poison=poison)
    finding = next(check for check in CHECKS if check.id == id_).on(context)
    return finding.held, finding.evidence


@pytest.fixture(scope="module")
def sound() -> PoisonAssessment:
    return assess_poison(poison_test(1, detectors=tuple(DETECTORS)), seed=1)


@pytest.fixture(scope="module")
def certified() -> PoisonAssessment:
    return assess_poison(poison_test(), seed=1)


def test_every_planned_poison_is_run(certified: PoisonAssessment) -> None:
    assert [trial.poison for trial in certified.trials] == ["label-flip-1", "copied-target-1"]
    assert all(trial.ran and trial.certified and not trial.broken for trial in certified.trials)
    assert assess_poison(poison_test(), seed=1) == certified


def test_broken_certificates_fail_the_check(certified: PoisonAssessment) -> None:
    assert state_and_evidence("S30", certified)[0] is CheckState.HELD
    lying = assess_poison(
        poison_test(tolerance=lambda votes: 9, plans=(PoisonPlan("p", POISONS["stamp"].poison, PoisonBudget(6)),)),
        seed=1,
    )
    assert state_and_evidence("S30", lying)[0] is CheckState.FAILED


def test_checks_of_certificates_do_not_apply_to_one_forest(sound: PoisonAssessment) -> None:
    for id_ in ("S30", "S31"):
        assert state_and_evidence(id_, sound)[0] is CheckState.NOT_APPLICABLE


def test_swapped_labels_give_no_certified_right_label(certified: PoisonAssessment) -> None:
    assert state_and_evidence("S31", certified)[0] is CheckState.HELD
    assert certified.swapped is not None
    assert certified.swapped.right > 0
    blind = replace(certified, swapped=replace(certified.swapped, swapped=certified.swapped.right))
    assert state_and_evidence("S31", blind)[0] is CheckState.FAILED


def test_detectors_that_find_planted_poison_count(sound: PoisonAssessment) -> None:
    assert [trial.detector for trial in sound.detectors] == list(DETECTORS)
    by_name = {trial.detector: trial for trial in sound.detectors}
    assert by_name["activation-clusters"].counts, by_name["activation-clusters"]
    assert state_and_evidence("S35", sound)[0] is CheckState.HELD


def test_detectors_that_find_no_planted_poison_do_not_count(sound: PoisonAssessment) -> None:
    poor = DetectorTrial("poor", 1, 4, 0, 36, 0, 40)
    loud = DetectorTrial("loud", 4, 4, 0, 36, 5, 40)
    for trial in (poor, loud):
        assert not trial.counts
    assert state_and_evidence("S35", replace(sound, detectors=(poor,)))[0] is CheckState.NOT_APPLICABLE
    assert state_and_evidence("S35", replace(sound, detectors=(poor, loud)))[0] is CheckState.FAILED


@pytest.mark.parametrize("id_", ["S30", "S31", "S35"])
def test_checks_of_poison_fail_on_a_problem_and_do_not_apply_without_poison(id_: str) -> None:
    assert state_and_evidence(id_, None)[0] is CheckState.NOT_APPLICABLE
    assert state_and_evidence(id_, PoisonAssessment((), None, (), "OSError: gone"))[0] is CheckState.FAILED


def test_a_poison_test_that_raises_has_a_problem() -> None:
    def broken(some: Sequence[LabelledImage]) -> SpecimenFeatures:
        raise OSError("gone")

    assessment = assess_poison(poison_test(detectors=("negative-impact",), features_of=broken), seed=1)
    assert assessment.problem == "OSError: gone"
    assert len(assessment.trials) == 2
    assert [trial.planted for trial in assessment.detectors] == [0]
    only = [picture for picture in ENROLLED if picture.authentic]
    alone = assess_poison(poison_test(enrolled=only), seed=1)
    assert all(not trial.ran for trial in alone.trials) or alone.problem


def test_detectors_refuse_features_that_they_cannot_use() -> None:
    few = SpecimenFeatures(("a", "b"), np.zeros((2, 3)), np.array([True, False]))
    with pytest.raises(ValueError, match="no trusted specimens"):
        DETECTORS["negative-impact"](few)
    assert not DETECTORS["activation-clusters"](few).any()
