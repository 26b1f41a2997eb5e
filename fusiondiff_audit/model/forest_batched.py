"""The walk for a GPU: every row in every tree at once.

It visits the same leaves as the walk with numpy. Their shares are added up in double precision in whatever order the
device likes, so a sum may differ in its last bits; the votes cannot.
"""

import torch

from fusiondiff_audit.model.forest import LEAF, Forest

_STEPS = 8  # between two looks whether all have arrived; each look waits for the device
_AT_ONCE = 4_000_000  # walkers that are held in memory


class BatchedForest:
    """A forest on a device."""

    def __init__(self, forest: Forest, device: torch.device | str) -> None:
        feature, threshold, child = forest.tables
        self._features = forest.features
        self._feature, self._child = (torch.from_numpy(a).long().to(device) for a in (feature, child))
        self._threshold = torch.from_numpy(threshold).to(device)
        self._inner = torch.from_numpy(forest.left != LEAF).to(device)
        self._value = torch.from_numpy(forest.value).to(device)
        self._roots = torch.from_numpy(forest.roots).long().to(device)

    def shares(self, rows: torch.Tensor) -> torch.Tensor:
        """Return for each row the mean of its leaves."""
        return torch.cat([self._value[leaf].mean(1) for leaf in self._leaves(rows)])

    def votes(self, rows: torch.Tensor) -> torch.Tensor:
        """Return how many trees are for each class."""
        best = self._value.argmax(1)
        kinds = torch.arange(self._value.shape[1], device=best.device)
        return torch.cat([(best[leaf][:, :, None] == kinds).sum(1) for leaf in self._leaves(rows)])

    def _leaves(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Return the leaf of each row in each tree, some rows at a time."""
        if rows.ndim != 2 or rows.shape[1] != self._features or not bool(rows.isfinite().all()):
            raise ValueError(f"rows of shape {tuple(rows.shape)}, or not finite; expected {self._features} features")
        some = max(1, _AT_ONCE // len(self._roots))
        return [self._walk(part) for part in rows.to(self._threshold.device, torch.float32).split(some)]  # type: ignore[no-untyped-call]

    def _walk(self, rows: torch.Tensor) -> torch.Tensor:
        node = self._roots.expand(len(rows), -1)
        while True:
            for _ in range(_STEPS):
                beyond = rows.gather(1, self._feature[node]) > self._threshold[node]
                node = self._child[2 * node + beyond]
            if not bool(self._inner[node].any()):
                return node
