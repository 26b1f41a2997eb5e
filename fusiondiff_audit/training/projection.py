"""The projection on to linear discriminants of synthetic makers and surfaces (Fisher, 1936).

Forests split by one number at a time, while makers differ along oblique directions of small variance. Within one
maker's images, or one image's tiles, differences mean nothing; between makers, or specimens, they do. The directions
of most variance between over variance within are fitted once, on synthetic specimens that need no label, and forests
are given the coordinates along them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import eigh

from fusiondiff_audit.model.encoder import Encoder
from fusiondiff_audit.model.texture import TEXTURE_DIM
from fusiondiff_audit.training.dataset import Indices, TileDataset
from fusiondiff_audit.training.feature_maps import as_tensor
from fusiondiff_audit.training.workspace import Workspace

Features = npt.NDArray[np.float64]
_AT_ONCE = 16  # tiles
_TILES_PER_IMAGE = 4  # more tiles of one image add little
_MAKER_DIRECTIONS = 14  # fifteen makers, each beside others of three kilns, span twelve; two are noise
_MAKER_COLUMNS = 64  # rotations of the maker directions: with fewer columns, forests would seldom sample one of them
_SURFACE_DIRECTIONS = 64  # of descriptors alone, and of all features together
PROJECTION_DIM = TEXTURE_DIM + _MAKER_COLUMNS + 2 * _SURFACE_DIRECTIONS  # without components of a trunk
LEAST_EMBEDDING_DIM = _MAKER_DIRECTIONS
_MAKER_SHRINKAGE, _SURFACE_SHRINKAGE = 0.1, 0.03  # share of the mean variance within groups, added to all variances
_ROTATIONS = 0x7475726E73  # a random stream


@dataclass(frozen=True, slots=True, eq=False)
class EncodedTiles:
    """The unprojected features of some tiles of a dataset."""

    features: Features
    image: Indices
    maker: npt.NDArray[np.str_]  # of each tile; empty: unknown


@torch.no_grad()
def encode_tiles(
    encoder: Encoder, dataset: TileDataset, rng: np.random.Generator, workspace: Workspace
) -> EncodedTiles:
    """Return the unprojected features of a few tiles of every image of a dataset."""
    window = encoder.architecture.window
    batches = (
        list(_in_turn(dataset.sample_every_image(rng, _TILES_PER_IMAGE)))
        if window is None
        else [_kept(*batch, rng) for batch in dataset.sample_windows(rng, window.across)]
    )
    features, done, total = list[torch.Tensor](), 0, sum(len(batch.tiles) for batch in batches)
    for batch in batches:
        tiles = as_tensor(dataset.tiles[batch.tiles], workspace.process)
        places = None if batch.places is None else torch.from_numpy(batch.places).to(tiles.device)
        features.append(encoder.features(tiles, places).embedding[: batch.kept].cpu())
        done += len(batch.tiles)
        workspace.report("projection", done, total, None)
    indices = np.concatenate([batch.tiles[: batch.kept] for batch in batches])
    makers = np.array(dataset.makers)[dataset.specimen[indices]]
    return EncodedTiles(torch.cat(features).double().numpy(), dataset.image[indices], makers)


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """Tiles that are encoded together, and how many of them, from the first on, are kept."""

    tiles: Indices
    places: npt.NDArray[np.float32] | None
    kept: int


def _in_turn(indices: Indices) -> Iterator[_Batch]:
    for start in range(0, len(indices), _AT_ONCE):
        tiles = indices[start : start + _AT_ONCE]
        yield _Batch(tiles, None, len(tiles))


def _kept(tiles: Indices, places: npt.NDArray[np.float32], rng: np.random.Generator) -> _Batch:
    """Return a window of which a few tiles are kept, at random."""
    order = rng.permutation(len(tiles))
    return _Batch(tiles[order], places[order], min(len(tiles), _TILES_PER_IMAGE))


def projection_matrix(makers: EncodedTiles, surfaces: EncodedTiles, width: int) -> torch.Tensor:
    """Return directions x features: descriptors and components unchanged, then discriminants of makers and of surfaces.

    The first `width` features are the fused embedding, then come descriptors, then components of a trunk, as many as
    there are. Images of makers are compared with
    those of the same kiln, which is the first word of a maker's name; tiles of surfaces with all others.
    """
    has_maker = makers.maker != ""
    _, first, image = np.unique(makers.image[has_maker], return_index=True, return_inverse=True)
    fused, names = _means(makers.features[has_maker, :width], image), makers.maker[has_maker][first]
    kilns = np.array([name.split()[0] for name in names])
    by_maker = linear_discriminants(fused, names, _MAKER_DIRECTIONS, shrinkage=_MAKER_SHRINKAGE, families=kilns)
    count = surfaces.features.shape[1]
    by_texture = linear_discriminants(
        surfaces.features[:, width : width + TEXTURE_DIM],
        surfaces.image,
        _SURFACE_DIRECTIONS,
        shrinkage=_SURFACE_SHRINKAGE,
    )
    by_surface = linear_discriminants(
        surfaces.features, surfaces.image, _SURFACE_DIRECTIONS, shrinkage=_SURFACE_SHRINKAGE
    )
    parts = (
        np.eye(count)[:, width:],
        _padded(by_maker @ _rotations(_MAKER_DIRECTIONS, _MAKER_COLUMNS), count, 0),
        _padded(by_texture, count, width),
        by_surface,
    )
    return torch.from_numpy(np.concatenate(parts, 1).T.astype(np.float32))


def linear_discriminants(
    features: Features,
    groups: npt.NDArray[np.generic],
    most: int,
    *,
    shrinkage: float,
    families: npt.NDArray[np.str_] | None = None,
) -> Features:
    """Return features x directions of most variance between groups over variance within, which is about one along each.

    With families, each group's mean is compared with the mean of its family.
    """
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    means = _means(features, group)
    deviations = (features - means[group])[sizes[group] > 1]
    within = deviations.T @ deviations / (len(deviations) - (sizes > 1).sum())
    if families is not None:
        first = np.unique(group, return_index=True)[1]
        family = np.unique(families[first], return_inverse=True)[1]
        means = means - _means(means, family)[family]
    within += shrinkage * np.trace(within) / len(within) * np.eye(len(within))
    directions: Features = eigh(np.cov(means.T), within)[1][:, ::-1][:, :most]
    return directions


def _means(rows: Features, group: Indices) -> Features:
    sums = np.zeros((group.max() + 1, rows.shape[1]))
    np.add.at(sums, group, rows)
    means: Features = sums / np.bincount(group)[:, None]
    return means


def _padded(directions: Features, count: int, above: int) -> Features:
    """Return directions of some features as directions of all `count`, with zeros for the others."""
    return np.pad(directions, ((above, count - above - len(directions)), (0, 0)))


def _rotations(dimensions: int, columns: int) -> Features:
    """Return the columns of random rotations, side by side."""
    rng = np.random.default_rng(_ROTATIONS)
    rotations = [np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0] for _ in range(-(-columns // dimensions))]
    side_by_side: Features = np.concatenate(rotations, 1)[:, :columns]
    return side_by_side
