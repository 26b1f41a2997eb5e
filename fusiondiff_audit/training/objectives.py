"""What embeddings are asked for: that two views of an object agree, who made it, or what it is made of.

`contrast` is the normalised cross entropy of SimCLR (Chen et al., 2020), `decorrelate` has the three terms of VICReg
(Bardes et al., 2022). Each objective says which tiles a step is to look at, and how far embeddings are from it.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fusiondiff_audit.training.diet import Diet, Places
from fusiondiff_audit.training.recipe import Objective
from fusiondiff_audit.training.views import another_look, every_other, turned

Tensor = torch.Tensor
Draw = Callable[[np.random.Generator, int], Places]
Look = Callable[[Tensor, torch.Generator], Tensor]
_TEMPERATURE = 0.1
_AGREE, _SPREAD, _APART = 25.0, 25.0, 1.0  # the weights of VICReg's terms
_LEAST_VARIANCE = 1e-4
_RARE = 0.1  # of a step: errors of a number are divided by no fewer tiles, or one alone would weigh as all others
_LOOKS = 0.5  # weight of descriptors
_PROJECTED = 64  # dimensions in which views are compared


class Asked(nn.Module):
    """A head that is thrown away when the training ends, the tiles that a step looks at, and how it looks at them."""

    name = ""  # of a stage that is trained by it, behind the stage's own

    def __init__(self, tiles: Draw, look: Look = another_look) -> None:
        super().__init__()
        self.tiles, self.look = tiles, look


def asked_of(diet: Diet, objective: Objective, width: int, looks: Callable[[], Tensor]) -> Asked:
    """Return what a recipe asks of embeddings of so many numbers; where nobody knows a makeup, views are contrasted.

    What the tiles look like is computed only if it is asked for.
    """
    if objective is Objective.MAKEUP and diet.made_up:
        return MadeOf(width, diet, looks())
    return Alike(width, diet, objective)


class Alike(Asked):
    """Asks two views of each object to agree."""

    def __init__(self, width: int, diet: Diet, objective: Objective) -> None:
        super().__init__(diet.pairs)
        inner = (nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width), nn.GELU())
        self.head = nn.Sequential(*inner, nn.Linear(2 * width, _PROJECTED))
        self._objective = decorrelate if objective is Objective.DECORRELATE else contrast

    def forward(self, embedded: Tensor, places: Tensor) -> Tensor:
        """Return how far the first half of the views is from the second, which shows the same objects."""
        return self._objective(*self.head(embedded.float()).chunk(2))


class Known(Asked):
    """Asks for the maker of each object."""

    name = "labels"
    makers: Tensor

    def __init__(self, width: int, diet: Diet) -> None:
        super().__init__(diet.pairs)  # every object as often as any other
        names = sorted(set(diet.makers))
        self.head = nn.Linear(width, len(names))
        makers = np.array([names.index(maker) for maker in diet.makers])
        self.register_buffer("makers", torch.from_numpy(makers[diet.owner]), persistent=False)

    def forward(self, embedded: Tensor, places: Tensor) -> Tensor:
        """Return how badly the makers can be read off."""
        return functional.cross_entropy(self.head(embedded.float()), self.makers[places.to(self.makers.device)])


class MadeOf(Asked):
    """Asks what made-up pieces are made of and what tiles look like, each number by its own spread.

    Grains, pores and cracks are what makers differ in, and the program that drew them knows them all: a teacher that
    costs nothing, and that has never seen a label. What a piece has not is not asked for. What is not among its numbers
    is asked for by descriptors of the tile (`looks.py`), which tell textures that nobody made.
    """

    numbers: Tensor
    looks: Tensor

    def __init__(self, width: int, diet: Diet, looks: Tensor) -> None:
        super().__init__(diet.some, turned)  # each field had a session of its own, and is compared with no other
        self._diet, self._unchanged = diet, slice(None)
        self.head = nn.Linear(width, diet.makeup.shape[1])
        count = np.maximum((~np.isnan(diet.makeup)).sum(0), 1)
        numbers = diet.makeup - np.nansum(diet.makeup, 0) / count
        numbers /= np.sqrt(np.nansum(numbers**2, 0) / count + _LEAST_VARIANCE)
        self.surface = nn.Linear(width, looks.shape[1])
        self.register_buffer("numbers", torch.from_numpy(numbers[diet.picture].astype(np.float32)), persistent=False)
        self.register_buffer("looks", looks, persistent=False)

    def broaden(self) -> None:
        """From now on, draw pictures, not tiles, and change half of them: what they are made of is still the same."""
        self.tiles, self.look, self._unchanged = self._diet.of_pictures, every_other, slice(None, None, 2)

    def favour_makers(self) -> None:
        """Have half of what is drawn from now on be of kilns."""
        self.tiles = self._diet.of_makers

    def forward(self, embedded: Tensor, places: Tensor) -> Tensor:
        """Return the mean square error of what pieces are made of, rare numbers by less, and that of descriptors.

        What a tile looks like is not asked where it was changed.
        """
        here, embedded = places.to(self.numbers.device), embedded.float()
        numbers = self.numbers[here]
        there = ~numbers.isnan()
        squares = torch.where(there, self.head(embedded) - numbers, 0).square()
        made = (squares.sum(0) / there.sum(0).clamp_min(max(1, int(len(numbers) * _RARE)))).mean()
        same = self._unchanged
        return made + _LOOKS * functional.mse_loss(self.surface(embedded[same]), self.looks[here[same]])


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
