"""A forest as a smooth function: each comparison is a sigmoid, at the forest's own thresholds.

A forest is flat almost everywhere, so nothing can climb it. The colder its twin, the nearer the twin is to the forest,
and the flatter; how often the two agree is measured, not assumed.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

Tensor = torch.Tensor
Array = npt.NDArray[Any]
_LEAF = -1


class TreeArrays(Protocol):
    """All trees of a forest in one array of nodes, each after its parent; leaves have no children (-1)."""

    @property
    def feature(self) -> Array:
        """Return which feature each node compares."""
        ...

    @property
    def threshold(self) -> Array:
        """Return what it is compared with: at most this goes left."""
        ...

    @property
    def left(self) -> Array:
        """Return each node's left child."""
        ...

    @property
    def right(self) -> Array:
        """Return each node's right child."""
        ...

    @property
    def value(self) -> Array:
        """Return the share of each class in each leaf."""
        ...

    @property
    def roots(self) -> Array:
        """Return the first node of each tree."""
        ...


@dataclass(frozen=True, eq=False)
class _Level:
    """Inner nodes of one depth."""

    nodes: Tensor
    left: Tensor
    right: Tensor
    feature: Tensor
    threshold: Tensor


class SoftForest:
    """The smooth twin of a forest, for rows of features."""

    def __init__(self, trees: TreeArrays, *, scale: Tensor) -> None:
        """Make the twin; `scale` says how far each feature spreads, which is what a temperature is measured in."""
        self._levels = _levels(trees, scale)
        self._roots = torch.from_numpy(trees.roots.astype(np.int64))
        leaf = trees.left == _LEAF
        self._leaves = torch.from_numpy(np.flatnonzero(leaf))
        self._value = torch.from_numpy(trees.value[leaf]).to(scale.dtype)
        self._count = len(trees.left)
        self._scale = scale

    def shares(self, rows: Tensor, *, temperature: float) -> Tensor:
        """Return the share of each class for each row."""
        reached = rows.new_zeros(self._count, len(rows))
        reached[self._roots] = 1.0
        columns = (rows / self._scale).T
        for level in self._levels:
            here = reached[level.nodes]
            lefts = torch.sigmoid((level.threshold[:, None] - columns[level.feature]) / temperature)
            parts = torch.cat([here * lefts, here * (1 - lefts)])
            reached = reached.index_put((torch.cat([level.left, level.right]),), parts)
        found: Tensor = reached[self._leaves].T @ self._value / len(self._roots)
        return found


def _levels(trees: TreeArrays, scale: Tensor) -> list[_Level]:
    levels, nodes = list[_Level](), trees.roots.astype(np.int64)
    while True:
        nodes = nodes[trees.left[nodes] != _LEAF]
        if not len(nodes):
            return levels
        left, right, feature = (getattr(trees, name)[nodes].astype(np.int64) for name in ("left", "right", "feature"))
        threshold = torch.from_numpy(trees.threshold[nodes]).to(scale.dtype) / scale[torch.from_numpy(feature)]
        at = [torch.from_numpy(part) for part in (nodes, left, right, feature)]
        levels.append(_Level(at[0], at[1], at[2], at[3], threshold))
        nodes = np.concatenate([left, right])
