"""Specimens: the unit of evidence. All tiles of all images of a specimen are pooled to one vector.

A design says how many images, and how many tiles of each, a specimen is pooled from. Pooled vectors scatter less the
more tiles they are made of, so an audited specimen is compared with enrolled ones that are pooled at its own design.

    >>> Design.of([16, 4]).within(Design.of([12, 12, 12]))
    Design(tiles=(12, 4))
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reports.arithmetic import Rank

TileFeatures = npt.NDArray[np.float32]  # tiles x dimensions, before the projection on to linear discriminants
Vectors = npt.NDArray[np.float64]
Choice = tuple[npt.NDArray[np.intp], ...]  # of each chosen image the chosen tiles


@dataclass(frozen=True, slots=True)
class Design:
    """The numbers of tiles of a specimen's images, largest first."""

    tiles: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse a specimen without images, or with an image that has no tile."""
        if not self.tiles or min(self.tiles) < 1 or list(self.tiles) != sorted(self.tiles, reverse=True):
            raise ValueError(f"a design of {self.tiles[:20]} tiles")

    @classmethod
    def of(cls, counts: Iterable[int]) -> "Design":
        return cls(tuple(sorted(counts, reverse=True)))

    def within(self, other: "Design") -> "Design":
        """Return this design without the images and tiles that `other` does not have."""
        return Design(tuple(min(pair) for pair in zip(self.tiles, other.tiles, strict=False)))

    def covers(self, other: "Design") -> bool:
        """Say whether this design has every image and tile of `other`."""
        return other.within(self) == other

    @classmethod
    def usual(cls, designs: Sequence["Design"]) -> "Design":
        """Return the images, and the tiles of each, that three of four designs have; largest images are compared first.

        >>> Design.usual([Design((16, 16)), Design((16, 12)), Design((9, 9)), Design((16,))])
        Design(tiles=(16, 9))
        """
        enough = -(-len(designs) * 3 // 4)
        usual: list[int] = []
        while (
            len(of_place := [design.tiles[len(usual)] for design in designs if len(design.tiles) > len(usual)])
            >= enough
        ):
            usual.append(sorted(of_place, reverse=True)[enough - 1])
        return cls(tuple(usual))


@dataclass(frozen=True, slots=True)
class SpecimenRanks:
    """A specimen's ranks among the enrolled specimens of each class, at the design at which all were pooled."""

    counterfeit: Rank
    authentic: Rank
    spread: Rank | None  # of how far its images lie apart, among enrolled specimens with several; None: it has one
    score: float  # nonconformity as authentic, negative: what likelihood ratios are computed from
    design: Design
    reduced: bool  # the specimen has images or tiles that few enrolled ones have, which were left out
    conservative: bool  # an enrolled specimen has fewer images or tiles, so that p is too large rather than too small
    weakest: Rank | None = None  # least as authentic of all groups of its images; None: all images were compared


@dataclass(frozen=True, slots=True, eq=False)
class TiledSpecimen:
    """A specimen with the features of the tiles of each of its images."""

    name: str
    maker: str
    authentic: bool
    images: tuple[TileFeatures, ...]

    @property
    def design(self) -> Design:
        return Design.of(map(len, self.images))

    def draw(self, design: Design, seed: bytes) -> Choice:
        """Return the tiles that stand for this specimen at a design, drawn by its name and the seed.

        An image or tile that the specimen does not have is left out. Drawing images first and the fullest of those
        first keeps the choice a function of names and counts, never of features.
        """
        digest = hashlib.sha256(seed + self.name.encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest))
        images = rng.permutation(len(self.images))[: len(design.tiles)]
        fullest = sorted(images.tolist(), key=lambda image: -len(self.images[image]))
        chosen: list[npt.NDArray[np.intp]] = [np.zeros(0, np.intp)] * len(self.images)
        for image, count in zip(fullest, design.tiles, strict=False):
            chosen[image] = np.sort(rng.permutation(len(self.images[image]))[:count])
        return tuple(chosen)


def groups(images: int, size: int, name: str, seed: bytes) -> list[list[int]]:
    """Return groups of so many images, drawn by a specimen's name and a seed, in which each image is once at least.

    >>> sorted({image for group in groups(7, 3, "sherd", b"seed") for image in group})
    [0, 1, 2, 3, 4, 5, 6]
    """
    digest = hashlib.sha256(seed + b"groups" + name.encode()).digest()
    order = np.random.default_rng(int.from_bytes(digest)).permutation(images).tolist()
    whole = order + order[: -len(order) % size]
    return [sorted(whole[start : start + size]) for start in range(0, len(whole), size)]


def pool(images: Sequence[TileFeatures], choice: Choice) -> Vectors:
    """Return the mean of the chosen tiles, and their deviation from it; of a single tile the latter is 0."""
    tiles = np.concatenate([image[places] for image, places in zip(images, choice, strict=True)]).astype(np.float64)
    deviation = tiles.std(0, ddof=1) if len(tiles) > 1 else np.zeros(tiles.shape[1])
    return np.concatenate([tiles.mean(0), deviation])


def whole(images: Sequence[TileFeatures]) -> Choice:
    """Return the choice of every tile."""
    return tuple(np.arange(len(image)) for image in images)


def pool_whole(specimens: Iterable[TiledSpecimen]) -> Vectors:
    """Return the pooled vectors of specimens with all their tiles."""
    return np.array([pool(specimen.images, whole(specimen.images)) for specimen in specimens])
