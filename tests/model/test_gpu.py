"""A GPU agrees with the CPU, and with itself."""

import numpy as np
import pytest

from fusiondiff_audit.model.enrolment import ForestSettings
from tests.model.tiny import enrolled_model, pictures

pytestmark = pytest.mark.gpu
TREES, COUNT = 100, 60


def test_a_gpu_agrees_with_the_cpu_in_full_precision() -> None:
    model = enrolled_model(8, learning=ForestSettings(trees=TREES))
    images = list(pictures(COUNT, side=64))
    here, rows = list(model.judge(images)), np.concatenate([one.embeddings for one in model.embed(images)])
    model.to("cuda")
    there, others = list(model.judge(images)), np.concatenate([one.embeddings for one in model.embed(images)])
    assert model.runtime.device == "cuda"
    assert np.abs(rows - others).max() <= 1e-4 * np.abs(rows).max()
    apart = [abs((a.score or 0) - (b.score or 0)) for a, b in zip(here, there, strict=True)]
    assert max(apart) <= 5 / TREES
    assert sum(one > 0 for one in apart) <= 0.05 * COUNT
    for a, b in zip(here, there, strict=True):
        assert a.votes == b.votes or abs((a.score or 0) - 0.5) <= 5 / TREES


def test_a_gpu_gives_the_same_bits_again_and_in_any_company() -> None:
    model = enrolled_model(4).to("cuda")
    images = list(pictures(9, side=64))
    first = np.concatenate([one.embeddings for one in model.embed(images)])
    turned = np.concatenate([one.embeddings for one in model.embed(images[3:] + images[:3])])
    assert np.array_equal(first, np.concatenate([one.embeddings for one in model.embed(images)]))
    assert np.array_equal(first, np.concatenate([turned[6:], turned[:6]]))
