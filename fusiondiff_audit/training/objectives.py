"""What embeddings are asked for: that two views of an object agree, and that labels can be read off.

`contrast` is the normalised cross entropy of SimCLR (Chen et al., 2020), `decorrelate` has the three terms of VICReg
(Bardes et al., 2022).
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from fusiondiff_audit.training.recipe import Objective

Tensor = torch.Tensor
_TEMPERATURE = 0.1
_AGREE, _SPREAD, _APART = 25.0, 25.0, 1.0  # the weights of VICReg's terms
_LEAST_VARIANCE = 1e-4
_PROJECTED = 64  # dimensions in which views are compared


class Alike(nn.Module):
    """Asks two views of each object to agree, through a head that is thrown away when the training ends."""

    def __init__(self, width: int, objective: Objective) -> None:
        super().__init__()
        inner = (nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width), nn.GELU())
        self.head = nn.Sequential(*inner, nn.Linear(2 * width, _PROJECTED))
        self._objective = contrast if objective is Objective.CONTRAST else decorrelate

    def forward(self, embedded: Tensor, chosen: Tensor) -> Tensor:
        """Return how far the first half of the views is from the second, which shows the same objects."""
        return self._objective(*self.head(embedded.float()).chunk(2))


class Known(nn.Module):
    """Asks for the maker of each object, through a head that is thrown away when the training ends."""

    makers: Tensor

    def __init__(self, width: int, makers: Sequence[str]) -> None:
        super().__init__()
        names = sorted(set(makers))
        self.head = nn.Linear(width, len(names))
        self.register_buffer("makers", torch.tensor([names.index(maker) for maker in makers]), persistent=False)

    def forward(self, embedded: Tensor, chosen: Tensor) -> Tensor:
        """Return how badly the makers can be read off the views, of which there are two of each object."""
        said = self.makers[chosen.to(self.makers.device)].repeat(2)
        return functional.cross_entropy(self.head(embedded.float()), said)


def contrast(first: Tensor, second: Tensor) -> Tensor:
    """Return the cross entropy of finding each view's partner among all other views."""
    views = functional.normalize(torch.cat([first, second]).float(), dim=1)
    count = len(first)
    alike = (views @ views.T / _TEMPERATURE).fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * count, device=views.device).roll(count)
    return functional.cross_entropy(alike, partner)


def decorrelate(first: Tensor, second: Tensor) -> Tensor:
    """Return disagreement, dimensions that do not vary, and dimensions that vary together, weighted."""
    first, second = first.float(), second.float()
    loss = _AGREE * functional.mse_loss(first, second)
    for views in (first, second):
        centred = views - views.mean(0)
        deviation = (centred.var(0) + _LEAST_VARIANCE).sqrt()
        together = centred.T @ centred / (len(views) - 1)
        off = together.pow(2).sum() - together.diagonal().pow(2).sum()
        loss = loss + _SPREAD / 2 * functional.relu(1 - deviation).mean() + _APART * off / views.shape[1]
    return loss
