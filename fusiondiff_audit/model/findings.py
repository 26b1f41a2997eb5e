"""What a model found, picture by picture. Nothing here is a verdict: `decide` makes those."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.claims import Scale
from fusiondiff_audit.images.quality import Quality

_EVEN = 0.5  # of a forest's trees: no more than that is for counterfeit


class Class(IntEnum):
    """What a forest says; a tie is the smaller, so that no picture is called authentic by chance."""

    COUNTERFEIT = 0
    AUTHENTIC = 1


@dataclass(frozen=True, slots=True)
class Votes:
    """How many forests hold a picture for what."""

    counterfeit: int
    authentic: int

    @classmethod
    def of(cls, scores: Sequence[float]) -> "Votes":
        """Return what forests come to that hold a picture for authentic by these shares of their trees."""
        authentic = sum(score > _EVEN for score in scores)
        return cls(len(scores) - authentic, authentic)

    @property
    def label(self) -> Class:
        """Return what most forests say."""
        return Class.AUTHENTIC if self.authentic > self.counterfeit else Class.COUNTERFEIT


@dataclass(frozen=True, slots=True)
class TileFinding:
    """One square of a picture, by its upper left corner in the prepared plane."""

    top: int
    left: int
    score: float
    gate: float
    unfamiliarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What was found in one picture. One that cannot be judged has no tiles, or faults; see `assessable`."""

    name: str
    digest: str
    pixel_digest: str
    side: int  # of a tile
    scale: Scale | None
    quality: Quality
    steps: tuple[str, ...]
    guessed: bool  # where the data bar ends was told by its look
    tiles: tuple[TileFinding, ...] = ()
    votes: Votes = Votes(0, 0)
    score: float | None = None  # mean share of the trees that hold it for authentic
    gate: float | None = None  # 1: the local path is believed; 0: the global one
    unfamiliarity: float | None = None
    residual: npt.NDArray[np.float32] | None = field(default=None, repr=False)  # tiles x height x width
    unverified: bool = False  # the model's files were not vouched for

    @property
    def assessable(self) -> bool:
        """Say whether there is anything to conclude from."""
        return bool(self.tiles) and not self.quality.faults


@dataclass(frozen=True, slots=True)
class Runtime:
    """What else byte identity depends on: another of these may round the last digits otherwise."""

    device: str
    precision: str
    micro_batch: int
    threads: int
    libraries: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What a model found in some pictures, in their order."""

    model: str
    model_digest: str
    reference: str
    runtime: Runtime
    rows: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)
