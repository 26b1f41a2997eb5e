"""The sizes of a model's parts, as `bundle.json` states them: field names are its keys.

Defaults of `Autoencoder` and `Denoiser` are those of Stable Diffusion v1.4 (CompVis/stable-diffusion-v1-4, CreativeML
OpenRAIL-M), those of `Transformer` are those of DeiT-small (facebookresearch/deit, Apache-2.0). What is known of the
networks of `TrunkShape` is in `weights/pins.py`.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fusiondiff_audit.weights.pins import CNNS
from signing.strict import is_sha256

_WIDEST = 8192
_MOST_LAYERS = 64
_TRUNK_STAGES = 5  # of each network in `weights/pins.py`


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """The encoder of a latent diffusion model; each width but the last halves the sides.

    `averaged` pixels a side are averaged before the first layer; finer texture is left to the pixel CNN.
    """

    widths: tuple[int, ...] = (128, 256, 512, 512)
    layers: int = 2
    groups: int = 32
    latent: int = 4
    scaling: float = 0.18215
    averaged: int = 1

    def __post_init__(self) -> None:
        _refuse_widths(self.widths, self.groups)
        _refuse_outside(1, _MOST_LAYERS, layers=self.layers, latent=self.latent, averaged=self.averaged)
        if not 0 < self.scaling < 100:
            raise ValueError(f"a latent scaled by {self.scaling}")

    @property
    def shrink(self) -> int:
        """The number of pixels a side of a latent cell."""
        return int(self.averaged * 2 ** (len(self.widths) - 1))

    def config(self) -> dict[str, Any]:
        """Return the configuration of diffusers' AutoencoderKL."""
        return {
            "block_out_channels": self.widths,
            "down_block_types": ("DownEncoderBlock2D",) * len(self.widths),
            "up_block_types": ("UpDecoderBlock2D",) * len(self.widths),
            "layers_per_block": self.layers,
            "latent_channels": self.latent,
            "norm_num_groups": self.groups,
            "scaling_factor": self.scaling,
        }


@dataclass(frozen=True, slots=True)
class Denoiser:
    """A UNet; `crossed` states at which widths it has cross-attention to the prompt."""

    widths: tuple[int, ...] = (320, 640, 1280, 1280)
    crossed: tuple[bool, ...] = (True, True, True, False)
    layers: int = 2
    heads: int = 8
    groups: int = 32
    context: int = 768
    tokens: int = 77  # of the null prompt

    def __post_init__(self) -> None:
        _refuse_widths(self.widths, self.groups)
        _refuse_outside(1, _MOST_LAYERS, layers=self.layers, heads=self.heads)
        _refuse_outside(1, _WIDEST, context=self.context, tokens=self.tokens)
        if len(self.crossed) != len(self.widths):
            raise ValueError(f"{len(self.widths)} widths, and {len(self.crossed)} values of `crossed`")
        if any(width % self.heads for width in self.widths):
            raise ValueError(f"widths {self.widths} are not divisible into {self.heads} heads")

    def config(self, latent: int) -> dict[str, Any]:
        """Return the configuration of diffusers' UNet2DConditionModel."""
        down = tuple("CrossAttnDownBlock2D" if crossed else "DownBlock2D" for crossed in self.crossed)
        up = tuple("CrossAttnUpBlock2D" if crossed else "UpBlock2D" for crossed in reversed(self.crossed))
        return {
            "block_out_channels": self.widths,
            "down_block_types": down,
            "up_block_types": up,
            "layers_per_block": self.layers,
            "attention_head_dim": self.heads,  # diffusers' name for the number of heads
            "cross_attention_dim": self.context,
            "norm_num_groups": self.groups,
            "in_channels": latent,
            "out_channels": latent,
        }


@dataclass(frozen=True, slots=True)
class Transformer:
    """A DeiT with an adapter in every block; tiles are resized to `side` pixels."""

    width: int = 384
    depth: int = 12
    heads: int = 6
    patch: int = 16
    side: int = 224
    adapter: int = 32  # 0: none
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    deviation: tuple[float, ...] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        _refuse_outside(1, _WIDEST, width=self.width, heads=self.heads, patch=self.patch, side=self.side)
        _refuse_outside(1, _MOST_LAYERS, depth=self.depth)
        _refuse_outside(0, _WIDEST, adapter=self.adapter)
        if self.width % self.heads or self.side % self.patch:
            raise ValueError(f"{self.width} in {self.heads} heads, {self.side} pixels in patches of {self.patch}")
        _refuse_colours(self.mean, self.deviation, "a DeiT")


