"""Every attack of the catalogue on a linear model."""

import numpy as np
import pytest

from attacks.catalogue import CATALOGUE
from attacks.cost import Effort
from attacks.harness import AttackPlan, run_attack
from attacks.images import Budget, Norm
from attacks.trials import End, Knowledge
from tests.attacks.toys import Linear, toy_images

BUDGETS = {Norm.LINF: 0.1, Norm.L2: 0.8, Norm.L0: 0.4}
WEAK = {"virtual", "patch"}  # the one finds the way for some pictures alone, the other smooths what it learns
OWN = {"transfer", "platforms"}  # families with tests of their own, where it is known what they reach
CASES = [(name, norm) for name, entry in CATALOGUE.items() for norm in entry.norms if entry.family not in OWN]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "norm"), CASES, ids=[f"{name} {norm}" for name, norm in CASES])
def test_every_attack_fools_a_linear_model_with_a_large_budget(name: str, norm: Norm) -> None:
    entry = CATALOGUE[name]
    size = 0.5 if name in ("square", "spatial", "threshold") else BUDGETS[norm]
    plan = AttackPlan(name, entry.family, entry.knowledge, entry.make(Budget(norm, size), Effort(20, 2, 4000)), 20_000)
    result = run_attack(plan, Linear(), toy_images(4), seed=1).result
    assert result.problem is None
    assert result.ran
    assert not any(trial.unchanged for trial in result.trials)
    assert result.count(End.FOOLED) >= (1 if name in WEAK else 4)
    for trial in result.trials:
        assert (trial.queries > 0) is (entry.knowledge is Knowledge.BLACK)
        assert (trial.passes > 0) is (entry.knowledge is Knowledge.WHITE) or entry.family == "universal"


@pytest.mark.parametrize("name", ["apgd", "art-mim", "deep-fool", "hop-skip-jump", "square", "universal"])
def test_the_same_seed_gives_the_same_planes(name: str) -> None:
    entry = CATALOGUE[name]
    budget = Budget(entry.norms[0], BUDGETS[entry.norms[0]])
    plan = AttackPlan(name, entry.family, entry.knowledge, entry.make(budget, Effort(5, 1, 200)), 200)
    first, again = (run_attack(plan, Linear(), toy_images(2), seed=7) for _ in range(2))
    assert first.result == again.result
    assert all(np.array_equal(first.planes[key], again.planes[key]) for key in first.planes)


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 1, -5)])
def test_an_effort_below_one_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="whole numbers from 1"):
        Effort(*numbers)
