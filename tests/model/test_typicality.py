"""Distances from makers: equal to those of the covariance itself, which the code never forms."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from fusiondiff_audit.model.typicality import WithinMakers

MAKERS = ("kiln", "kiln", "kiln", "kiln", "aged", "aged", "aged", "lone")


def test_distances_are_those_of_the_shrunk_covariance() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(len(MAKERS), 5)) * [1, 2, 3, 1, 1]
    asked = rng.normal(size=(4, 5))
    within = WithinMakers.fit(vectors, MAKERS)
    assert within.makers == ("aged", "kiln", "lone")
    rows = {maker: vectors[[other == maker for other in MAKERS]] for maker in within.makers}
    deviations = np.concatenate([rows[maker] - rows[maker].mean(0) for maker in ("kiln", "aged")])
    _, shrinkage = ledoit_wolf(deviations, assume_centered=True)
    scatter = deviations.T @ deviations / (len(deviations) - 2)  # each mean takes a degree of freedom
    covariance = (1 - shrinkage) * scatter + shrinkage * np.trace(scatter) / 5 * np.eye(5)
    for place, maker in enumerate(within.makers):
        difference = asked - rows[maker].mean(0)
        expected = np.einsum("ij,jk,ik->i", difference, np.linalg.inv(covariance), difference)
        assert within.squared_distances(asked)[:, place] == pytest.approx(expected)


def test_makers_of_one_specimen_each_show_no_scatter() -> None:
    with pytest.raises(ValueError, match="no maker has two specimens"):
        WithinMakers.fit(np.eye(3), ("a", "b", "c"))


def test_equal_specimens_have_finite_distances() -> None:
    within = WithinMakers.fit(np.ones((4, 3)), ("a", "a", "b", "b"))
    assert np.isfinite(within.squared_distances(np.full((1, 3), 2.0))).all()
