"""Transformations: each changes what its name says, and counts where it changes the label."""

from collections.abc import Sequence

import numpy as np
import pytest

from attacks.catalogue import CATALOGUE
from attacks.cost import Effort
from attacks.harness import AttackPlan, run_attack
from attacks.images import Budget, Norm, Plane, UnitPlane
from attacks.target import Prediction
from attacks.transformations import TRANSFORMATIONS
from attacks.trials import End, PlaneSource
from tests.attacks.toys import Rough, texture_images

ALL = Budget(Norm.LINF, 1.0)
SOFTER = ("resize", "crop", "blur", "screenshot")  # each takes fine detail away


def roughness(unit: UnitPlane) -> float:
    return float(np.abs(np.diff(unit, axis=1)).mean())


@pytest.mark.parametrize("name", TRANSFORMATIONS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_transformation_keeps_the_size_and_changes_more_with_strength(name: str, kind: type) -> None:
    way, strengths = TRANSFORMATIONS[name]
    unit = texture_images(2, kind=kind)[1].unit
    changed = [way(unit, strength, np.random.default_rng(0)) for strength in strengths]
    assert all(plane.shape == unit.shape and np.isfinite(plane).all() for plane in changed)
    far = [float(np.abs(plane - unit).mean()) for plane in changed]
    assert 0 < far[0] < far[-1]
    assert np.array_equal(way(unit, strengths[0], np.random.default_rng(0)), changed[0])


@pytest.mark.parametrize("name", SOFTER)
def test_fine_detail_is_lost(name: str) -> None:
    way, strengths = TRANSFORMATIONS[name]
    unit = texture_images(2)[1].unit
    assert roughness(way(unit, strengths[-1], np.random.default_rng(0))) < roughness(unit)


def test_contrast_and_noise_transformations_change_contrast_and_noise() -> None:
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
def test_a_transformation_that_changes_the_label_is_not_enlarged(name: str) -> None:
    """The change that a transformation returns is judged as it is."""
    entry = CATALOGUE[name]
    plan = AttackPlan(name, entry.family, entry.knowledge, entry.make(ALL, Effort()))
    result = run_attack(plan, Rough(), texture_images(), seed=1).result
    assert result.ran
    assert all(0 < trial.queries <= len(TRANSFORMATIONS[name][1]) for trial in result.trials)
    assert not any(trial.found is PlaneSource.ENLARGED or trial.unchanged for trial in result.trials)
    if name in SOFTER:
        assert {trial.picture for trial in result.trials if trial.authentic} <= result.fooled
    assert entry.taxonomies == ("AML.T0043.003", "NISTAML.025")


def test_the_mildest_transformation_without_a_label_is_returned() -> None:
    class Shy(Rough):
        """Gives no label to slightly blurred images, and the right one to more strongly blurred ones."""

        def predict(self, planes: Sequence[Plane]) -> list[Prediction]:
            levels = [roughness(plane / 255) for plane in planes]
            return [Prediction(None if 0.06 < level < 0.1 else True, None) for level in levels]

    entry = CATALOGUE["blur"]
    plan = AttackPlan("blur", entry.family, entry.knowledge, entry.make(ALL, Effort()))
    rough = [picture for picture in texture_images() if picture.authentic]
    assert {trial.end for trial in run_attack(plan, Shy(), rough, seed=1).result.trials} == {End.SILENCED}


def test_a_bounded_budget_is_refused_for_transformations() -> None:
    with pytest.raises(ValueError, match="norm linf and size 1"):
        CATALOGUE["jpeg"].make(Budget(Norm.LINF, 8 / 255), Effort())
