"""Explanations of a score: nearest enrolled specimens, occlusion, and maps of score, gate and residual.

An explanation has no influence on a verdict and proves nothing; each map is labelled with what it shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.tiles import Tile
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import forest_scores, pairwise_distances
from fusiondiff_audit.model.findings import Class, Finding

FloatPlane = npt.NDArray[np.float32]
_REGIONS = 4  # a side of a tile; each is hidden in turn
_NEAREST = 3  # specimens


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An enrolled specimen, and the mean distance of an image's tiles to its nearest ones."""

    specimen: str
    authentic: bool
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Maps of a finding on the prepared plane; NaN where no tile lies."""

    finding: Finding
    plane: FloatPlane  # from 0 to 1, as the model sees it
    occlusion: FloatPlane  # decrease of the score when the region is hidden: above 0 speaks for AUTHENTIC
    score: FloatPlane  # of the tiles
    gate: FloatPlane
    residual: FloatPlane | None  # the denoiser's error, if the bundle computes it
    nearest: tuple[Neighbour, ...]
    demonstration: bool  # of the model


def explain_finding(model: DiffusionModel, sample: Micrograph) -> Explanation:
    """Explain an image; each region of each tile is hidden once."""
    (image,) = model.embed([sample])
    (finding,) = model.judge([sample])
    unit = model.settings.intensity.apply(image.prepared.plane)
    side, tiles = model.settings.architecture.tile, image.prepared.tiles
    occlusion, score, gate, residual = (_Mean(unit.shape) for _ in range(4))
    for number, (tile, result) in enumerate(zip(tiles, finding.tiles, strict=True)):
        greys = unit[tile.top : tile.top + side, tile.left : tile.left + side]
        occlusion.add(tile, _occlusion(model, greys, image.broad[number], result.score))
        score.add(tile, np.full((side, side), result.score, np.float32))
        gate.add(tile, np.full((side, side), result.gate, np.float32))
        if image.residual is not None:
            cell = side // image.residual.shape[-1]
            residual.add(tile, np.kron(image.residual[number], np.ones((cell, cell), np.float32)))
    return Explanation(
        finding,
        unit,
        occlusion.mean(),
        score.mean(),
        gate.mean(),
        residual.mean() if image.residual is not None else None,
        tuple(nearest_specimens(model, image.embeddings)),
        model.settings.demonstration,
    )


def nearest_specimens(model: DiffusionModel, rows: npt.NDArray[np.float32]) -> Iterator[Neighbour]:
    """Yield the enrolled specimens with the least mean distance, the nearest first."""
    enrolled = model.head.enrolled
    if not len(rows):
        return
    distances = pairwise_distances(rows, enrolled.embeddings)
    labels = {example.specimen: example.authentic for example in enrolled.examples}
    means = {name: float(distances[:, enrolled.tile_specimens == name].min(1).mean()) for name in labels}
    for name in sorted(means, key=means.__getitem__)[:_NEAREST]:
        yield Neighbour(name, labels[name], means[name])


def _occlusion(model: DiffusionModel, greys: FloatPlane, broad: FloatPlane, score: float) -> FloatPlane:
    """Return the decrease of a tile's score by hidden region, weighted by the masks.

    Where the global path sees windows of tiles, what it says of the tile stays: a region is hidden from the local path.
    """
    masks = _masks(len(greys))
    hidden = greys[None] * (1 - masks) + greys.mean() * masks
    sees_windows = model.settings.architecture.window is not None
    rows = model.embed_tiles(
        torch.from_numpy(hidden[:, None]), broad[None].repeat(len(hidden), 0) if sees_windows else None
    )
    decrease = score - forest_scores(model.head.forests, rows).mean(0)
    occlusion: FloatPlane = ((decrease[:, None, None] * masks).sum(0) / masks.sum(0)).astype(np.float32)
    return occlusion


def _masks(side: int) -> FloatPlane:
    """Return a smooth mask for each region of a square, of 1 where it is hidden."""
    centres = (np.arange(_REGIONS) + 0.5) * side / _REGIONS
    width = side / _REGIONS / 2
    bumps = np.exp(-0.5 * ((np.arange(side) - centres[:, None] + 0.5) / width) ** 4).astype(np.float32)
    windows: FloatPlane = bumps[:, None, :, None] * bumps[None, :, None, :]
    return windows.reshape(-1, side, side)


class _Mean:
    """The mean of maps of overlapping tiles."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sum, self._count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def add(self, tile: Tile, values: FloatPlane) -> None:
        place = (slice(tile.top, tile.top + len(values)), slice(tile.left, tile.left + values.shape[1]))
        self._sum[place] += values
        self._count[place] += 1

    def mean(self) -> FloatPlane:
        with np.errstate(invalid="ignore"):
            mean: FloatPlane = self._sum / self._count
        return mean


def describe_finding(finding: Finding) -> str:
    """Return a finding's label and score, in words."""
    if finding.score is None:
        return "cannot be judged"
    return f"{'authentic' if finding.votes.label is Class.AUTHENTIC else 'counterfeit'}, score {finding.score:.3f}"
