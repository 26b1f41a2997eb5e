"""Attacks that have no slope of the head, on a head that has one, so that what they reach is known."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from attacks.adaptive import AdaptiveAttack, PlaneObjective, distilled_head, other_class_features, surrogate_network
from attacks.gradient import random_start, to_plane, to_tensor
from attacks.harness import Attack, AttackPlan, AttackRun, run_attack
from attacks.images import Budget, Norm, UnitPlane
from attacks.outcome import Knowledge
from attacks.target import AttackSession
from tests.attacks.toys import Linear, Rough, Scripted, texture_images, toy_images

BUDGET = Budget(Norm.LINF, 16 / 255)
MORE = Budget(Norm.LINF, 24 / 255)
LONG = Budget(Norm.L2, 3.0)


def tried(attack: Attack, knowledge: Knowledge = Knowledge.GREY) -> AttackRun:
    return run_attack(AttackPlan("detour", "transfer", knowledge, attack), Rough(), texture_images(), seed=3)


@pytest.mark.parametrize("budget", [BUDGET, LONG])
def test_features_can_be_moved_to_the_other_class(budget: Budget) -> None:
    result = tried(AdaptiveAttack(budget, other_class_features), Knowledge.WHITE).result
    assert result.ran
    assert len(result.fooled) == 8


def test_a_head_that_learnt_from_answers_is_as_good_to_climb() -> None:
    result = tried(AdaptiveAttack(BUDGET, distilled_head)).result
    assert result.ran
    assert len(result.fooled) == 8
    assert not sum(trial.queries for trial in result.trials)


def test_a_stand_in_knows_nothing_of_the_model() -> None:
    class Blind(Rough):
        def logits(self, unit: torch.Tensor) -> torch.Tensor:
            raise AssertionError("asked for the model's own slopes")

        features = logits

    def noise(session: AttackSession) -> UnitPlane:
        return to_plane(random_start(to_tensor(session.log.image.unit), MORE, session.generator))

    attack = AdaptiveAttack(MORE, surrogate_network)
    result = run_attack(
        AttackPlan("transfer", "transfer", Knowledge.GREY, attack), Blind(), texture_images(), seed=3
    ).result
    assert result.ran
    assert not sum(trial.queries + trial.passes for trial in result.trials)
    blind = run_attack(
        AttackPlan("noise", "noise", Knowledge.GREY, Scripted(noise, MORE)), Blind(), texture_images(), seed=3
    ).result
    assert len(result.fooled) >= 2 > 0 == len(blind.fooled)


@pytest.mark.parametrize(
    "attack", [AdaptiveAttack(BUDGET, by) for by in (other_class_features, distilled_head, surrogate_network)]
)
def test_the_same_seed_gives_the_same_planes(attack: Attack) -> None:
    assert tried(attack).result == tried(attack).result


def test_without_the_other_class_there_is_nowhere_to_go() -> None:
    authentic = [picture for picture in toy_images() if picture.authentic]
    plan = AttackPlan("features", "features", Knowledge.WHITE, AdaptiveAttack(BUDGET, other_class_features))
    result = run_attack(plan, Linear(), authentic, seed=3).result
    assert not result.ran
    assert "no image of the other class" in (result.problem or "")


@pytest.mark.parametrize("by", [distilled_head, surrogate_network])
def test_a_stand_in_that_learnt_nothing_is_no_attack(by: Callable[[AttackSession], PlaneObjective]) -> None:
    """It would try nothing, and every picture would hold."""
    authentic = [picture for picture in texture_images() if picture.authentic]
    alike = [replace(authentic[0], name=str(n), authentic=bool(n % 2)) for n in range(6)]
    for known in (authentic, alike):
        plan = AttackPlan("stand-in", "transfer", Knowledge.GREY, AdaptiveAttack(BUDGET, by))
        result = run_attack(plan, Rough(), known, seed=3).result
        assert not result.ran
        assert "learnt too little" in (result.problem or "")


@pytest.mark.parametrize("by", [other_class_features, distilled_head])
def test_a_plane_without_tiles_leads_nowhere_and_breaks_nothing(by: Callable[[AttackSession], PlaneObjective]) -> None:
    class Bare(Rough):
        def features(self, unit: torch.Tensor) -> torch.Tensor:
            known = any(torch.allclose(unit[0, 0], torch.from_numpy(p.unit).float()) for p in texture_images())
            return super().features(unit) if known else unit.new_zeros(0, 1)

    result = run_attack(
        AttackPlan("detour", "features", Knowledge.GREY, AdaptiveAttack(BUDGET, by)), Bare(), texture_images(), seed=3
    ).result
    assert result.ran
    assert not result.fooled
