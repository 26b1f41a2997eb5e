"""Soft forests: equal to the forest at low temperature, with useful gradients at a higher one."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from attacks.soft_forest import SoftForest
from fusiondiff_audit.model.forest_arrays import from_sklearn

ROWS = np.random.default_rng(0).normal(0, [1, 5, 0.2, 1, 1, 1], (300, 6)).astype(np.float32)
LABELS = (ROWS[:, 0] + ROWS[:, 1] / 5 > 0).astype(np.int64)
FOREST = RandomForestClassifier(40, random_state=0).fit(ROWS, LABELS)
SCALE = torch.from_numpy(ROWS.std(0))
SOFT = SoftForest(from_sklearn(FOREST), scale=SCALE)


def test_a_soft_forest_of_low_temperature_equals_the_forest() -> None:
    rows = np.random.default_rng(1).normal(0, [1, 5, 0.2, 1, 1, 1], (200, 6)).astype(np.float32)
    soft = SOFT.shares(torch.from_numpy(rows), temperature=1e-6).numpy()
    assert np.abs(soft - FOREST.predict_proba(rows)).max() < 1e-5


@pytest.mark.parametrize(("temperature", "least"), [(0.02, 0.99), (0.1, 0.95), (0.5, 0.85)])
def test_a_soft_forest_of_high_temperature_agrees_less(temperature: float, least: float) -> None:
    soft = SOFT.shares(torch.from_numpy(ROWS), temperature=temperature).numpy()
    assert np.allclose(soft.sum(1), 1, atol=1e-5)
    assert ((soft[:, 1] > 0.5) == FOREST.predict(ROWS)).mean() >= least


def test_the_gradient_equals_finite_differences() -> None:
    row = torch.from_numpy(ROWS[:1]).double().requires_grad_()
    twin = SoftForest(from_sklearn(FOREST), scale=SCALE.double())
    assert torch.autograd.gradcheck(lambda at: twin.shares(at, temperature=0.3)[:, 1], row, eps=1e-4, atol=1e-3)


def test_steps_along_the_gradient_change_the_forest_s_label() -> None:
    wrong = torch.from_numpy(ROWS[LABELS == 0][:20]).requires_grad_()
    (slope,) = torch.autograd.grad(SOFT.shares(wrong, temperature=0.2)[:, 1].sum(), wrong)
    moved = (wrong + 3 * SCALE * slope.sign()).detach().numpy()
    before, after = (FOREST.predict_proba(rows)[:, 1].mean() for rows in (wrong.detach().numpy(), moved))
    assert before < 0.2
    assert after > 0.6
