"""What a tile's surface is like, as classical descriptors of texture say it: numbers that nobody had to learn.

Local patterns, likeness at some distances, edges and the shape of the histogram, each at four scales, of greys of zero
mean and unit variance. A network knows well what it was trained on; these know anything a little, and forests take what
they need of both (docs/decisions/surface.md). Signed bundles rest on these numbers: what changes one of them is another
setting of a bundle, and leaves this one as it is.

Nothing here has a direction: a tile that is turned by a right angle, or mirrored, has the same numbers, but for the
rows that are left out for speed. And nothing is a step: what an attack that follows slopes is told is true of all that
the forests see.
"""

import torch
from torch import nn
from torch.nn import functional

Tensor = torch.Tensor
_RINGS = (1, 3)  # pixels from a centre to its neighbours, along the axes
_WAYS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))  # to neighbours, in their order
_BITS = len(_WAYS)
_SOFT = 0.05  # deviations of the greys: a neighbour that differs by less is brighter by a share
_EVERY = (4, 2, 1, 1)  # at each scale, one row of so many is looked for patterns; a scale halves the last one's sides
_LEAST = 1e-4
_FLAT = 1e-6  # variance of a tile's greys, which go from 0 to 1: with less, it shows nothing
_RARE = 1e-3  # a share: what is rarer is as rare
_MOST = 10.0
_NARROWEST = 0.99 * _LEAST**0.5  # what `measured` gives, but for rounding
TEXTURE_DIM = len(_EVERY) * (len(_RINGS) * (_BITS + 2 + 3) + 5 + 3)
TILE_MULTIPLE = 2 ** (len(_EVERY) - 1)  # pixels a side of a tile come in multiples of this
MIN_TILE = TILE_MULTIPLE * (2 * max(_RINGS) + 2)  # pixels a side: two centres at the coarsest scale


class TextureDescriptors(nn.Module):
    """Descriptors of tiles, each by the spread that it had on the pictures that it was measured on."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(TEXTURE_DIM))
        self.register_buffer("deviation", torch.ones(TEXTURE_DIM))

    def forward(self, tiles: Tensor) -> Tensor:
        """Return tiles x numbers."""
        return self.standardized(describe(tiles))

    def standardized(self, numbers: Tensor) -> Tensor:
        """Return descriptors by their spread, none of them so far out that it alone would decide a distance."""
        return ((numbers - self.mean) / self.deviation).clamp(-_MOST, _MOST)

    @torch.no_grad()
    def fit(self, numbers: Tensor) -> "TextureDescriptors":
        """Take mean and spread from descriptors of many tiles."""
        self.mean.copy_(numbers.mean(0))
        self.deviation.copy_((numbers.var(0) + _LEAST).sqrt())
        return self

    def refuse_unfit(self) -> None:
        """Refuse a mean or a spread that no pictures have: it would make steps of slopes, or hide what overflowed."""
        if not (self.mean.isfinite().all() and self.deviation.isfinite().all() and self.deviation.min() > _NARROWEST):
            raise ValueError("descriptors of a surface by a mean or a spread that no pictures have")


def describe(tiles: Tensor) -> Tensor:
    """Return tiles x numbers, as they are, in single precision wherever they are asked for."""
    with torch.autocast(tiles.device.type, enabled=False):
        return _described(tiles[:, 0].float())


def _described(seen: Tensor) -> Tensor:
    centred = seen - seen.mean((1, 2), keepdim=True)
    seen = centred / centred.square().mean((1, 2), keepdim=True).clamp_min(_FLAT).sqrt()
    found: list[Tensor] = []
    for scale, rows in enumerate(_EVERY):
        if scale:
            seen = _halved(seen)
        variance = seen.var((1, 2)) + _LEAST
        for ring in _RINGS:
            found += _around(seen, ring, rows, variance)
        found += [_edges(seen), _shape(seen)]
    return torch.cat(found, 1)


def _halved(seen: Tensor) -> Tensor:
    """Return four pixels as one."""
    rows = seen[:, ::2] + seen[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 4


def _around(seen: Tensor, ring: int, rows: int, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return the patterns of a ring, and how alike pixels are across it: straight, askew, and the ways apart."""
    height, width = (length - 2 * ring for length in seen.shape[1:])
    corners = [(ring * (1 + down), ring * (1 + right)) for down, right in _WAYS]
    beside = torch.stack([seen[:, y : y + height : rows, x : x + width] for y, x in corners], 1)
    difference = beside - seen[:, None, ring : ring + height : rows, ring:-ring]
    each = difference.square().mean((2, 3))
    alike = (each[:, : _BITS // 2] + each[:, _BITS // 2 :]) / 2  # of both ends of a line
    logs = (alike / variance[:, None] + _LEAST).log()
    straight, askew = logs[:, ::2], logs[:, 1::2]
    apart = (straight[:, 0] - straight[:, 1]).abs()
    brighter = functional.hardsigmoid(difference * (3 / _SOFT))  # whose slope ends at three
    return _patterns(brighter.flatten(2)), torch.stack([straight.mean(1), askew.mean(1), apart], 1)


def _patterns(bits: Tensor) -> Tensor:
    """Return how often each uniform pattern is met, however it is turned (Ojala et al., 2002), as logarithms.

    Bits are shares here, tiles x ways x places, and so is whether a pattern is uniform: it changes at most twice around
    its ring.
    """
    uniform = (3 - (bits - bits.roll(1, 1)).abs().sum(1)).clamp(0, 1)
    bright = bits.sum(1, keepdim=True)
    more = (bright - torch.arange(_BITS, device=bits.device)[:, None]).clamp(0, 1)  # than so many bits
    above = torch.bmm(more, uniform[:, :, None])[:, :, 0] / uniform.shape[1]
    whole = uniform.mean(1, keepdim=True)
    none, some, every = whole - above[:, :1], above[:, :-1] - above[:, 1:], above[:, -1:]
    return (torch.cat([none, some, every, 1 - whole], 1) + _RARE).log()


def _edges(seen: Tensor) -> Tensor:
    """Return how strong slopes and bends are, and how much of them lies in few places."""
    down, across = seen[:, 2:, 1:-1] - seen[:, :-2, 1:-1], seen[:, 1:-1, 2:] - seen[:, 1:-1, :-2]
    slope = down.square() + across.square()
    steep = slope.mean((1, 2)) + _LEAST
    beside = seen[:, 2:, 1:-1] + seen[:, :-2, 1:-1] + seen[:, 1:-1, 2:] + seen[:, 1:-1, :-2]
    bend = beside / 4 - seen[:, 1:-1, 1:-1]
    even = (slope + _LEAST**2).sqrt().mean((1, 2)).square() / steep  # 1 where all slopes are alike
    return torch.stack([steep.log(), (even + _LEAST).log(), *_moments(bend)], 1)


def _shape(seen: Tensor) -> Tensor:
    """Return how wide the histogram is, whether it leans, and how long its tails are.

    At the finest scale the first says only that a tile shows something.
    """
    return torch.stack(_moments(seen - seen.mean((1, 2), keepdim=True)), 1)


def _moments(values: Tensor) -> list[Tensor]:
    """Return the logarithm of the mean square, and by it the third and the logarithm of the fourth moment."""
    square = values.square()
    spread = square.mean((1, 2)) + _LEAST
    lean, tails = (square * values).mean((1, 2)) / spread**1.5, square.square().mean((1, 2)) / spread**2
    return [spread.log(), lean, (tails + _LEAST).log()]
