"""A forest as a smooth function: each comparison is a sigmoid around the forest's own threshold.

A forest is flat almost everywhere, so it has no useful gradient. The lower the temperature, the closer the soft forest
is to the forest, and the flatter; check S22 measures the agreement.
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
    """A forest's trees as arrays over nodes, each node after its parent; a leaf's children are -1."""

    @property
    def feature(self) -> Array:
        """The feature that each node compares."""

    @property
    def threshold(self) -> Array:
        """The largest value that goes left."""

    @property
    def left(self) -> Array: ...

    @property
    def right(self) -> Array: ...

    @property
    def value(self) -> Array:
        """The share of each class in each leaf."""

    @property
    def roots(self) -> Array:
        """The first node of each tree."""


@dataclass(frozen=True, eq=False)
class _Level:
    """The inner nodes of one depth."""

    nodes: Tensor
    left: Tensor
    right: Tensor
    feature: Tensor
    threshold: Tensor


class SoftForest:
    def __init__(self, trees: TreeArrays, *, scale: Tensor) -> None:
        """`scale` is the deviation of each feature, the unit of a temperature."""
        self._levels = _levels(trees, scale)
        self._roots = torch.from_numpy(trees.roots.astype(np.int64))
        leaf = trees.left == _LEAF
        self._leaves = torch.from_numpy(np.flatnonzero(leaf))
        self._value = torch.from_numpy(trees.value[leaf]).to(scale.dtype)
        self._count = len(trees.left)
        self._scale = scale

    def shares(self, rows: Tensor, *, temperature: float) -> Tensor:
        """Return the share of each class for each row of features."""
        reached = rows.new_zeros(self._count, len(rows))
        reached[self._roots] = 1.0
        columns = (rows / self._scale).T
        for level in self._levels:
            here = reached[level.nodes]
            lefts = torch.sigmoid((level.threshold[:, None] - columns[level.feature]) / temperature)
            parts = torch.cat([here * lefts, here * (1 - lefts)])
            reached = reached.index_put((torch.cat([level.left, level.right]),), parts)
        shares: Tensor = reached[self._leaves].T @ self._value / len(self._roots)
        return shares


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
