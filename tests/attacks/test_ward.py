"""Poison of a whole run: every poison is counted, certificates are held to their word, detectors to planted poison."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from attacks.checks import ALL
from attacks.checks.check import CheckContext
from attacks.pictures import Picture
from attacks.poison.catalogue import POISONS
from attacks.poison.detect import DETECTORS, Evaluated, Suspects
from attacks.poison.harness import PoisonPlan
from attacks.poison.scene import Allowed
from attacks.poison.ward import Poisoned, Ward, poisoned
from reports.arithmetic import tolerance
from reports.stress.records import CheckState
from tests.attacks.poison_toys import Toy, wares
from tests.attacks.toys import Linear, pictures

ENROLLED, ASKED = wares(40, first=200), wares(12, first=100)


def suspects_of(toy: Toy) -> Callable[[Sequence[Picture]], Suspects]:
    def seen(some: Sequence[Picture]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        rows = np.array([toy.seen(picture.plane) for picture in some], float)
        return tuple(p.specimen for p in some), rows, np.array([p.authentic for p in some])

    def call(some: Sequence[Picture]) -> Suspects:
        _, rows, labels = seen(ASKED)
        return Suspects(*seen(some), rows, labels)

    return call


def ward(partitions: int = 5, *, detectors: tuple[str, ...] = (), **changes: object) -> Ward:
    toy = Toy(partitions)
    plans = tuple(PoisonPlan(f"{name}-1", POISONS[name].poison, Allowed(1)) for name in ("label-flip", "copied-target"))
    made = Ward(toy, ENROLLED, ASKED, tolerance, suspects_of(toy), plans, detectors)
    return replace(made, **changes)  # type: ignore[arg-type]


def found(id_: str, what: Poisoned | None) -> tuple[CheckState, str]:
    bench = CheckContext(Linear(), pictures(2), pictures(2), {}, [], 0, poisoned=what)
    finding = next(check for check in ALL if check.id == id_).on(bench)
    return finding.held, finding.evidence


@pytest.fixture(scope="module")
def sound() -> Poisoned:
    return poisoned(ward(1, detectors=tuple(DETECTORS)), seed=1)


@pytest.fixture(scope="module")
def certified() -> Poisoned:
    return poisoned(ward(), seed=1)


def test_what_was_asked_for_was_run(certified: Poisoned) -> None:
    assert [one.poison for one in certified.reached] == ["label-flip-1", "copied-target-1"]
    assert all(one.ran and one.certified and not one.broken for one in certified.reached)
    assert poisoned(ward(), seed=1) == certified


def test_certificates_are_held_to_their_word(certified: Poisoned) -> None:
    assert found("S30", certified)[0] is CheckState.HELD
    lying = poisoned(
        ward(tolerance=lambda votes: 9, plans=(PoisonPlan("p", POISONS["stamp"].poison, Allowed(6)),)), seed=1
    )
    assert found("S30", lying)[0] is CheckState.FAILED


def test_one_forest_has_nothing_to_hold(sound: Poisoned) -> None:
    for id_ in ("S30", "S31"):
        assert found(id_, sound)[0] is CheckState.NOT_APPLICABLE


def test_swapped_names_certify_nothing_right(certified: Poisoned) -> None:
    assert found("S31", certified)[0] is CheckState.HELD
    assert certified.named is not None
    assert certified.named.right > 0
    blind = replace(certified, named=replace(certified.named, swapped=certified.named.right))
    assert found("S31", blind)[0] is CheckState.FAILED


def test_detectors_count_that_find_what_was_planted(sound: Poisoned) -> None:
    assert [one.detector for one in sound.evaluated] == list(DETECTORS)
    known = {one.detector: one for one in sound.evaluated}
    assert known["activation-clusters"].counts, known["activation-clusters"]
    held, evidence = found("S34", sound)
    assert held is CheckState.HELD
    assert ("not evaluable" in evidence) is any(not one.counts for one in sound.evaluated)
    assert found("S35", sound)[0] is CheckState.HELD


def test_detectors_that_find_nothing_do_not_count(sound: Poisoned) -> None:
    poor = Evaluated("poor", 1, 4, 0, 36, 0, 40)
    loud = Evaluated("loud", 4, 4, 0, 36, 5, 40)
    for one in (poor, loud):
        assert not one.counts
        assert found("S34", replace(sound, evaluated=(one,)))[0] is CheckState.NOT_APPLICABLE
        assert found("S35", replace(sound, evaluated=(one,)))[0] is CheckState.NOT_APPLICABLE


def test_a_stamp_that_wakes_nothing_is_void(sound: Poisoned) -> None:
    assert sound.planted is not None
    known = sound.planted
    awake = replace(known, passed=("x",) * known.aimed, right_after=known.right_before)
    assert found("S36", replace(sound, planted=awake))[0] is CheckState.HELD
    for void in (replace(awake, passed=("x",)), replace(awake, right_after=0)):
        held, evidence = found("S36", replace(sound, planted=void))
        assert (held, "void" in evidence) == (CheckState.NOT_APPLICABLE, True)


@pytest.mark.parametrize("id_", ["S30", "S31", "S34", "S35", "S36"])
def test_what_broke_down_is_not_believed_and_what_was_not_asked_for_does_not_apply(id_: str) -> None:
    assert found(id_, None)[0] is CheckState.NOT_APPLICABLE
    assert found(id_, Poisoned((), None, None, (), "OSError: gone"))[0] is CheckState.FAILED


def test_a_ward_that_breaks_down_is_told_from_one_that_stands() -> None:
    def broken(some: Sequence[Picture]) -> Suspects:
        raise OSError("gone")

    made = poisoned(ward(detectors=("negative-impact",), suspects=broken), seed=1)
    assert made.problem == "OSError: gone"
    assert len(made.reached) == 2
    assert [one.planted for one in made.evaluated] == [0]
    only = [picture for picture in ENROLLED if picture.authentic]
    alone = poisoned(ward(enrolled=only), seed=1)
    assert all(not one.ran for one in alone.reached) or alone.problem


def test_detectors_need_what_they_look_at() -> None:
    few = Suspects(("a", "b"), np.zeros((2, 3)), np.array([True, False]))
    with pytest.raises(ValueError, match="no trusted specimens"):
        DETECTORS["negative-impact"](few)
    assert not DETECTORS["activation-clusters"](few).any()
