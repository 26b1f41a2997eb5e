"""Augmentation: changes that another microscope session would make, on which no verdict may depend.

Orientation, brightness across the field, gamma, focus and shot noise change; no grain and no pore moves.
"""

import math

import torch
from torch.nn import functional

Tensor = torch.Tensor
_ORIENTATIONS = 8  # of a square, mirrored or not
_GAMMA = 0.15
_BRIGHTNESS_GRADIENT = 0.1  # over a tile
_BLUR = 0.9  # pixels, at most
_LEAST_COUNT, _MOST_COUNT = 60.0, 2000.0  # electrons a pixel
_BLUR_REACH = 2  # pixels


def augmented(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Return grey tiles from 0 to 1 as another session might have given them."""
    tiles = randomly_oriented(tiles, generator)
    count = len(tiles)

    def uniform(low: float, high: float) -> Tensor:
        drawn = torch.rand(count, 1, 1, 1, generator=generator, device=generator.device)
        return low + (high - low) * drawn.to(tiles.device)

    ramp = torch.linspace(-1, 1, tiles.shape[-1], device=tiles.device)
    most = _BRIGHTNESS_GRADIENT
    brightness = 1 + uniform(-most, most) * ramp + uniform(-most, most) * ramp[:, None]
    tiles = _blurred((tiles * brightness).clamp(0, 1) ** torch.exp(uniform(-2, 2) * _GAMMA), uniform(0.01, _BLUR))
    electrons = torch.exp(uniform(math.log(_LEAST_COUNT), math.log(_MOST_COUNT)))
    noise = torch.randn(tiles.shape, generator=generator, device=generator.device).to(tiles.device)
    return (tiles + (tiles / electrons).sqrt() * noise).clamp(0, 1)


def half_augmented(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Return tiles randomly oriented, and every second one augmented as well."""
    oriented = randomly_oriented(tiles, generator)
    oriented[1::2] = augmented(oriented[1::2], generator)
    return oriented


def randomly_oriented(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Return each tile in one of the eight orientations of a square."""
    orientation = torch.randint(_ORIENTATIONS, (len(tiles),), generator=generator, device=generator.device)
    orientation = orientation.to(tiles.device)
    oriented = torch.empty_like(tiles)
    for number in range(_ORIENTATIONS):
        own = orientation == number
        rotated = torch.rot90(tiles[own], number % 4, (2, 3))
        oriented[own] = rotated.flip(3) if number >= _ORIENTATIONS // 2 else rotated
    return oriented


def _blurred(tiles: Tensor, sigma: Tensor) -> Tensor:
    """Return each tile blurred by a Gaussian of its own width in pixels."""
    offsets = torch.arange(-_BLUR_REACH, _BLUR_REACH + 1, device=tiles.device)
    weights = torch.exp(-0.5 * (offsets / sigma.reshape(-1, 1)) ** 2)
    weights = (weights / weights.sum(1, keepdim=True))[:, None]
    count, _, height, width = tiles.shape
    flat = functional.pad(tiles.reshape(1, count, height, width), (_BLUR_REACH,) * 4, mode="reflect")
    flat = functional.conv2d(flat, weights[:, :, None, :], groups=count)
    flat = functional.conv2d(flat, weights[:, :, :, None], groups=count)
    return flat.reshape(count, 1, height, width)
