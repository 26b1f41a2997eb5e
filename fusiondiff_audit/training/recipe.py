"""A recipe: all settings of a pretraining, as one TOML file states them. No setting has a default."""

import hashlib
import json
import tomllib
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path

from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.preparation import Geometry
from fusiondiff_audit.images.tiles import Aggregation
from fusiondiff_audit.kiln.object_maps import OBJECT_CELL
from fusiondiff_audit.kiln.recipes import KILNS
from fusiondiff_audit.model.encoder import Architecture
from fusiondiff_audit.training.dataset import LEAST_SPECIMENS
from fusiondiff_audit.training.projection import LEAST_EMBEDDING_DIM, PROJECTION_DIM
from reports.verdict.model_names import JOINT, states_base
from signing.fields import read_json
from signing.files import read_capped
from signing.records import OPTIONAL_FIELD, read_record, write_record
from signing.strict import is_sha256, malformed, refuse_bad_label

CERAMIC = Path(__file__).parent / "ceramic.toml"
_LARGEST = 64 * 1024  # bytes
_MOST = 10_000_000
_OPTIONAL = ("multiscale", "makers", "local")  # stages that no other stage needs
_STARTED = ("texture",)  # that a bundle to start from has behind it


class Objective(StrEnum):
    """What embeddings are trained for, without labels."""

    CONTRAST = "contrast"  # two views of one specimen are nearer to each other than to any other (Chen et al., 2020)
    COMPOSITION = "composition"  # a view tells its specimen's composition; contrast where the composition is unknown


