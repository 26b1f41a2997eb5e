"""What a tile's texture is, as classical descriptors say it: a teacher for pictures of which nothing is known.

Local binary patterns, autocorrelation, gradients and the shape of the histogram, at several scales, of greys of zero
mean and unit variance. Nothing here has a direction: a picture that is turned by a right angle has the same numbers.
"""

from collections.abc import Iterator

import torch
from torch.nn import functional

import signing
from fusiondiff_audit.training.diet import Diet
from fusiondiff_audit.training.maps import as_tiles
from fusiondiff_audit.training.studio import Studio

Tensor = torch.Tensor
_AT_ONCE = 16  # tiles: few enough that they stay in a core's cache
_SCALES = 4  # each sees half as many pixels a side as the one before
_AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))  # a pixel's neighbours, in their order
_APART = (1, 2, 4)  # pixels
_LEAST = 1e-4
_MOST = 10.0


def looks_of(diet: Diet, studio: Studio) -> Tensor:
    """Return the descriptors of every tile of a diet, each by its own spread; what was computed before is read."""
    path = studio.folder / "looks.f32"
    if studio.here.first and not path.is_file():
        signing.create(path, torch.cat(list(_computed(diet, studio))).numpy().tobytes())
    studio.here.meet()
    looks = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.float32).reshape(len(diet.squares), -1)
    return (looks - looks.mean(0)) / (looks.var(0) + _LEAST).sqrt()


def _computed(diet: Diet, studio: Studio) -> Iterator[Tensor]:
    total = len(diet.squares)
    for start in range(0, total, _AT_ONCE):
        yield described(as_tiles(diet.squares[start : start + _AT_ONCE], studio.here)).cpu()
        studio.report("descriptors", min(start + _AT_ONCE, total), total, None)


@torch.no_grad()
def described(tiles: Tensor) -> Tensor:
    """Return tiles x numbers."""
    grey = tiles.float()
    grey = (grey - grey.mean((2, 3), keepdim=True)) / grey.std((2, 3), keepdim=True).clamp_min(1e-3)
    found = []
    for scale in range(_SCALES):
        seen = functional.avg_pool2d(grey, 2**scale) if scale else grey
        found += [_patterns(seen), _together(seen), _edges(seen), _shape(seen)]
    return torch.cat(found, 1).clamp(-_MOST, _MOST)  # of a tile of one grey nothing is known


def _patterns(seen: Tensor) -> Tensor:
    """Return how often each uniform pattern is met, however it is turned (Ojala et al., 2002), as logarithms."""
    height, width = seen.shape[2] - 2, seen.shape[3] - 2
    centre = seen[:, :, 1:-1, 1:-1]
    brighter = torch.cat([seen[:, :, y : y + height, x : x + width] >= centre for y, x in _AROUND], 1)
    changes = (brighter ^ brighter.roll(1, 1)).sum(1, dtype=torch.uint8)
    code = torch.where(changes <= 2, brighter.sum(1, dtype=torch.uint8), len(_AROUND) + 1).flatten(1).long()
    kinds = len(_AROUND) + 2
    own = code + kinds * torch.arange(len(code), device=code.device)[:, None]
    share = own.flatten().bincount(minlength=kinds * len(code)).reshape(len(code), kinds) / code.shape[1]
    return (share + 1e-3).log()


def _together(seen: Tensor) -> Tensor:
    """Return how alike pixels are at some distances: the mean over directions, and how much these differ."""
    variance = seen.var((1, 2, 3)) + _LEAST
    found = []
    for apart in _APART:
        near, far = seen[..., :-apart], seen[..., apart:]
        pairs = (
            (seen[:, :, apart:], seen[:, :, :-apart]),
            (near, far),
            (near[:, :, apart:], far[:, :, :-apart]),
            (near[:, :, :-apart], far[:, :, apart:]),
        )
        alike = torch.stack([(one - other).square().mean((1, 2, 3)) for one, other in pairs], 1)
        alike = (alike / variance[:, None] + _LEAST).log()
        straight, across = alike[:, :2], alike[:, 2:]
        found += [straight.mean(1), across.mean(1), (straight[:, 0] - straight[:, 1]).abs()]
    return torch.stack(found, 1)


def _edges(seen: Tensor) -> Tensor:
    """Return how strong slopes and bends are, and how much of them lies in few places."""
    down, across = seen[..., 2:, 1:-1] - seen[..., :-2, 1:-1], seen[..., 1:-1, 2:] - seen[..., 1:-1, :-2]
    slope = down.square() + across.square()
    bend = functional.avg_pool2d(seen, 3, 1) - seen[:, :, 1:-1, 1:-1]
    square = bend.square().mean((1, 2, 3)) + _LEAST
    return torch.stack(
        [
            (slope.mean((1, 2, 3)) + _LEAST).log(),
            (slope.sqrt().mean((1, 2, 3)).square() / (slope.mean((1, 2, 3)) + _LEAST) + _LEAST).log(),
            square.log(),
            bend.pow(3).mean((1, 2, 3)) / square**1.5,
            (bend.pow(4).mean((1, 2, 3)) / square**2 + _LEAST).log(),
        ],
        1,
    )


def _shape(seen: Tensor) -> Tensor:
    """Return how wide the histogram is, whether it leans, and how long its tails are."""
    centred = seen - seen.mean((2, 3), keepdim=True)
    square = centred.square().mean((1, 2, 3)) + _LEAST
    lean = centred.pow(3).mean((1, 2, 3)) / square**1.5
    return torch.stack([square.log(), lean, (centred.pow(4).mean((1, 2, 3)) / square**2).log()], 1)
