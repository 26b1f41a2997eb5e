"""Attacks on a target whose boundary is calculated: a budget beyond it suffices, and one short of it does not."""

from collections.abc import Callable

import numpy as np
import pytest

from attacks.art import decision_based, gradient_steps, minimum_norm, score_based
from attacks.cost import Effort
from attacks.gradient import Apgd, Fgsm, Pgd, apgd_checkpoints
from attacks.harness import Attack, AttackPlan, run_attack
from attacks.images import Budget, Norm
from attacks.trials import End, Knowledge
from tests.attacks.toys import WEIGHTS, ConstantModel, Linear, Masked, toy_images

HEIGHT = 0.5
GREYS = 2  # of 255: two greys everywhere move the sum by 0.68, one by 0.34
LENGTH = HEIGHT / float(np.sqrt((WEIGHTS**2).sum()))  # from a picture to the boundary

Make = Callable[[Budget], Attack]
LARGEST: dict[str, Make] = {
    "own fgsm": Fgsm,
    "own pgd": lambda budget: Pgd(budget, 10),
    "own apgd": lambda budget: Apgd(budget, 15),
    "bim": lambda budget: gradient_steps.bim(budget, Effort(10)),
    "mim": lambda budget: gradient_steps.mim(budget, Effort(10)),
}
LONGEST: dict[str, Make] = {
    "own pgd": lambda budget: Pgd(budget, 10),
    "own apgd": lambda budget: Apgd(budget, 15),
    "deep fool": lambda budget: minimum_norm.deep_fool(budget, Effort(20)),
    "carlini l2": lambda budget: minimum_norm.carlini_l2(budget, Effort(40, restarts=3)),
    "hop skip jump": lambda budget: decision_based.hop_skip_jump(budget, Effort(25, queries=50_000)),
}


def fooled(
    attack: Attack, target: Linear | ConstantModel, *, kind: type, count: int = 4, queries: int = 10**6
) -> list[End]:
    plan = AttackPlan("it", "any", Knowledge.WHITE, attack, queries)
    result = run_attack(plan, target, toy_images(count, height=HEIGHT, kind=kind), seed=1).result
    assert result.problem is None
    return [trial.end for trial in result.trials]


@pytest.mark.parametrize("name", LARGEST)
def test_steps_of_two_greys_are_enough_and_one_is_not(name: str) -> None:
    enough, too_little = (Budget(Norm.LINF, greys / 255) for greys in (GREYS, GREYS - 1))
    assert fooled(LARGEST[name](enough), Linear(), kind=np.uint8) == [End.FOOLED] * 4
    assert fooled(LARGEST[name](too_little), Linear(), kind=np.uint8) == [End.HELD] * 4


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "carlini l2")) for name in LONGEST]
)
def test_a_length_beyond_the_boundary_is_enough_and_one_before_it_is_not(name: str) -> None:
    slack = 1.5 if name == "hop skip jump" else 1.1
    enough, too_little = (Budget(Norm.L2, LENGTH * share) for share in (slack, 0.95))
    assert fooled(LONGEST[name](enough), Linear(), kind=np.uint16, count=2) == [End.FOOLED] * 2
    assert fooled(LONGEST[name](too_little), Linear(), kind=np.uint16, count=2) == [End.HELD] * 2


@pytest.mark.parametrize("name", LARGEST)
def test_a_constant_model_is_never_fooled(name: str) -> None:
    ends = fooled(LARGEST[name](Budget(Norm.LINF, 1.0)), ConstantModel(), kind=np.uint8, count=2)
    assert ends == [End.FOOLED, End.HELD]  # the first is a counterfeit, and was never judged rightly


def test_square_sees_scores_and_needs_no_gradient() -> None:
    attack = score_based.square(Budget(Norm.LINF, 0.5), Effort(queries=400))
    assert fooled(attack, Masked(), kind=np.uint8) == [End.FOOLED] * 4


def test_a_flat_surrogate_stops_gradient_attacks() -> None:
    assert End.FOOLED not in fooled(Fgsm(Budget(Norm.LINF, GREYS / 255)), Masked(), kind=np.uint8)


def test_queries_are_counted_and_their_limit_ends_an_attack() -> None:
    budget = Budget(Norm.LINF, 0.2)
    plan = AttackPlan(
        "it", "labels", Knowledge.BLACK, decision_based.hop_skip_jump(budget, Effort(50, queries=50_000)), queries=50
    )
    target = Linear()
    result = run_attack(plan, target, toy_images(4), seed=1).result
    assert result.ran
    assert [trial.queries for trial in result.trials] == [50] * 4
    assert target.asked <= 4 * 52  # and once or twice by the harness
    assert all(trial.start for trial in result.trials)
    assert not any(trial.unchanged for trial in result.trials)


def test_the_checkpoints_of_apgd_come_at_shrinking_distances() -> None:
    assert sorted(apgd_checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99, 100]
    assert max(apgd_checkpoints(7)) == 7
