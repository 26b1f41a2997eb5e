"""What a run costs is said before it starts, so it is compared with what runs take."""

import pytest

from attacks.catalogue import CATALOGUE, Effort
from attacks.cost import Cost, of_attack, of_suite
from attacks.harness import Plan, run
from attacks.outcome import Knowledge
from attacks.pictures import Budget, Norm
from tests.attacks.toys import Linear, pictures

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
def test_passes_are_reckoned_to_a_factor_of_two(name: str, norm: Norm, effort: Effort) -> None:
    entry = CATALOGUE[name]
    plan = Plan(name, entry.family, entry.knowledge, entry.make(Budget(norm, TINY[norm]), effort))
    result = run(plan, Linear(), pictures(2), seed=1).result
    assert result.problem is None
    passes = sum(trial.passes for trial in result.trials) / len(result.trials)
    reckoned = of_attack(name, effort).passes
    assert passes <= 1.3 * reckoned + 2
    assert reckoned <= 2.5 * passes + 4


def test_questions_are_what_the_policy_allows_and_what_judging_takes() -> None:
    assert of_attack("square", Effort(queries=300)) == Cost(302, 0)
    assert of_attack("jpeg", Effort()) == Cost(6, 0)
    assert of_attack("transfer", Effort()).passes == 1


def test_a_suite_costs_what_its_attacks_and_checks_do() -> None:
    attacks = [("fgsm", Effort()), ("pgd", Effort(20))]
    alone, checked = of_suite(attacks, []), of_suite(attacks, ["S02", "S06", "S38"])
    assert alone == Cost(1) + of_attack("fgsm", Effort()) + of_attack("pgd", Effort(20))
    assert checked.passes == alone.passes + 80
    assert checked.questions == alone.questions + 2 + 2
    assert Cost(10, 20).seconds(0.5, 0.25) == 10.0
