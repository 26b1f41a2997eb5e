"""Attacks that have no slope of the head, on a head that has one, so that what they reach is known."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from attacks.detours import Detour, See, by_head, by_network, towards_others
from attacks.gradient import scattered, to_tensor, to_unit
from attacks.harness import Attack, Plan, Run, run
from attacks.outcome import Knowledge
from attacks.pictures import Budget, Norm, Unit
from attacks.target import Aim
from tests.attacks.toys import Linear, Rough, Scripted, pictures, textures

BUDGET = Budget(Norm.LINF, 16 / 255)
MORE = Budget(Norm.LINF, 24 / 255)
LONG = Budget(Norm.L2, 3.0)


def tried(attack: Attack, knowledge: Knowledge = Knowledge.GREY) -> Run:
    return run(Plan("detour", "transfer", knowledge, attack), Rough(), textures(), seed=3)


@pytest.mark.parametrize("budget", [BUDGET, LONG])
def test_features_can_be_moved_to_the_other_class(budget: Budget) -> None:
    result = tried(Detour(budget, towards_others), Knowledge.WHITE).result
    assert result.ran
    assert len(result.fooled) == 8


def test_a_head_that_learnt_from_answers_is_as_good_to_climb() -> None:
    result = tried(Detour(BUDGET, by_head)).result
    assert result.ran
    assert len(result.fooled) == 8
    assert not sum(trial.queries for trial in result.trials)


def test_a_stand_in_knows_nothing_of_the_model() -> None:
    class Blind(Rough):
        def logits(self, unit: torch.Tensor) -> torch.Tensor:
            raise AssertionError("asked for the model's own slopes")

        features = logits

    def noise(aim: Aim) -> Unit:
        return to_unit(scattered(to_tensor(aim.watched.picture.unit), MORE, aim.generator))

    attack = Detour(MORE, by_network)
    result = run(Plan("transfer", "transfer", Knowledge.GREY, attack), Blind(), textures(), seed=3).result
    assert result.ran
    assert not sum(trial.queries + trial.passes for trial in result.trials)
    blind = run(Plan("noise", "noise", Knowledge.GREY, Scripted(noise, MORE)), Blind(), textures(), seed=3).result
    assert len(result.fooled) >= 2 > 0 == len(blind.fooled)


@pytest.mark.parametrize("attack", [Detour(BUDGET, by) for by in (towards_others, by_head, by_network)])
def test_the_same_seed_gives_the_same_planes(attack: Attack) -> None:
    assert tried(attack).result == tried(attack).result


def test_without_the_other_class_there_is_nowhere_to_go() -> None:
    authentic = [picture for picture in pictures() if picture.authentic]
    plan = Plan("features", "features", Knowledge.WHITE, Detour(BUDGET, towards_others))
    result = run(plan, Linear(), authentic, seed=3).result
    assert not result.ran
    assert "no picture of the other class" in (result.problem or "")


@pytest.mark.parametrize("by", [by_head, by_network])
def test_a_stand_in_that_learnt_nothing_is_no_attack(by: Callable[[Aim], See]) -> None:
    """It would try nothing, and every picture would hold."""
    authentic = [picture for picture in textures() if picture.authentic]
    alike = [replace(authentic[0], name=str(n), authentic=bool(n % 2)) for n in range(6)]
    for known in (authentic, alike):
        plan = Plan("stand-in", "transfer", Knowledge.GREY, Detour(BUDGET, by))
        result = run(plan, Rough(), known, seed=3).result
        assert not result.ran
        assert "learnt too little" in (result.problem or "")


@pytest.mark.parametrize("by", [towards_others, by_head])
def test_a_plane_without_tiles_leads_nowhere_and_breaks_nothing(by: Callable[[Aim], See]) -> None:
    class Bare(Rough):
        def features(self, unit: torch.Tensor) -> torch.Tensor:
            known = any(torch.allclose(unit[0, 0], torch.from_numpy(p.unit).float()) for p in textures())
            return super().features(unit) if known else unit.new_zeros(0, 1)

    result = run(Plan("detour", "features", Knowledge.GREY, Detour(BUDGET, by)), Bare(), textures(), seed=3).result
    assert result.ran
    assert not result.fooled
