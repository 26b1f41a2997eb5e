"""Texture descriptors of a tile: fixed, hand-written numbers that need no training.

Local binary patterns, differences between pixels at some distances, edges, and the shape of the histogram, each at four
scales, of greys of zero mean and unit variance. A trained network describes well what it was trained on; descriptors
describe any texture a little, and forests use both (docs/decisions/texture-descriptors.md). The forests of signed
bundles rest on these numbers: another definition needs a setting of its own in `bundle.json`.

Descriptors hardly change when a tile is rotated by a right angle or mirrored: at the two finest scales patterns are
counted on some rows only. Every descriptor is a continuous function of the pixels, so gradients through it are true.
"""

import torch
from torch.nn import functional

from fusiondiff_audit.model.standardization import Standardization

Tensor = torch.Tensor
_RINGS = (1, 3)  # distances of the neighbours, in pixels along the axes
# Of the neighbours, in order around the ring.
_OFFSETS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
_BITS = len(_OFFSETS)
_SOFT = 0.05  # in standard deviations: smaller differences count as a fraction of a bit
_ROW_STEPS = (4, 2, 1, 1)  # at each scale patterns are counted on every n-th row; each scale halves the sides
_EPSILON = 1e-4
_MIN_VARIANCE = 1e-6  # of greys from 0 to 1: a tile with less is flat
_MIN_FREQUENCY = 1e-3  # added to the frequency of a pattern before its logarithm
_CLAMP = 10.0  # standard deviations
TEXTURE_DIM = len(_ROW_STEPS) * (len(_RINGS) * (_BITS + 2 + 3) + 5 + 3)
TILE_MULTIPLE = 2 ** (len(_ROW_STEPS) - 1)  # sides of tiles are multiples of this
MIN_TILE = TILE_MULTIPLE * (2 * max(_RINGS) + 2)  # pixels a side: two centres at the coarsest scale


class TextureDescriptors(Standardization):
    """Descriptors of tiles, each standardised by its mean and deviation over a data set."""

    def __init__(self) -> None:
        super().__init__(TEXTURE_DIM, "texture descriptors")

    def forward(self, tiles: Tensor) -> Tensor:
        """Return tiles x descriptors."""
        return self.standardized(describe(tiles))

    def standardized(self, numbers: Tensor) -> Tensor:
        """Return standardised descriptors, clamped so that none decides a distance by itself."""
        return super().standardized(numbers).clamp(-_CLAMP, _CLAMP)


def describe(tiles: Tensor) -> Tensor:
    """Return tiles x descriptors, not standardised; always in single precision, also under autocast."""
    with torch.autocast(tiles.device.type, enabled=False):
        return _described(tiles[:, 0].float())


def _described(greys: Tensor) -> Tensor:
    centred = greys - greys.mean((1, 2), keepdim=True)
    greys = centred / centred.square().mean((1, 2), keepdim=True).clamp_min(_MIN_VARIANCE).sqrt()
    descriptors: list[Tensor] = []
    for scale, row_step in enumerate(_ROW_STEPS):
        if scale:
            greys = _halved(greys)
        variance = greys.var((1, 2)) + _EPSILON
        for ring in _RINGS:
            descriptors += _neighbourhood(greys, ring, row_step, variance)
        descriptors += [_edges(greys), _histogram(greys)]
    return torch.cat(descriptors, 1)


def _halved(greys: Tensor) -> Tensor:
    """Average squares of four pixels."""
    rows = greys[:, ::2] + greys[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 4


def _neighbourhood(greys: Tensor, ring: int, row_step: int, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the patterns of a ring, and log mean squared differences: axial, diagonal, anisotropy."""
    height, width = (length - 2 * ring for length in greys.shape[1:])
    corners = [(ring * (1 + down), ring * (1 + right)) for down, right in _OFFSETS]
    neighbours = torch.stack([greys[:, y : y + height : row_step, x : x + width] for y, x in corners], 1)
    difference = neighbours - greys[:, None, ring : ring + height : row_step, ring:-ring]
    squares = difference.square().mean((2, 3))
    lines = (squares[:, : _BITS // 2] + squares[:, _BITS // 2 :]) / 2  # opposite neighbours together
    logs = (lines / variance[:, None] + _EPSILON).log()
    axial, diagonal = logs[:, ::2], logs[:, 1::2]
    anisotropy = (axial[:, 0] - axial[:, 1]).abs()
    brighter = functional.hardsigmoid(difference * (3 / _SOFT))  # which saturates at 3
    return _patterns(brighter.flatten(2)), torch.stack([axial.mean(1), diagonal.mean(1), anisotropy], 1)


def _patterns(bits: Tensor) -> Tensor:
    """Return log frequencies of the rotation-invariant uniform patterns (Ojala et al., 2002), and of all others.

    `bits` has tiles x neighbours x positions. Bits are fractions, and so is the uniformity of a pattern: a uniform one
    changes at most twice around its ring.
    """
    uniform = (3 - (bits - bits.roll(1, 1)).abs().sum(1)).clamp(0, 1)
    bright = bits.sum(1, keepdim=True)
    exceeds = (bright - torch.arange(_BITS, device=bits.device)[:, None]).clamp(0, 1)  # more than n bits
    above = torch.bmm(exceeds, uniform[:, :, None])[:, :, 0] / uniform.shape[1]
    share = uniform.mean(1, keepdim=True)
    none, some, every = share - above[:, :1], above[:, :-1] - above[:, 1:], above[:, -1:]
    return (torch.cat([none, some, every, 1 - share], 1) + _MIN_FREQUENCY).log()


def _edges(greys: Tensor) -> Tensor:
    """Return the strength of gradients, how evenly they are spread, and moments of the Laplacian."""
    down, across = greys[:, 2:, 1:-1] - greys[:, :-2, 1:-1], greys[:, 1:-1, 2:] - greys[:, 1:-1, :-2]
    gradient = down.square() + across.square()
    strength = gradient.mean((1, 2)) + _EPSILON
    neighbours = greys[:, 2:, 1:-1] + greys[:, :-2, 1:-1] + greys[:, 1:-1, 2:] + greys[:, 1:-1, :-2]
    laplacian = neighbours / 4 - greys[:, 1:-1, 1:-1]
    evenness = (gradient + _EPSILON**2).sqrt().mean((1, 2)).square() / strength  # 1 if all gradients are equal
    return torch.stack([strength.log(), (evenness + _EPSILON).log(), *_moments(laplacian)], 1)


def _histogram(greys: Tensor) -> Tensor:
    """Return log variance, skewness and log kurtosis of the greys; the first is constant at the finest scale."""
    return torch.stack(_moments(greys - greys.mean((1, 2), keepdim=True)), 1)


def _moments(values: Tensor) -> list[Tensor]:
    """Return the log second moment, the standardised third, and the log of the standardised fourth."""
    square = values.square()
    variance = square.mean((1, 2)) + _EPSILON
    skewness, kurtosis = (square * values).mean((1, 2)) / variance**1.5, square.square().mean((1, 2)) / variance**2
    return [variance.log(), skewness, (kurtosis + _EPSILON).log()]
