"""A Random Forest as arrays, and its evaluation.

All trees lie in one array of nodes, each after its parent, so that evaluation always ends. A row goes to the left child
if its feature is at most the node's threshold. Features are single precision, as scikit-learn compares them; thresholds
are stored in double precision and rounded down to single for the comparison, which gives the same results.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

LEAF = -1
_STEPS = 6  # of all walkers, between two removals of those that reached a leaf
_WALKERS = 32_768  # pairs of a row and a tree at a time: their arrays fit in a core's cache

Ints = npt.NDArray[np.int32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Forest:
    """Nodes of all trees; `left` and `right` are LEAF at leaves, whose `value` has a share for each class."""

    feature: Ints
    threshold: Doubles
    left: Ints
    right: Ints
    value: Doubles  # nodes x classes
    roots: Ints
    features: int  # columns of a row

    def __post_init__(self) -> None:
        fault = _fault(self)
        if fault:
            raise ValueError(f"not a forest: {fault}")

    @property
    def classes(self) -> int:
        return int(self.value.shape[1])

    def predict_proba(self, rows: npt.ArrayLike) -> Doubles:
        """Return each row's mean class shares over the trees, bit for bit those of scikit-learn."""
        checked = self._checked(rows)
        total = np.zeros((len(checked), self.classes))
        for leaves in self._leaves(checked):
            for leaf in leaves:
                total += self.value[leaf]
        return total / len(self.roots)

    def _checked(self, rows: npt.ArrayLike) -> npt.NDArray[np.float32]:
        checked = np.ascontiguousarray(rows, dtype=np.float32)
        if checked.ndim != 2 or checked.shape[1] != self.features:
            raise ValueError(f"rows of shape {checked.shape}; the forest needs rows of {self.features} features")
        if not np.isfinite(checked).all():
            raise ValueError("a feature is not a finite number in single precision")
        return checked

    def _leaves(self, rows: npt.NDArray[np.float32]) -> list[Ints]:
        """Return the leaf of each row in each tree, as chunks of trees x rows."""
        flat, base = rows.ravel(), np.arange(len(rows), dtype=np.int32) * np.int32(self.features)
        step, chunks = max(1, _WALKERS // max(len(rows), 1)), []
        feature, threshold, child = self.tables
        for start in range(0, len(self.roots), step):
            roots = self.roots[start : start + step]
            at, place = np.repeat(roots, len(rows)), np.tile(base, len(roots))
            leaves, walking = at.copy(), np.arange(len(at))
            while len(walking):
                for _ in range(_STEPS):
                    right = flat[feature[at] + place] > threshold[at]
                    at = child[2 * at + right]
                leaves[walking] = at
                inner = self.left[at] != LEAF
                at, place, walking = at[inner], place[inner], walking[inner]
            chunks.append(leaves.reshape(len(roots), len(rows)))
        return chunks

    @cached_property
    def tables(self) -> tuple[Ints, npt.NDArray[np.float32], Ints]:
        """Features, thresholds and children for evaluation, in which a leaf is its own child."""
        leaf = self.left == LEAF
        own = np.arange(len(self.left), dtype=np.int32)
        child = np.where(leaf[:, None], own[:, None], np.column_stack([self.left, self.right])).astype(np.int32)
        return np.where(leaf, 0, self.feature).astype(np.int32), _down(self.threshold), child.ravel()


def _down(threshold: Doubles) -> npt.NDArray[np.float32]:
    """Round down to single precision."""
    nearest = threshold.astype(np.float32)
    return np.where(nearest > threshold, np.nextafter(nearest, np.float32(-np.inf)), nearest).astype(np.float32)


def _fault(forest: Forest) -> str | None:
    """Return what is wrong with the arrays of a forest, None if they are valid."""
    count = len(forest.left)
    arrays = (forest.feature, forest.threshold, forest.left, forest.right)
    if not count or any(array.shape != (count,) for array in arrays) or forest.value.ndim != 2:
        return "its arrays differ in length"
    if forest.value.shape[0] != count or not 2 <= forest.value.shape[1] <= 64:
        return f"leaves of shape {forest.value.shape}"
    roots = forest.roots
    if roots.ndim != 1 or not len(roots) or roots[0] != 0 or (np.diff(roots) <= 0).any() or roots[-1] >= count:
        return "roots that do not rise from 0 within its nodes"
    leaf = forest.left == LEAF
    if ((forest.right == LEAF) != leaf).any():
        return "a node with one child"
    own = np.arange(count)
    ends = np.repeat(np.append(roots[1:], count), np.diff(np.append(roots, count)))
    for child in (forest.left, forest.right):
        if ((child[~leaf] <= own[~leaf]) | (child[~leaf] >= ends[~leaf])).any():
            return "a child that does not come after its parent within the tree"
    parents = np.bincount(np.concatenate([forest.left[~leaf], forest.right[~leaf]]), minlength=count)
    if (parents[roots] != 0).any() or (np.delete(parents, roots) != 1).any():
        return "a node that has not one parent"
    if ((forest.feature[~leaf] < 0) | (forest.feature[~leaf] >= forest.features)).any():
        return "a feature that rows do not have"
    if not np.isfinite(forest.threshold[~leaf]).all():
        return "a threshold that is not finite"
    shares = forest.value[leaf]
    if not np.isfinite(shares).all() or (shares < 0).any() or (np.abs(shares.sum(axis=1) - 1) > 1e-9).any():
        return "a leaf whose shares do not add up to 1"
    return None
