"""What embeddings are asked for: that two views of an object agree, and that labels can be read off.

`contrast` is the normalised cross entropy of SimCLR (Chen et al., 2020), `decorrelate` has the three terms of VICReg
(Bardes et al., 2022), `by_label` is the supervised contrast of Khosla et al. (2020).
"""

import torch
from torch import nn
from torch.nn import functional

from fusiondiff_audit.training.recipe import Objective

Tensor = torch.Tensor
_TEMPERATURE = 0.1
_AGREE, _SPREAD, _APART = 25.0, 25.0, 1.0  # the weights of VICReg's terms
_LEAST_VARIANCE = 1e-4


class Projection(nn.Sequential):
    """A head that is asked in place of the embedding, and thrown away when the training ends."""

    def __init__(self, width: int, out: int = 64) -> None:
        super().__init__(nn.Linear(width, width), nn.GELU(), nn.Linear(width, out))


def agreement(first: Tensor, second: Tensor, objective: Objective) -> Tensor:
    """Return how far two views of the same objects are from what is asked for."""
    return contrast(first, second) if objective is Objective.CONTRAST else decorrelate(first, second)


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


def by_label(views: Tensor, labels: Tensor) -> Tensor:
    """Return the cross entropy of finding views of the same label, averaged over them."""
    views = functional.normalize(views.float(), dim=1)
    same = (labels[:, None] == labels[None, :]).fill_diagonal_(fill_value=False)
    alike = (views @ views.T / _TEMPERATURE).fill_diagonal_(-torch.inf)
    said = functional.log_softmax(alike, dim=1).masked_fill(~same, 0.0).sum(1) / same.sum(1).clamp(min=1)
    return -said[same.any(1)].mean()
