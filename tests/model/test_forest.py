"""Forests as arrays: bit for bit the results of scikit-learn; invalid arrays are refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier

from fusiondiff_audit.model.forest import LEAF, Forest, _down
from fusiondiff_audit.model.forest_arrays import from_arrays, from_sklearn, to_arrays


def trained(
    classes: int = 2, *, rows: int = 300, features: int = 12, trees: int = 40, seed: int = 0, **options: Any
) -> Any:
    rng = np.random.default_rng(seed)
    known = rng.standard_normal((rows, features)).astype(np.float32)
    labels = (known[:, 0] + known[:, 1] ** 2 + 0.5 * rng.standard_normal(rows) > 0.7).astype(int)
    labels += (classes > 2) * (known[:, 2] > 0.5) * (classes - 2)
    return RandomForestClassifier(trees, random_state=seed, n_jobs=1, **options).fit(known, labels)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "options", [{}, {"max_depth": 3}, {"min_samples_leaf": 5}, {"bootstrap": False}, {"class_weight": "balanced"}]
)
def test_shares_are_those_of_scikit_learn_bit_for_bit(classes: int, options: dict[str, Any]) -> None:
    theirs = trained(classes, **options)
    ours = from_sklearn(theirs)
    for seed, scale in ((1, 1.0), (2, 1e-30), (3, 1e30)):
        rows = (np.random.default_rng(seed).standard_normal((500, 12)) * scale).astype(np.float32)
        assert np.array_equal(ours.predict_proba(rows), theirs.predict_proba(rows))
        assert np.array_equal(ours.predict_proba(rows[:1]), theirs.predict_proba(rows[:1]))


def test_rows_on_a_threshold_go_left_as_in_scikit_learn() -> None:
    theirs = trained(rows=60, features=3, trees=20)
    ours = from_sklearn(theirs)
    at = np.unique(ours.threshold[ours.left != LEAF])
    for value in np.concatenate([at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf)]):
        rows = np.full((3, 3), value)
        rows[1] = np.nextafter(np.float32(value), np.float32(np.inf))
        rows[2] = np.nextafter(np.float32(value), np.float32(-np.inf))
        assert np.array_equal(ours.predict_proba(rows), theirs.predict_proba(rows))


@given(st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-3e38, max_value=3e38))
def test_rounding_a_threshold_down_gives_the_same_comparisons(threshold: float) -> None:
    down = _down(np.array([threshold]))[0]
    assert float(down) <= threshold
    assert float(np.nextafter(down, np.float32(np.inf))) > threshold


def test_arrays_round_trip() -> None:
    ours = from_sklearn(trained())
    again = from_arrays(to_arrays(ours))
    rows = np.random.default_rng(6).standard_normal((20, 12))
    assert np.array_equal(ours.predict_proba(rows), again.predict_proba(rows))
    assert {array.dtype.kind for array in to_arrays(ours).values()} == {"i", "f"}


def test_a_tree_of_one_leaf_is_a_tree() -> None:
    one = Forest(
        np.zeros(1, np.int32),
        np.zeros(1),
        np.full(1, LEAF, np.int32),
        np.full(1, LEAF, np.int32),
        np.array([[0.25, 0.75]]),
        np.zeros(1, np.int32),
        4,
    )
    assert one.predict_proba(np.zeros((2, 4))).tolist() == [[0.25, 0.75]] * 2


def test_rows_of_another_shape_or_not_finite_are_refused() -> None:
    ours = from_sklearn(trained())
    for rows in (
        np.zeros((2, 11)),
        np.zeros(12),
        np.full((1, 12), np.nan),
        np.full((1, 12), np.inf),
        np.full((1, 12), 1e39),
    ):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match=r"features|finite"):
            ours.predict_proba(rows)


Change = Callable[[dict[str, Any]], None]


def at(name: str, place: int, value: float) -> Change:
    def change(arrays: dict[str, Any]) -> None:
        arrays[name][place] = value

    return change


def whole(name: str, make: Callable[[Any], Any]) -> Change:
    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = make(arrays[name])

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (at("left", 0, 0), "does not come after its parent"),
        (at("right", 0, 0), "does not come after its parent"),
        (at("left", 0, 10**6), "does not come after its parent"),
        (at("left", 0, -2), "does not come after its parent"),
        (at("left", 0, LEAF), "a node with one child"),
        (at("right", 0, 1), "not one parent"),
        (at("feature", 0, 12), "a feature that rows do not have"),
        (at("feature", 0, -1), "a feature that rows do not have"),
        (at("threshold", 0, np.nan), "a threshold that is not finite"),
        (at("threshold", 0, np.inf), "a threshold that is not finite"),
        (at("roots", 0, 1), "roots"),
        (at("roots", 1, 0), "roots"),
        (at("roots", -1, 10**6), "roots"),
        (whole("value", lambda v: v * 1.01), "add up to 1"),
        (whole("value", lambda v: v - [[2.0, -2.0]]), "add up to 1"),
        (whole("value", lambda v: v * np.nan), "add up to 1"),
        (whole("value", lambda v: v[:, :1]), "leaves of shape"),
        (whole("value", lambda v: v[:-1]), "leaves of shape"),
        (whole("left", lambda v: v[:-1]), "differ in length"),
        (whole("feature", lambda v: v[:0]), "differ in length"),
        (whole("roots", lambda v: v[:0]), "roots"),
    ],
)
def test_invalid_arrays_are_refused(change: Change, fault: str) -> None:
    arrays = {name: array.copy() for name, array in to_arrays(from_sklearn(trained(trees=3))).items()}
    change(arrays)
    with pytest.raises(ValueError, match=fault):
        from_arrays(arrays)


def test_any_changed_number_is_refused_or_leaves_a_valid_forest() -> None:
    rng = np.random.default_rng(9)
    good = to_arrays(from_sklearn(trained(trees=3, rows=60)))
    rows = rng.standard_normal((5, 12))
    kept = 0
    for _ in range(2000):
        arrays = {name: array.copy() for name, array in good.items()}
        name = str(rng.choice(["left", "right", "feature", "roots"]))
        arrays[name][rng.integers(len(arrays[name]))] = rng.integers(-3, len(good["left"]) + 3)
        try:
            shares = from_arrays(arrays).predict_proba(rows)  # no walk hangs or leaves its arrays
        except ValueError:
            continue
        kept += 1
        np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert kept < 1000
