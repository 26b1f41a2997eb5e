"""Why a picture got its score: what it is like, what each region speaks for, and where the model finds it odd.

Nothing here moves a verdict, and none of it is proof: each map is labelled as what it is.
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
_REGIONS = 4  # regions a side of a tile, each hidden in its turn
_NEAREST = 3  # specimens that are named


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An enrolled specimen: how far a picture's tiles are from its nearest ones, in the mean."""

    specimen: str
    authentic: bool
    distance: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What can be said of one finding. Maps lie on the prepared plane; a pixel that no tile covers is no number."""

    finding: Finding
    plane: FloatPlane  # from 0 to 1, as the model sees it
    occlusion: FloatPlane  # how far the score falls when the region is hidden: above 0 speaks for AUTHENTIC
    score: FloatPlane  # of the tiles
    gate: FloatPlane
    residual: FloatPlane | None  # the denoiser's error, if the bundle computes it
    nearest: tuple[Neighbour, ...]
    demonstration: bool  # of the model that was asked


def explain_finding(model: DiffusionModel, sample: Micrograph) -> Explanation:
    """Look at a picture again and again, each time with one region of each tile hidden."""
    (picture,) = model.embed([sample])
    (finding,) = model.judge([sample])
    unit = model.settings.intensity.apply(picture.prepared.plane)
    side, tiles = model.settings.architecture.tile, picture.prepared.tiles
    shape = unit.shape
    maps = {name: _Sum(shape) for name in ("occlusion", "score", "gate", "residual")}
    for number, (tile, found) in enumerate(zip(tiles, finding.tiles, strict=True)):
        piece = unit[tile.top : tile.top + side, tile.left : tile.left + side]
        maps["occlusion"].add(tile, _occlusion(model, piece, found.score))
        for name, value in (("score", found.score), ("gate", found.gate)):
            maps[name].add(tile, np.full((side, side), value, np.float32))
        if picture.residual is not None:
            grown = side // picture.residual.shape[-1]
            maps["residual"].add(tile, np.kron(picture.residual[number], np.ones((grown, grown), np.float32)))
    return Explanation(
        finding,
        unit,
        maps["occlusion"].mean(),
        maps["score"].mean(),
        maps["gate"].mean(),
        maps["residual"].mean() if picture.residual is not None else None,
        tuple(nearest_specimens(model, picture.embeddings)),
        model.settings.demonstration,
    )


def nearest_specimens(model: DiffusionModel, rows: npt.NDArray[np.float32]) -> Iterator[Neighbour]:
    """Yield the enrolled specimens that are nearest in the embedding, the nearest first."""
    known = model.head.enrolled.training
    if not len(rows):
        return
    distances = pairwise_distances(rows, known.embeddings)
    kinds = {example.specimen: example.authentic for example in known.examples}
    means = {name: float(distances[:, known.specimens == name].min(1).mean()) for name in kinds}
    for name in sorted(means, key=means.__getitem__)[:_NEAREST]:
        yield Neighbour(name, kinds[name], means[name])


def _occlusion(model: DiffusionModel, piece: FloatPlane, score: float) -> FloatPlane:
    """Return how far a tile's score falls for each region that is hidden, weighted by how well it was."""
    masks = _masks(len(piece))
    grey = piece.mean()
    hidden = piece[None] * (1 - masks) + grey * masks
    rows = model.embed_tiles(torch.from_numpy(hidden[:, None]))
    fallen = score - forest_scores(model.head.forests, rows).mean(0)
    found: FloatPlane = ((fallen[:, None, None] * masks).sum(0) / masks.sum(0)).astype(np.float32)
    return found


def _masks(side: int) -> FloatPlane:
    """Return soft windows over a square, one for each region, of 1 where it is hidden."""
    centres = (np.arange(_REGIONS) + 0.5) * side / _REGIONS
    width = side / _REGIONS / 2
    bumps = np.exp(-0.5 * ((np.arange(side) - centres[:, None] + 0.5) / width) ** 4).astype(np.float32)
    windows: FloatPlane = bumps[:, None, :, None] * bumps[None, :, None, :]
    return windows.reshape(-1, side, side)


class _Sum:
    """The mean of what overlapping tiles say."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sum, self._count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def add(self, tile: Tile, values: FloatPlane) -> None:
        place = (slice(tile.top, tile.top + len(values)), slice(tile.left, tile.left + values.shape[1]))
        self._sum[place] += values
        self._count[place] += 1

    def mean(self) -> FloatPlane:
        with np.errstate(invalid="ignore"):
            found: FloatPlane = self._sum / self._count
        return found


def describe_finding(finding: Finding) -> str:
    """Return a finding's label and score, in words."""
    if finding.score is None:
        return "cannot be judged"
    return f"{'authentic' if finding.votes.label is Class.AUTHENTIC else 'counterfeit'}, score {finding.score:.3f}"
