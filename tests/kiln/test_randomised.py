"""Randomised specimens: drawn from their keys alone, with broad and uncorrelated ingredients."""

import numpy as np
from scipy.stats import spearmanr

from fusiondiff_audit.kiln.randomised import RANDOMISED_NAME, randomised_specimen


def test_a_randomised_specimen_follows_from_its_key() -> None:
    one, again, other = (
        randomised_specimen("test", "1"),
        randomised_specimen("test", "1"),
        randomised_specimen("test", "2"),
    )
    assert one == again
    assert one.body != other.body
    assert (one.kiln, one.key) == (RANDOMISED_NAME, ("test", "1", RANDOMISED_NAME))
    assert np.array_equal(one.field(0, 64), again.field(0, 64))
    assert not np.array_equal(one.field(0, 64), one.field(1, 64))


def test_ingredients_are_spread_and_uncorrelated() -> None:
    bodies = [randomised_specimen("many", str(number)).body for number in range(400)]
    drawn = {
        "elongation": [body.grains.elongation for body in bodies],
        "pores": [body.pores.share for body in bodies],
        "siting": [body.pores.siting for body in bodies],
        "spread": [body.pores.spread for body in bodies],
        "glass": [body.grains.glass for body in bodies],
    }
    for name, values in drawn.items():
        assert np.quantile(values, 0.95) / np.quantile(values, 0.05) > 2, name
    correlation = spearmanr(np.array(list(drawn.values())).T).statistic
    assert np.abs(correlation - np.eye(len(drawn))).max() < 0.2
    layered = sum(bool(body.layers) for body in bodies)
    assert 100 < layered < 260  # a glaze or a coat, each with a quarter
