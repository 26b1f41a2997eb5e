"""Strangers are of no maker: drawn from their words alone, broadly, and one ingredient says nothing of another."""

import numpy as np
from scipy.stats import spearmanr

from fusiondiff_audit.kiln.randomised import NAME, randomised_specimen


def test_the_same_words_give_the_same_specimen_and_others_another() -> None:
    one, again, other = (
        randomised_specimen("test", "1"),
        randomised_specimen("test", "1"),
        randomised_specimen("test", "2"),
    )
    assert one == again
    assert one.body != other.body
    assert (one.kiln, one.key) == (NAME, ("test", "1", NAME))
    assert np.array_equal(one.field(0, 64), again.field(0, 64))
    assert not np.array_equal(one.field(0, 64), one.field(1, 64))


def test_ingredients_are_spread_and_say_nothing_of_each_other() -> None:
    bodies = [randomised_specimen("many", str(number)).body for number in range(400)]
    seen = {
        "elongation": [body.grains.elongation for body in bodies],
        "pores": [body.pores.share for body in bodies],
        "siting": [body.pores.siting for body in bodies],
        "spread": [body.pores.spread for body in bodies],
        "glass": [body.grains.glass for body in bodies],
    }
    for name, values in seen.items():
        assert np.quantile(values, 0.95) / np.quantile(values, 0.05) > 2, name
    correlation = spearmanr(np.array(list(seen.values())).T).statistic
    assert np.abs(correlation - np.eye(len(seen))).max() < 0.2
    layered = sum(bool(body.layers) for body in bodies)
    assert 100 < layered < 260  # a glaze or a coat, each with a quarter
