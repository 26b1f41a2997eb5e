"""Findings: the model's answer on each image, before any policy makes a verdict of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.claims import Scale
from fusiondiff_audit.images.quality import Quality

_MAJORITY = 0.5  # of the trees of a forest; a tie is `counterfeit`


class Class(IntEnum):
    """The two labels; `COUNTERFEIT` comes first, so that ties are never `authentic`."""

    COUNTERFEIT = 0
    AUTHENTIC = 1


@dataclass(frozen=True, slots=True)
class Votes:
    """The number of forests that vote for each label."""

    counterfeit: int
    authentic: int

    @classmethod
    def of(cls, scores: Sequence[float]) -> "Votes":
        """Count votes, from the share of trees of each forest that say `authentic`."""
        authentic = sum(score > _MAJORITY for score in scores)
        return cls(len(scores) - authentic, authentic)

    @property
    def label(self) -> Class:
        return Class.AUTHENTIC if self.authentic > self.counterfeit else Class.COUNTERFEIT


@dataclass(frozen=True, slots=True)
class TileFinding:
    """The result for one tile, at its upper left corner in the prepared plane."""

    top: int
    left: int
    score: float
    gate: float


def _no_tiles() -> npt.NDArray[np.float32]:
    return np.zeros((0, 0), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """The result for one image; one that is not `assessable` has no tiles, or faults."""

    name: str
    digest: str
    pixel_digest: str
    side: int  # of a tile
    scale: Scale | None
    quality: Quality
    steps: tuple[str, ...]
    guessed: bool  # the end of the data bar was detected, not stated
    tiles: tuple[TileFinding, ...] = ()
    votes: Votes = Votes(0, 0)
    score: float | None = None  # mean share of trees that say `authentic`
    gate: float | None = None  # 1: local path; 0: global path
    features: npt.NDArray[np.float32] = field(default_factory=_no_tiles, repr=False)  # tiles x dimensions
    near_duplicate: bool = False  # its pixels are nearly those of an enrolled image
    unverified: bool = False  # the model's files were not verified

    @property
    def assessable(self) -> bool:
        return bool(self.tiles) and not self.quality.faults


@dataclass(frozen=True, slots=True)
class Runtime:
    """The device, threads and libraries of a run, on which the last digits depend."""

    device: str
    precision: str
    micro_batch: int
    threads: int
    libraries: tuple[tuple[str, str], ...]
