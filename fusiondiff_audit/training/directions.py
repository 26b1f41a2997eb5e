"""Directions in which made-up makers and surfaces differ by more than tiles of one piece do: linear discriminants.

Forests split by one number at a time. What tells two makers apart lies askew to the numbers that an encoder was asked
for, and is small beside what any piece's tiles differ in. Both are known of pieces that were made up, and nobody needs
a label for them: within one maker's pictures, or one picture's tiles, what differs says nothing, and what differs
between makers, or pieces, does. The directions of most difference between over that within (Fisher, 1936) are found
once, and forests see what lies along them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import eigh

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.texture import TEXTURE_DIM
from fusiondiff_audit.training.diet import Diet, Places
from fusiondiff_audit.training.maps import as_tiles
from fusiondiff_audit.training.studio import Studio

Rows = npt.NDArray[np.float64]
_AT_ONCE = 16  # tiles
_OF_A_PICTURE = 4  # tiles: more of one picture say little more
_MAKERS = 14  # directions: fifteen makers, each beside others of three kilns, differ in twelve; two say nothing of them
_SEEN_FROM = 64  # sides: so many numbers, or forests would hardly meet what tells makers apart among all others
_SURFACES = 64  # directions, of descriptors alone, and of all numbers together
COUNT = TEXTURE_DIM + _SEEN_FROM + 2 * _SURFACES
LEAST = _MAKERS  # numbers that makers are told apart by: fewer cannot have so many directions
_DOUBT = 0.1, 0.03  # of makers and of surfaces: share of the mean variance within, added to all of them
_TURNS = 0x7475726E73


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What an encoder says of some tiles of a diet, before it has directions."""

    rows: Rows
    picture: Places
    maker: npt.NDArray[np.str_]  # of each tile; empty, where nobody says


@torch.no_grad()
def said(encoder: Encoder, diet: Diet, numbers: np.random.Generator, studio: Studio) -> Said:
    """Return what an encoder says of a few tiles of every picture of a diet, but for its directions."""
    places = diet.of_every_picture(numbers, _OF_A_PICTURE)
    total, rows = len(places), list[torch.Tensor]()
    for start in range(0, total, _AT_ONCE):
        tiles = as_tiles(diet.squares[places[start : start + _AT_ONCE]], studio.here)
        rows.append(encoder.features(tiles).embedding.cpu())
        studio.report("directions", min(start + _AT_ONCE, total), total, None)
    return Said(torch.cat(rows).double().numpy(), diet.picture[places], np.array(diet.makers)[diet.owner[places]])


def directions(makers: Said, surfaces: Said, width: int) -> torch.Tensor:
    """Return directions x numbers: descriptors as they are, where makers differ, and where surfaces do.

    The first `width` numbers are what is fused, those behind them descriptors. Of makers, pictures are compared, each
    with others of its kiln, which is the first word of its name; of surfaces, tiles.
    """
    known = makers.maker != ""
    _, first, picture = np.unique(makers.picture[known], return_index=True, return_inverse=True)
    fused, names = _means(makers.rows[known, :width], picture), makers.maker[known][first]
    kilns = np.array([name.split()[0] for name in names])
    askew = discriminants(fused, names, _MAKERS, doubt=_DOUBT[0], families=kilns) @ _turned(_MAKERS, _SEEN_FROM)
    count = surfaces.rows.shape[1]
    own = discriminants(surfaces.rows[:, width:], surfaces.picture, _SURFACES, doubt=_DOUBT[1])
    whole = discriminants(surfaces.rows, surfaces.picture, _SURFACES, doubt=_DOUBT[1])
    parts = (np.eye(count)[:, width:], _below(askew, count, 0), _below(own, count, width), whole)
    return torch.from_numpy(np.concatenate(parts, 1).T.astype(np.float32))


def discriminants(
    rows: Rows,
    groups: npt.NDArray[np.generic],
    most: int,
    *,
    doubt: float,
    families: npt.NDArray[np.str_] | None = None,
) -> Rows:
    """Return numbers x directions: the most difference between groups, of those of one family, over that within them.

    Along each the variance within groups is about one.
    """
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    means = _means(rows, group)
    within = (rows - means[group])[sizes[group] > 1]
    inside = within.T @ within / (len(within) - (sizes > 1).sum())
    if families is not None:
        first = np.unique(group, return_index=True)[1]
        family = np.unique(families[first], return_inverse=True)[1]
        means = means - _means(means, family)[family]
    inside += doubt * np.trace(inside) / len(inside) * np.eye(len(inside))
    found: Rows = eigh(np.cov(means.T), inside)[1][:, ::-1][:, :most]
    return found


def _means(rows: Rows, group: Places) -> Rows:
    sums = np.zeros((group.max() + 1, rows.shape[1]))
    np.add.at(sums, group, rows)
    found: Rows = sums / np.bincount(group)[:, None]
    return found


def _below(found: Rows, count: int, above: int) -> Rows:
    """Return directions of some of all numbers, with nothing of the others."""
    return np.pad(found, ((above, count - above - len(found)), (0, 0)))


def _turned(directions: int, sides: int) -> Rows:
    """Return some directions, seen from so many sides: right angles, turned at random again and again."""
    rng = np.random.default_rng(_TURNS)
    turns = [np.linalg.qr(rng.normal(size=(directions, directions)))[0] for _ in range(-(-sides // directions))]
    found: Rows = np.concatenate(turns, 1)[:, :sides]
    return found
