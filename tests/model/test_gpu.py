"""A GPU agrees with the CPU, and with itself; so do forests on it."""

import numpy as np
import pytest
import torch

from fusiondiff_audit.model.enrolment import ForestSettings
from fusiondiff_audit.model.forest_batched import BatchedForest
from tests.model.tiny import enrolled_model, pictures

pytestmark = pytest.mark.gpu
TREES, COUNT = 100, 60


def test_a_gpu_agrees_with_the_cpu_in_full_precision() -> None:
    model = enrolled_model(8, learning=ForestSettings(trees=TREES))
    asked = list(pictures(COUNT, side=64))
    here, rows = model.judge(asked), np.concatenate([one.rows for one in model.embed(asked)])
    model.to("cuda")
    there, others = model.judge(asked), np.concatenate([one.rows for one in model.embed(asked)])
    assert there.runtime.device == "cuda"
    assert np.abs(rows - others).max() <= 1e-4 * np.abs(rows).max()
    apart = [abs((a.score or 0) - (b.score or 0)) for a, b in zip(here, there, strict=True)]
    assert max(apart) <= 5 / TREES
    assert sum(one > 0 for one in apart) <= 0.05 * COUNT
    for a, b in zip(here, there, strict=True):
        assert a.votes == b.votes or abs((a.score or 0) - 0.5) <= 5 / TREES


def test_a_gpu_gives_the_same_bits_again_and_in_any_company() -> None:
    model = enrolled_model(4).to("cuda")
    asked = list(pictures(9, side=64))
    first = np.concatenate([one.rows for one in model.embed(asked)])
    turned = np.concatenate([one.rows for one in model.embed(asked[3:] + asked[:3])])
    assert np.array_equal(first, np.concatenate([one.rows for one in model.embed(asked)]))
    assert np.array_equal(first, np.concatenate([turned[6:], turned[:6]]))


def test_forests_on_a_gpu_vote_as_they_do_here() -> None:
    (forest,) = enrolled_model(8).head.forests
    rows = np.random.default_rng(1).standard_normal((500, forest.features)).astype(np.float32)
    there = BatchedForest(forest, torch.device("cuda"))
    assert np.array_equal(there.votes(torch.from_numpy(rows)).cpu().numpy(), forest.votes(rows))
    np.testing.assert_allclose(there.shares(torch.from_numpy(rows)).cpu().numpy(), forest.shares(rows), atol=1e-12)
