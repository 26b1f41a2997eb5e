"""A forest as arrays, and the walk through them.

All trees lie in one array of nodes, each after its parent, so that no walk can turn in a circle. A node sends a row to
its left child if the row's feature is at most its threshold. Features are single precision, as scikit-learn compares
them; thresholds are kept in double precision, and rounded down to single for the walk: every comparison ends alike.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

LEAF = -1
_STEPS = 6  # between two looks for walkers that have arrived
_AT_ONCE = 32_768  # walkers: few enough that their arrays stay in a core's cache

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
        """Refuse what is no forest, before anything walks through it."""
        fault = _fault(self)
        if fault:
            raise ValueError(f"not a forest: {fault}")

    @property
    def classes(self) -> int:
        """Return how many classes there are."""
        return int(self.value.shape[1])

    def predict_proba(self, rows: npt.ArrayLike) -> Doubles:
        """Return for each row the mean of its leaves, added up tree by tree as scikit-learn does."""
        known = self._checked(rows)
        total = np.zeros((len(known), self.classes))
        for leaves in self._leaves(known):
            for leaf in leaves:
                total += self.value[leaf]
        return total / len(self.roots)

    def _checked(self, rows: npt.ArrayLike) -> npt.NDArray[np.float32]:
        known = np.ascontiguousarray(rows, dtype=np.float32)
        if known.ndim != 2 or known.shape[1] != self.features:
            raise ValueError(f"rows of shape {known.shape}; the forest knows rows of {self.features} features")
        if not np.isfinite(known).all():
            raise ValueError("a feature is not a finite number in single precision")
        return known

    def _leaves(self, rows: npt.NDArray[np.float32]) -> list[Ints]:
        """Return the leaf of each row, some trees at a time: trees x rows."""
        flat, base = rows.ravel(), np.arange(len(rows), dtype=np.int32) * np.int32(self.features)
        step, found = max(1, _AT_ONCE // max(len(rows), 1)), []
        feature, threshold, child = self.tables
        for start in range(0, len(self.roots), step):
            some = self.roots[start : start + step]
            at, place = np.repeat(some, len(rows)), np.tile(base, len(some))
            leaves, walking = at.copy(), np.arange(len(at))
            while len(walking):
                for _ in range(_STEPS):
                    beyond = flat[feature[at] + place] > threshold[at]
                    at = child[2 * at + beyond]
                leaves[walking] = at
                inner = self.left[at] != LEAF
                at, place, walking = at[inner], place[inner], walking[inner]
            found.append(leaves.reshape(len(some), len(rows)))
        return found

    @cached_property
    def tables(self) -> tuple[Ints, npt.NDArray[np.float32], Ints]:
        """Return features, thresholds and children for a walk in which leaves lead to themselves."""
        leaf = self.left == LEAF
        own = np.arange(len(self.left), dtype=np.int32)
        child = np.where(leaf[:, None], own[:, None], np.column_stack([self.left, self.right])).astype(np.int32)
        return np.where(leaf, 0, self.feature).astype(np.int32), _down(self.threshold), child.ravel()


def _down(threshold: Doubles) -> npt.NDArray[np.float32]:
    """Return the largest single-precision numbers that are not above."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near).astype(np.float32)


def _fault(forest: Forest) -> str | None:
    """Say what is wrong with the arrays of a forest."""
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