@dataclass(frozen=True, slots=True)
class WindowTransformer:
    """A DeiT over windows of up to `across` tiles a side; a token is `patch` cells a side of the pixel CNN's maps."""

    across: int = 4
    patch: int = 2
    width: int = 128
    depth: int = 4
    heads: int = 4
    adapter: int = 16  # 0: none

    def __post_init__(self) -> None:
        _refuse_outside(1, _MOST_LAYERS, across=self.across, patch=self.patch, depth=self.depth, heads=self.heads)
        _refuse_outside(4, _WIDEST, width=self.width)
        _refuse_outside(0, _WIDEST, adapter=self.adapter)
        if self.width % self.heads or self.width % 4:
            raise ValueError(f"{self.width} in {self.heads} heads; a width is divisible by 4, too")


@dataclass(frozen=True, slots=True)
class Convolutions:
    """The local path: residual convolutions over each selected map, and robust pooling.

    `pixels` are the widths of the pixel CNN's blocks; without any there is no pixel CNN.
    """

    width: int = 96
    depth: int = 2
    border: int = 1  # cells left out at each edge, where diffusion maps encode position
    trimmed: float = 0.1  # share of cells left out at either end of trimmed means, against outliers
    pixels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _refuse_outside(2, _WIDEST, width=self.width)
        _refuse_outside(0, _MOST_LAYERS, depth=self.depth, border=self.border)
        _refuse_outside(0, _MOST_LAYERS, pixels=len(self.pixels))
        for width in self.pixels:
            _refuse_outside(1, _WIDEST, width=width)
        if not 0 <= self.trimmed < 0.5:
            raise ValueError(f"a share of {self.trimmed} left out at either end")

    @property
    def cell(self) -> int:
        """The number of pixels a side of a cell of the pixel CNN's maps."""
        return int(2 ** (1 + sum(width != wider for width, wider in pairwise(self.pixels))))


@dataclass(frozen=True, slots=True)
class TrunkShape:
    """The first stages of a pretrained convolutional network; stage n has a cell of 2 ** (n + 1) of its inputs a side.

    `averaged` pixels a side are averaged to one input.
    """

    network: str = "tf_efficientnet_lite0"  # one of those in `weights/pins.py`
    weights: str = "f42a0462bf245957aba69407a87c311515c3e911417e449a1f052d52699cdc60"  # SHA-256 of the imported file
    stages: tuple[int, ...] = (2, 3)  # whose maps are read
    averaged: int = 1
    components: int = 0  # principal components of its features that are appended to the encoder's
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    deviation: tuple[float, ...] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        networks = sorted({cnn.network for cnn in CNNS.values()})
        if self.network not in networks:
            raise ValueError(f"trunk {self.network[:100]!a}; known are {', '.join(networks)}")
        if not is_sha256(self.weights):
            raise ValueError(f"{self.weights[:100]!a} is no digest of a file of weights")
        increasing = all(stage < later for stage, later in pairwise(self.stages))
        if not self.stages or not increasing or not set(self.stages) <= set(range(_TRUNK_STAGES)):
            raise ValueError(f"stages {list(self.stages)}; 0 to {_TRUNK_STAGES - 1} can be read, in this order")
        _refuse_outside(1, _MOST_LAYERS, averaged=self.averaged)
        _refuse_outside(0, _WIDEST, components=self.components)
        _refuse_colours(self.mean, self.deviation, "a trunk")

    def refuse_tile(self, side: int) -> None:
        """Raise ValueError for tiles that cannot be averaged, or whose last map has less than two cells a side."""
        cell = self.averaged * 2 ** (self.stages[-1] + 1)
        if side % self.averaged or side < 2 * cell:
            needed = f"a trunk with cells of {cell} pixels needs multiples of {self.averaged} from {2 * cell} on"
            raise ValueError(f"tiles of {side} pixels; {needed}")


def _refuse_colours(mean: tuple[float, ...], deviation: tuple[float, ...], part: str) -> None:
    if len(mean) != 3 or len(deviation) != 3 or min(deviation) <= 0:
        raise ValueError(f"{part} has three means and three deviations above 0")


def _refuse_widths(widths: tuple[int, ...], groups: int) -> None:
    if not 2 <= len(widths) <= 8 or not all(1 <= width <= _WIDEST for width in widths):
        raise ValueError(f"widths {widths}; from 2 to 8 of them, up to {_WIDEST}, can be built")
    if groups < 1 or any(width % groups for width in widths):
        raise ValueError(f"widths {widths} are not divisible into {groups} groups")


def _refuse_outside(least: int, most: int, **sizes: int) -> None:
    for name, value in sizes.items():
        if not least <= value <= most:
            raise ValueError(f"{name} {value}; {least} to {most} can be built")
