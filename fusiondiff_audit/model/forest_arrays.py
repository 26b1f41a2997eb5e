"""Forests from scikit-learn, and to and from the arrays of `head.safetensors`."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.model.forest import LEAF, Forest

Arrays = Mapping[str, npt.NDArray[Any]]
_NAMES = ("feature", "threshold", "left", "right", "value", "roots")
_KINDS = dict.fromkeys((*_NAMES, "features"), np.dtype(np.int32)) | {
    name: np.dtype(np.float64) for name in ("threshold", "value")
}


def from_sklearn(trained: Any) -> Forest:
    """Convert a fitted RandomForestClassifier."""
    trees = [estimator.tree_ for estimator in trained.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    def children(name: str) -> npt.NDArray[np.int32]:
        shifted = [
            np.where(getattr(tree, name) == LEAF, LEAF, getattr(tree, name) + root)
            for tree, root in zip(trees, roots, strict=True)
        ]
        return np.concatenate(shifted).astype(np.int32)

    left = children("children_left")
    leaf = left == LEAF
    return Forest(
        np.where(leaf, 0, joined("feature")).astype(np.int32),
        np.where(leaf, 0.0, joined("threshold")),
        left,
        children("children_right"),
        np.ascontiguousarray(joined("value")[:, 0, :]),
        roots.astype(np.int32),
        int(trained.n_features_in_),
    )


def to_arrays(forest: Forest) -> dict[str, npt.NDArray[Any]]:
    """Return a forest's arrays by their names in the file."""
    return {name: getattr(forest, name) for name in _NAMES} | {"features": np.array(forest.features, dtype=np.int32)}


def from_arrays(arrays: Arrays) -> Forest:
    """Return the forest of these arrays; invalid ones raise ValueError."""
    if arrays.keys() != _KINDS.keys() or any(arrays[name].dtype != kind for name, kind in _KINDS.items()):
        raise ValueError("not a forest: its arrays have other names or types")
    if arrays["features"].shape:
        raise ValueError("not a forest: it does not say how many features a row has")
    return Forest(**{name: arrays[name] for name in _NAMES}, features=int(arrays["features"]))
