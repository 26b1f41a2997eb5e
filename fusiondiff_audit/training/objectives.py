"""Training objectives: contrast of two views, classification of makers, and regression of composition and texture.

Each is a head that samples the tiles of a step, augments them, and gives the loss of their embeddings.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from fusiondiff_audit.training.augmentation import augmented, half_augmented, randomly_oriented
from fusiondiff_audit.training.dataset import Indices, TileDataset
from fusiondiff_audit.training.recipe import Objective

Tensor = torch.Tensor
Sample = Callable[[np.random.Generator, int], Indices]
Augment = Callable[[Tensor, torch.Generator], Tensor]
_TEMPERATURE = 0.1
_LEAST_VARIANCE = 1e-4
# Of a batch: the error of a rarer quantity is divided by this many tiles, or one tile would dominate.
_LEAST_SHARE = 0.1
_TEXTURE_WEIGHT = 0.5
_CONTRAST_DIM = 64


class ObjectiveHead(nn.Module):
    """A head that is discarded after training, with its way to sample and to augment tiles."""

    name = ""  # a suffix of the names of stages that train with it

    def __init__(self, sample: Sample, augment: Augment = augmented) -> None:
        super().__init__()
        self.sample, self.augment = sample, augment


def objective_head(
    dataset: TileDataset, objective: Objective, width: int, texture_targets: Callable[[], Tensor]
) -> ObjectiveHead:
    """Return the head of an objective for embeddings of `width`; contrast where the composition is unknown.

    `texture_targets` is called only if the head needs the targets.
    """
    if objective is Objective.COMPOSITION and dataset.has_composition:
        return CompositionRegression(width, dataset, texture_targets())
    return ContrastiveHead(width, dataset)


class ContrastiveHead(ObjectiveHead):
    """Contrasts two views of each specimen with those of all others, behind a projection head."""

    def __init__(self, width: int, dataset: TileDataset) -> None:
        super().__init__(dataset.sample_pairs)
        inner = (nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width), nn.GELU())
        self.head = nn.Sequential(*inner, nn.Linear(2 * width, _CONTRAST_DIM))

    def forward(self, embeddings: Tensor, indices: Tensor) -> Tensor:
        """Return the contrastive loss; the second half of the embeddings shows the specimens of the first half."""
        return contrastive_loss(*self.head(embeddings.float()).chunk(2))


class MakerClassifier(ObjectiveHead):
    """Classifies the maker of each specimen."""

    name = "labels"
    makers: Tensor

    def __init__(self, width: int, dataset: TileDataset) -> None:
        super().__init__(dataset.sample_pairs)  # every specimen equally often
        names = sorted(set(dataset.makers))
        self.head = nn.Linear(width, len(names))
        makers = np.array([names.index(maker) for maker in dataset.makers])
        self.register_buffer("makers", torch.from_numpy(makers[dataset.specimen]), persistent=False)

    def forward(self, embeddings: Tensor, indices: Tensor) -> Tensor:
        """Return the cross entropy of the makers."""
        return functional.cross_entropy(self.head(embeddings.float()), self.makers[indices.to(self.makers.device)])


class CompositionRegression(ObjectiveHead):
    """Regresses the composition of synthetic specimens and the texture descriptors of tiles, both standardised.

    The generator knows each specimen's grains, pores and cracks, in which makers differ, so that no label is needed.
    Quantities that a specimen does not have are left out. Texture descriptors add what the composition does not say.
    """

    compositions: Tensor
    texture_targets: Tensor

    def __init__(self, width: int, dataset: TileDataset, texture_targets: Tensor) -> None:
        super().__init__(dataset.sample_tiles, randomly_oriented)  # each field has a session of its own already
        self._dataset, self._unchanged = dataset, slice(None)
        self.head = nn.Linear(width, dataset.composition.shape[1])
        count = np.maximum((~np.isnan(dataset.composition)).sum(0), 1)
        standardised = dataset.composition - np.nansum(dataset.composition, 0) / count
        standardised /= np.sqrt(np.nansum(standardised**2, 0) / count + _LEAST_VARIANCE)
        self.texture_head = nn.Linear(width, texture_targets.shape[1])
        by_tile = torch.from_numpy(standardised[dataset.image].astype(np.float32))
        self.register_buffer("compositions", by_tile, persistent=False)
        self.register_buffer("texture_targets", texture_targets, persistent=False)

    def sample_all_scales(self) -> None:
        """From now on, sample images instead of tiles, and augment every second tile."""
        self.sample, self.augment, self._unchanged = self._dataset.sample_images, half_augmented, slice(None, None, 2)

    def sample_makers(self) -> None:
        """From now on, sample half of the tiles from specimens of makers."""
        self.sample = self._dataset.sample_makers

    def forward(self, embeddings: Tensor, indices: Tensor) -> Tensor:
        """Return the mean squared error of the composition, plus that of the descriptors of unaugmented tiles."""
        indices, embeddings = indices.to(self.compositions.device), embeddings.float()
        targets = self.compositions[indices]
        applies = ~targets.isnan()
        squares = torch.where(applies, self.head(embeddings) - targets, 0).square()
        least = max(1, int(len(targets) * _LEAST_SHARE))
        composition_error = (squares.sum(0) / applies.sum(0).clamp_min(least)).mean()
        plain = self._unchanged
        texture_error = functional.mse_loss(self.texture_head(embeddings[plain]), self.texture_targets[indices[plain]])
        return composition_error + _TEXTURE_WEIGHT * texture_error


def contrastive_loss(first: Tensor, second: Tensor) -> Tensor:
    """Return the normalised cross entropy of finding each view's partner among all views (Chen et al., 2020)."""
    views = functional.normalize(torch.cat([first, second]).float(), dim=1)
    count = len(first)
    similarity = (views @ views.T / _TEMPERATURE).fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * count, device=views.device).roll(count)
    return functional.cross_entropy(similarity, partner)
