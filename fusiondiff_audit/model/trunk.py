"""The trunk: the first stages of a convolutional network that was trained on public pictures, frozen.

timm's implementations (Apache-2.0) of EfficientNet-Lite0 (Tan and Le, 2019, without squeeze-and-excitation and with
ReLU6, as Google published it) and of ResNet-50 (He et al., 2016). Weights are never downloaded: `model import` takes
them from a file whose SHA-256 is in `weights/pins.py`, with what is known of their licence and training data.
"""

from typing import Any

import timm
import torch
from torch.nn import functional

from fusiondiff_audit.model.shapes import TrunkShape
from fusiondiff_audit.model.standardization import Standardization

Tensor = torch.Tensor
_MAX_PRODUCT = 1e-3  # of two components, and the deviation of their squared norms from 1, after rounding


class Trunk(Standardization):
    """From grey tiles between 0 and 1 to the maps of some stages; batch norms are constants, also in training.

    Mean and deviation are those of the numbers that the local path pools from the maps. Components are fixed linear
    combinations of the standardised numbers, orthogonal and of norm 1: the first numbers themselves until
    `fit_components`.
    """

    components: Tensor | None
    input_mean: Tensor
    input_deviation: Tensor

    def __init__(self, shape: TrunkShape) -> None:
        network = build_cnn(shape.network)
        channels = sum(network.feature_info[stage]["num_chs"] for stage in shape.stages)
        super().__init__(2 * channels, "features of the trunk")
        self.shape = shape
        if shape.components > self.feature_count:
            raise ValueError(f"{shape.components} components of {self.feature_count} features of a trunk")
        own = torch.eye(shape.components, self.feature_count) if shape.components else None
        self.register_buffer("components", own)
        network.prune_intermediate_layers(list(shape.stages), prune_norm=True, prune_head=True)
        self.network = network.requires_grad_(False)
        for name in ("mean", "deviation"):
            value = torch.tensor(getattr(shape, name), device="cpu")[:, None, None]
            self.register_buffer(f"input_{name}", value, persistent=False)
        self.train(mode=False)

    @property
    def feature_count(self) -> int:
        """The number of features of a tile: two of each channel of the maps."""
        return len(self.mean)

    def train(self, mode: bool = True) -> "Trunk":
        """Stay in evaluation mode: training would change the batch norms."""
        return super().train(mode=False)

    def forward(self, tiles: Tensor) -> list[Tensor]:
        """Return tiles x channels x height x width of each stage, in the precision of the network."""
        rgb = functional.avg_pool2d(tiles, self.shape.averaged).expand(-1, 3, -1, -1)
        scaled = ((rgb - self.input_mean) / self.input_deviation).to(next(self.network.parameters()).dtype)
        maps: list[Tensor] = self.network.forward_intermediates(
            scaled, indices=list(self.shape.stages), intermediates_only=True
        )
        return maps

    def combined(self, standardized: Tensor) -> Tensor:
        """Return the components of standardised features: tiles x components, none if the trunk has none."""
        return standardized[:, :0] if self.components is None else standardized @ self.components.T

    @torch.no_grad()
    def fit_components(self, rows: Tensor) -> None:
        """Take the principal components of many tiles' features, which are not standardised; `fit` comes first.

        The largest number of each component is positive. Raises ValueError if there are too few tiles.
        """
        if self.components is None:
            return
        if len(rows) <= len(self.components):
            raise ValueError(f"{len(rows)} tiles for {len(self.components)} components")
        numbers = self.standardized(rows).double()
        covariance = torch.cov(numbers.T)
        directions = torch.linalg.eigh(covariance).eigenvectors.T.flip(0)[: len(self.components)]
        largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
        self.components.copy_(directions * largest.sign())

    def refuse_unfit(self) -> None:
        """Refuse components that are not orthogonal and of norm 1 as well: gradients would vanish."""
        super().refuse_unfit()
        if self.components is not None:
            products = self.components @ self.components.T
            if not ((products - torch.eye(len(products))).abs() < _MAX_PRODUCT).all():  # False for NaN
                raise ValueError("components of the trunk that are not orthogonal and of norm 1")


def build_cnn(name: str) -> Any:
    """Return a network of timm's with its classifier, and with random weights."""
    return timm.create_model(name, pretrained=False)
