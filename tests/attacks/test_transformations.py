"""What happens to pictures on their way: each change does what it says, and is counted when it turns an answer."""

from collections.abc import Sequence

import numpy as np
import pytest

from attacks.catalogue import CATALOGUE
from attacks.cost import Effort
from attacks.harness import AttackPlan, run_attack
from attacks.images import Budget, Norm, Plane, UnitPlane
from attacks.target import Prediction
from attacks.transformations import TRANSFORMATIONS
from attacks.trials import End, Found
from tests.attacks.toys import Rough, texture_images

ALL = Budget(Norm.LINF, 1.0)
SOFTER = ("resize", "crop", "blur", "screenshot")  # each takes fine detail away


def roughness(unit: UnitPlane) -> float:
    return float(np.abs(np.diff(unit, axis=1)).mean())


@pytest.mark.parametrize("name", TRANSFORMATIONS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_change_gives_a_picture_of_the_same_size_and_more_of_it_changes_more(name: str, kind: type) -> None:
    way, strengths = TRANSFORMATIONS[name]
    unit = texture_images(2, kind=kind)[1].unit
    changed = [way(unit, strength, np.random.default_rng(0)) for strength in strengths]
    assert all(one.shape == unit.shape and np.isfinite(one).all() for one in changed)
    far = [float(np.abs(one - unit).mean()) for one in changed]
    assert 0 < far[0] < far[-1]
    assert np.array_equal(way(unit, strengths[0], np.random.default_rng(0)), changed[0])


@pytest.mark.parametrize("name", SOFTER)
def test_fine_detail_goes(name: str) -> None:
    way, strengths = TRANSFORMATIONS[name]
    unit = texture_images(2)[1].unit
    assert roughness(way(unit, strengths[-1], np.random.default_rng(0))) < roughness(unit)


def test_contrast_and_noise_are_what_they_are_called() -> None:
    ramp = np.tile(np.linspace(0, 1, 32), (32, 1))
    flat = np.full((64, 64), 0.5)
    brighter, darker = (TRANSFORMATIONS["contrast"][0](ramp, stops, np.random.default_rng(0)) for stops in (-0.5, 0.5))
    assert brighter.mean() > ramp.mean() > darker.mean()
    assert np.ptp(darker) < 1
    for name in ("scanner", "microscope"):
        way, strengths = TRANSFORMATIONS[name]
        weak, strong = (float(way(flat, s, np.random.default_rng(0)).std()) for s in (strengths[0], strengths[-1]))
        assert 0 < weak < strong


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_what_turns_an_answer_is_handed_in_as_it_is(name: str) -> None:
    """Enlarged to its whole budget a change would be another one, so nothing is tried that did not happen."""
    entry = CATALOGUE[name]
    plan = AttackPlan(name, entry.family, entry.knowledge, entry.make(ALL, Effort()))
    done = run_attack(plan, Rough(), texture_images(), seed=1).result
    assert done.ran
    assert all(0 < trial.queries <= len(TRANSFORMATIONS[name][1]) for trial in done.trials)
    assert not any(trial.found is Found.STRETCHED or trial.unchanged for trial in done.trials)
    if name in SOFTER:
        assert {trial.picture for trial in done.trials if trial.authentic} <= done.fooled
    assert entry.taxonomies == ("AML.T0043.003", "NISTAML.025")


def test_a_change_that_silences_is_not_hidden_by_a_stronger_one() -> None:
    class Shy(Rough):
        """Gives no answer to what is a little blurred, and the right one to what is more so."""

        def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
            seen = [roughness(plane / 255) for plane in planes]
            return [Prediction(None if 0.06 < one < 0.1 else True, None) for one in seen]

    entry = CATALOGUE["blur"]
    plan = AttackPlan("blur", entry.family, entry.knowledge, entry.make(ALL, Effort()))
    rough = [picture for picture in texture_images() if picture.authentic]
    assert {trial.end for trial in run_attack(plan, Shy(), rough, seed=1).result.trials} == {End.SILENCED}


def test_another_budget_would_be_another_change() -> None:
    with pytest.raises(ValueError, match="norm linf and size 1"):
        CATALOGUE["jpeg"].make(Budget(Norm.LINF, 8 / 255), Effort())
