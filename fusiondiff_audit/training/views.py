"""What another look through a microscope would have changed, and what nobody's verdict may hang on.

Only the place, the direction and the instrument differ between two views of one object: turns and mirrors, brightness
across the field, gamma, focus and shot noise. Nothing here moves a grain or a pore.
"""

import math

import torch
from torch.nn import functional

Tensor = torch.Tensor
_TURNS = 8  # of a square, mirrored or not
_GAMMA = 0.15
_SLOPE = 0.1  # of brightness, over a tile
_BLUR = 0.9  # pixels, at most
_LEAST_COUNT, _MOST_COUNT = 60.0, 2000.0  # electrons a pixel
_REACH = 2  # of the blur, pixels


def another_look(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Return grey tiles from 0 to 1 as another session might have given them."""
    tiles = turned(tiles, generator)
    count = len(tiles)

    def uniform(low: float, high: float) -> Tensor:
        drawn = torch.rand(count, 1, 1, 1, generator=generator, device=generator.device)
        return low + (high - low) * drawn.to(tiles.device)

    across = torch.linspace(-1, 1, tiles.shape[-1], device=tiles.device)
    slope = 1 + uniform(-_SLOPE, _SLOPE) * across + uniform(-_SLOPE, _SLOPE) * across[:, None]
    tiles = _blurred((tiles * slope).clamp(0, 1) ** torch.exp(uniform(-2, 2) * _GAMMA), uniform(0.01, _BLUR))
    electrons = torch.exp(uniform(math.log(_LEAST_COUNT), math.log(_MOST_COUNT)))
    noise = torch.randn(tiles.shape, generator=generator, device=generator.device).to(tiles.device)
    return (tiles + (tiles / electrons).sqrt() * noise).clamp(0, 1)


def every_other(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Return tiles turned, and every second one as another session might have given it."""
    found = turned(tiles, generator)
    found[1::2] = another_look(found[1::2], generator)
    return found


def turned(tiles: Tensor, generator: torch.Generator) -> Tensor:
    """Return each tile in one of the eight ways in which a square lies."""
    which = torch.randint(_TURNS, (len(tiles),), generator=generator, device=generator.device).to(tiles.device)
    found = torch.empty_like(tiles)
    for turn in range(_TURNS):
        own = which == turn
        ways = torch.rot90(tiles[own], turn % 4, (2, 3))
        found[own] = ways.flip(3) if turn >= _TURNS // 2 else ways
    return found


def _blurred(tiles: Tensor, sigma: Tensor) -> Tensor:
    """Return each tile out of focus by its own number of pixels."""
    places = torch.arange(-_REACH, _REACH + 1, device=tiles.device)
    weights = torch.exp(-0.5 * (places / sigma.reshape(-1, 1)) ** 2)
    weights = (weights / weights.sum(1, keepdim=True))[:, None]
    count, _, height, width = tiles.shape
    flat = functional.pad(tiles.reshape(1, count, height, width), (_REACH,) * 4, mode="reflect")
    flat = functional.conv2d(flat, weights[:, :, None, :], groups=count)
    flat = functional.conv2d(flat, weights[:, :, :, None], groups=count)
    return flat.reshape(count, 1, height, width)
