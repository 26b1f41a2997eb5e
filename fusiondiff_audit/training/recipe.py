"""How a model is made, as one TOML file says it: what it looks at, its sizes, its stages. Nothing has a default."""

import hashlib
import json
import tomllib
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path

from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.preparation import Geometry
from fusiondiff_audit.images.tiles import Aggregation
from fusiondiff_audit.kiln.recipes import KILNS
from fusiondiff_audit.model.encoder import Architecture
from fusiondiff_audit.training.diet import LEAST as LEAST_OBJECTS
from fusiondiff_audit.training.directions import COUNT, LEAST
from reports.verdict.model_names import JOINT, states_base
from signing.fields import read_json
from signing.files import read_capped
from signing.records import read_record, write_record
from signing.strict import malformed, refuse_bad_label

CERAMIC = Path(__file__).parent / "ceramic.toml"
_LARGEST = 64 * 1024  # bytes
_MOST = 10_000_000
_SPARED = ("afar", "kilns", "local")  # stages that nothing stands on


class Objective(StrEnum):
    """What embeddings are asked for, where there are no labels."""

    CONTRAST = "contrast"  # two views of one object are nearer to each other than to any other (Chen et al., 2020)
    DECORRELATE = "decorrelate"  # they agree, while no two dimensions say the same (Bardes et al., 2022)
    MAKEUP = "makeup"  # one view says what its specimen is made of; as contrast, where that was not made up


@dataclass(frozen=True, slots=True)
class Meal:
    """What is made to be looked at, if no folder is given: specimens of makers and of none, each in some fields."""

    kilns: tuple[str, ...]
    without: tuple[str, ...]  # workshops that are left out
    specimens: int  # of each maker
    strangers: int  # specimens of no maker
    studies: int  # surfaces of anything else
    fields: int
    side: int  # pixels of a field, cut into tiles
    averaged: tuple[int, ...]  # each field is seen with so many pixels a side as one

    def __post_init__(self) -> None:
        """Refuse kilns that are not there."""
        if unknown := sorted(set(self.kilns) - set(KILNS)):
            raise ValueError(f"kiln {unknown[0]!a}; known are {', '.join(KILNS)}")
        few = min(self.specimens, self.strangers, self.studies) < 0 or min(self.pieces, self.fields) < 1
        if few or not 64 <= self.side <= 4096:
            what = f"{self.specimens} specimens of {len(self.kilns)} kilns, {self.strangers + self.studies} others"
            raise ValueError(f"{what} in {self.fields} fields of {self.side} pixels")
        if not self.averaged or not all(1 <= times <= self.side // 16 for times in self.averaged):
            raise ValueError(f"fields of {self.side} pixels, averaged over {list(self.averaged)}")

    @property
    def makers(self) -> tuple[tuple[str, str | None], ...]:
        """Return the kilns, each with the workshops that copy it, and with none of them first."""
        each = (
            (kiln, (None, *(name for name in KILNS[kiln].workshops if name not in self.without))) for kiln in self.kilns
        )
        return tuple((kiln, workshop) for kiln, workshops in each for workshop in workshops)

    @property
    def pieces(self) -> int:
        """Return how many pieces are made."""
        return self.strangers + self.studies + self.specimens * len(self.makers)


@dataclass(frozen=True, slots=True)
class Compared:
    """What directions are found in, if there are any: all of it new, and made up as a diet is."""

    makers: Meal  # pictures of pieces of one maker, and of others of its kiln
    surfaces: Meal  # tiles of one picture, and of any other

    def __post_init__(self) -> None:
        """Refuse pieces that cannot be compared."""
        makers = self.makers
        if len(makers.makers) < 2 * max(1, len(makers.kilns)) or makers.specimens * makers.fields < 2:
            raise ValueError("directions need two makers or more of every kiln, and two pictures or more of each")
        if min(makers.specimens * len(makers.makers), self.surfaces.pieces) < LEAST_OBJECTS:
            raise ValueError(f"directions need {LEAST_OBJECTS} pieces or more of makers, and as many surfaces")


@dataclass(frozen=True, slots=True)
class Stage:
    """One round of training."""

    steps: int
    batch: int  # tiles; where two views of an object are looked at, pairs of them
    rate: float  # the highest learning rate: it rises at first, and falls along a cosine

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if not 0 <= self.steps <= _MOST or not 2 <= self.batch <= _MOST or not 0 < self.rate < 1:
            raise ValueError(f"{self.steps} steps of {self.batch} at a rate of {self.rate}")


@dataclass(frozen=True, slots=True)
class Stages:
    """All of them, in their order; some may have no steps, and are left out then."""

    autoencoder: Stage
    denoiser: Stage
    transformer: Stage
    texture: Stage  # of the blocks that see tiles themselves, if there are any
    afar: Stage  # of the same: pictures from afar as often as from near, and half of all in another session
    kilns: Stage  # of the same: half of all are kilns' pieces from near; averaged with what was before
    local: Stage
    paths: Stage

    def __post_init__(self) -> None:
        """Refuse stages that others stand on to be left out."""
        for stage in fields(self):
            if stage.name not in _SPARED and not getattr(self, stage.name).steps:
                raise ValueError(f"0 steps of {stage.name}; {', '.join(_SPARED)} alone can be left out")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a training depends on but its pictures and the versions of libraries."""

    name: str
    seed: int
    objective: Objective
    diet: Meal
    architecture: Architecture
    overlap: float  # of tiles
    rule: Aggregation  # how tiles become one
    intensity: Intensity
    micro_batch: int
    threads: int
    stages: Stages
    directions: Compared

    def __post_init__(self) -> None:
        """Refuse what no bundle could be made of."""
        refuse_bad_label(self.name)
        if states_base(self.name):
            raise ValueError(f"{self.name[:100]!a} holds {JOINT!r}, which says what the base is")
        if self.seed < 0 or self.diet.side < self.architecture.tile:
            raise ValueError("a seed is no less than 0, and a field no smaller than a tile")
        made = self.architecture
        if made.directions and (made.directions != COUNT or not made.surface or made.width < LEAST):
            what = f"{made.directions} directions; {COUNT} can be found, or 0"
            raise ValueError(f"{what}, where a surface is described beside {LEAST} numbers or more")
        pieces = (self.directions.makers, self.directions.surfaces)
        looked_at = min(one.side // min(one.averaged) for one in pieces)
        if made.directions and looked_at < 2 * made.tile:
            raise ValueError(f"directions in fields of {looked_at} pixels, which are no two tiles of {made.tile} wide")

    @property
    def geometry(self) -> Geometry:
        """Return how pictures are cut; they keep their own scale."""
        return Geometry(tile=self.architecture.tile, overlap=self.overlap, rule=self.rule)

    @property
    def digest(self) -> str:
        """Return a digest over every setting."""
        return hashlib.sha256(json.dumps(write_record(self), sort_keys=True).encode()).hexdigest()


def read_recipe(path: Path) -> Recipe:
    """Return a recipe; what is unknown, missing or of another type is refused."""
    data = read_capped(path, limit=_LARGEST)
    try:
        said = tomllib.loads(data.decode())
        text = json.dumps(said, allow_nan=False).encode()
    except (
        ValueError,
        TypeError,
        RecursionError,
    ) as e:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors; dates are TypeErrors
        raise malformed(str(path), f"is not a recipe: {e}") from e
    return read_record(Recipe, read_json(text, str(path), limit=_LARGEST))