@dataclass(frozen=True, slots=True)
class SyntheticData:
    """The synthetic images of a dataset: specimens of makers and of none, each in some fields of view."""

    kilns: tuple[str, ...]
    held_out: tuple[str, ...]  # workshops that are left out
    specimens: int  # of each maker
    randomised: int  # specimens whose ingredients are drawn independently of each other
    textures: int  # surfaces that are no ceramic
    fields: int
    side: int  # pixels of a field, cut into tiles
    downsampling: tuple[int, ...]  # factors: each field is seen once at each

    def __post_init__(self) -> None:
        """Refuse unknown kilns and counts that give no images."""
        if unknown := sorted(set(self.kilns) - set(KILNS)):
            raise ValueError(f"kiln {unknown[0]!a}; known are {', '.join(KILNS)}")
        few = min(self.specimens, self.randomised, self.textures) < 0 or min(self.count, self.fields) < 1
        if few or not 64 <= self.side <= 4096:
            counts = f"{self.specimens} specimens of {len(self.kilns)} kilns, {self.randomised + self.textures} others"
            raise ValueError(f"{counts} in {self.fields} fields of {self.side} pixels")
        if not self.downsampling or not all(1 <= factor <= self.side // 16 for factor in self.downsampling):
            raise ValueError(f"fields of {self.side} pixels, downsampled by {list(self.downsampling)}")

    @property
    def makers(self) -> tuple[tuple[str, str | None], ...]:
        """Each kiln with None, which stands for its own ware, and with the workshops that copy it."""
        makers = ((kiln, workshop) for kiln in self.kilns for workshop in (None, *KILNS[kiln].workshops))
        return tuple((kiln, workshop) for kiln, workshop in makers if workshop not in self.held_out)

    @property
    def count(self) -> int:
        """The number of specimens."""
        return self.randomised + self.textures + self.specimens * len(self.makers)


@dataclass(frozen=True, slots=True)
class ProjectionData:
    """The data that the projection is fitted to, none of which the encoder was trained on."""

    makers: SyntheticData  # images of one maker are compared with those of others of its kiln
    surfaces: SyntheticData  # tiles of one image are compared with those of any other

    def __post_init__(self) -> None:
        """Refuse data without groups to compare."""
        makers = self.makers
        if len(makers.makers) < 2 * max(1, len(makers.kilns)) or makers.specimens * makers.fields < 2:
            raise ValueError("a projection needs two makers or more of every kiln, and two images or more of each")
        if min(makers.specimens * len(makers.makers), self.surfaces.count) < LEAST_SPECIMENS:
            raise ValueError(f"a projection needs {LEAST_SPECIMENS} specimens or more of makers, and as many surfaces")


@dataclass(frozen=True, slots=True)
class Stage:
    """The length, batch size and learning rate of a stage of training."""

    steps: int
    batch: int  # tiles; pairs of tiles for an objective that compares two views
    rate: float  # the peak of the learning rate, which warms up and falls along a cosine

    def __post_init__(self) -> None:
        """Refuse numbers out of range."""
        if not 0 <= self.steps <= _MOST or not 2 <= self.batch <= _MOST or not 0 < self.rate < 1:
            raise ValueError(f"{self.steps} steps of {self.batch} at a rate of {self.rate}")


@dataclass(frozen=True, slots=True)
class Stages:
    """All stages in their order; a stage of no steps is left out."""

    autoencoder: Stage
    denoiser: Stage
    transformer: Stage
    texture: Stage  # of the local path's pixel CNN
    multiscale: Stage  # of the same CNN: every downsampling factor equally often, every second tile augmented
    makers: Stage  # of the same CNN: half of the tiles are of makers; weights are averaged with those of the last stage
    local: Stage
    paths: Stage
    # Of the pixel CNN and the global path, over windows of tiles; it takes the place of `transformer`.
    windows: Stage | None = field(default=None, metadata=OPTIONAL_FIELD)

    def __post_init__(self) -> None:
        """Refuse a stage over windows without steps."""
        if self.windows is not None and not self.windows.steps:
            raise ValueError("0 steps of windows; leave the stage out")

    def refuse_missing(self, *, started: bool) -> None:
        """Refuse to leave out a stage that later ones need; `started`: from the pixel CNN of a bundle."""
        optional = _OPTIONAL + (_STARTED if started else ()) + (("transformer",) if self.windows else ())
        for stage in fields(self):
            if stage.name not in (*optional, "windows") and not getattr(self, stage.name).steps:
                raise ValueError(f"0 steps of {stage.name}; {', '.join(optional)} alone can be left out")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a training depends on, but for a folder's images and the versions of libraries."""

    name: str
    seed: int
    objective: Objective
    dataset: SyntheticData
    architecture: Architecture
    overlap: float  # of tiles
    rule: Aggregation  # how scores of tiles are combined
    intensity: Intensity
    micro_batch: int
    threads: int
    stages: Stages
    projection: ProjectionData
    fields: SyntheticData | None = field(default=None, metadata=OPTIONAL_FIELD)  # of the stages over windows
    start: str | None = field(
        default=None, metadata=OPTIONAL_FIELD
    )  # digest of the bundle whose local path is continued

    def __post_init__(self) -> None:
        """Refuse settings that no bundle can have."""
        refuse_bad_label(self.name)
        if states_base(self.name):
            raise ValueError(f"{self.name[:100]!a} holds {JOINT!r}, which says what the base is")
        if self.seed < 0 or self.dataset.side < self.architecture.tile:
            raise ValueError("a seed is no less than 0, and a field no smaller than a tile")
        architecture = self.architecture
        self.stages.refuse_missing(started=self.start is not None)
        if self.start is not None and not is_sha256(self.start):
            raise ValueError(f"{self.start[:100]!a} is no digest of a bundle")
        over_windows = (architecture.window is not None, self.stages.windows is not None, self.fields is not None)
        if len(set(over_windows)) > 1:
            raise ValueError("a global path over windows, a stage `windows` and `fields` go together")
        self._refuse_fields()
        if not architecture.directions:
            return
        narrow = architecture.width < LEAST_EMBEDDING_DIM
        dimensions = PROJECTION_DIM + architecture.components
        if narrow or not architecture.surface or architecture.directions != dimensions:
            message = f"{architecture.directions} directions; a projection has {dimensions}, or 0 for none"
            raise ValueError(f"{message}, and needs texture descriptors and a width of {LEAST_EMBEDDING_DIM} or more")
        side = min(data.side // min(data.downsampling) for data in (self.projection.makers, self.projection.surfaces))
        if side < 2 * architecture.tile:
            raise ValueError(f"a projection in fields of {side} pixels, less than two tiles of {architecture.tile}")

    def _refuse_fields(self) -> None:
        """Refuse fields that are no single window."""
        window, data, tile = self.architecture.window, self.fields, self.architecture.tile
        if window is None or data is None:
            return
        if data.downsampling != (1,) or data.side % (2 * tile) or data.side > window.across * tile:
            sides = f"an even number of tiles of {tile} pixels, at most {window.across}"
            raise ValueError(f"fields of {data.side} pixels, downsampled by {list(data.downsampling)}; 1 and {sides}")
        if (cell := self.architecture.convolutions.cell) != OBJECT_CELL:
            raise ValueError(
                f"a pixel CNN with cells of {cell} pixels; what fields show is told by cells of {OBJECT_CELL}"
            )

    @property
    def geometry(self) -> Geometry:
        """The preparation of images: tiles at the image's own scale."""
        return Geometry(tile=self.architecture.tile, overlap=self.overlap, rule=self.rule)

    @property
    def digest(self) -> str:
        """The SHA-256 over all settings."""
        return hashlib.sha256(json.dumps(write_record(self), sort_keys=True).encode()).hexdigest()


def read_recipe(path: Path) -> Recipe:
    """Return a recipe; unknown and missing keys, and values of another type, are refused."""
    data = read_capped(path, limit=_LARGEST)
    try:
        text = json.dumps(tomllib.loads(data.decode()), allow_nan=False).encode()
    # UnicodeDecodeError and TOMLDecodeError are ValueErrors; dates raise TypeErrors.
    except (ValueError, TypeError, RecursionError) as e:
        raise malformed(str(path), f"is not a recipe: {e}") from e
    return read_record(Recipe, read_json(text, str(path), limit=_LARGEST))
