"""Estimated costs are compared with counted ones."""

import pytest
import torch

from attacks.catalogue import CATALOGUE
from attacks.cost import Cost, Effort
from attacks.estimate import cost_of_poisons, cost_of_suite
from attacks.harness import AttackPlan, run_attack
from attacks.images import Budget, Norm
from attacks.poison.harness import PoisonPlan, PoisonScenario, run_poison
from attacks.poison.threat import PoisonBudget
from attacks.poison_catalogue import POISONS
from attacks.trials import Knowledge
from reports.arithmetic import tolerance
from tests.attacks.poison_toys import ToyLearner
from tests.attacks.test_poison import ASKED, ENROLLED
from tests.attacks.toys import Linear, toy_images

TINY = {Norm.LINF: 1e-3, Norm.L2: 8e-3, Norm.L0: 0.4}  # nothing succeeds early
BY_SIZE = {"jsma", "patch", "frame-saliency"}  # what they take depends on the picture, not on steps
HARD = [
    (name, norm)
    for name, entry in CATALOGUE.items()
    for norm in entry.norms
    if entry.knowledge is not Knowledge.BLACK and name not in BY_SIZE
]


@pytest.mark.slow
@pytest.mark.parametrize("effort", [Effort(5), Effort(10, 2)], ids=["short", "long"])
@pytest.mark.parametrize(("name", "norm"), HARD, ids=[f"{name} {norm}" for name, norm in HARD])
def test_estimated_passes_are_within_a_factor_of_two(name: str, norm: Norm, effort: Effort) -> None:
    entry = CATALOGUE[name]
    plan = AttackPlan(name, entry.family, entry.knowledge, entry.make(Budget(norm, TINY[norm]), effort))
    result = run_attack(plan, Linear(), toy_images(2), seed=1).result
    assert result.problem is None
    passes = sum(trial.passes for trial in result.trials) / len(result.trials)
    reckoned = CATALOGUE[name].cost(effort).passes
    assert passes <= 1.3 * reckoned + 2
    assert reckoned <= 2.5 * passes + 4


class Counting(ToyLearner):
    """Counts the planes that pass the encoder forward and backward."""

    passes = 0

    def features(self, unit: torch.Tensor) -> torch.Tensor:
        self.passes += 2 * len(unit) * unit.requires_grad
        return super().features(unit)


@pytest.mark.slow
@pytest.mark.parametrize(("specimens", "steps"), [(1, 10), (3, 20)])
@pytest.mark.parametrize("name", POISONS)
def test_estimated_costs_of_poisons_are_within_a_factor_of_two(name: str, specimens: int, steps: int) -> None:
    toy = Counting()
    case = PoisonScenario(toy, ENROLLED, ASKED, toy.enrol(ENROLLED), tolerance)
    plan = PoisonPlan(name, POISONS[name].poison, PoisonBudget(specimens, steps=steps))
    assert run_poison(plan, case, seed=1).ran
    reckoned = cost_of_poisons([(name, specimens, steps)], enrolled=0, images=0).passes
    assert 0.4 * toy.passes - 4 <= reckoned <= 1.3 * toy.passes + 4


def test_poisoned_models_are_queried_with_and_without_the_trigger() -> None:
    assert cost_of_poisons([], enrolled=50, images=8) == Cost()
    assert cost_of_poisons([("stamp", 2, 20), ("bullseye", 1, 20)], enrolled=50, images=8) == Cost(50 + 3 * 8 + 3, 42)


def test_queries_are_those_that_the_policy_allows_and_those_of_the_harness() -> None:
    assert CATALOGUE["square"].cost(Effort(queries=300)) == Cost(302, 0)
    assert CATALOGUE["jpeg"].cost(Effort()) == Cost(6, 0)
    assert CATALOGUE["transfer"].cost(Effort()).passes == 1


def test_the_cost_of_a_suite_is_the_sum_over_attacks_and_checks() -> None:
    attacks = [("fgsm", Effort()), ("pgd", Effort(20))]
    alone, checked = cost_of_suite(attacks, []), cost_of_suite(attacks, ["S02", "S06", "S38"])
    assert alone == Cost(1) + CATALOGUE["fgsm"].cost(Effort()) + CATALOGUE["pgd"].cost(Effort(20))
    assert checked.passes == alone.passes + 80
    assert checked.queries == alone.queries + 2 + 2
    assert Cost(10, 20).seconds(0.5, 0.25) == 10.0
