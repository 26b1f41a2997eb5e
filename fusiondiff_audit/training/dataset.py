"""The training dataset: tiles of many images, synthesised or read once, in one file that is memory-mapped afterwards.

Tiles of one specimen are views of the same thing. A synthetic specimen has tiles of several fields, each in a
microscope session of its own, or at several magnifications; a file without a specimen's name is a specimen of its own.
The maker of a specimen is stored where it is known; fine-tuning and the stage `makers` alone read it.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isnan, isqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.formats.registry import SUFFIXES
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.micrograph import LooseFile, decode
from fusiondiff_audit.images.preparation import Geometry, prepare
from fusiondiff_audit.images.tiles import tile_grid
from fusiondiff_audit.inputs.labels import FileLabel
from signing.folder import list_folder

TileArray = npt.NDArray[np.uint8]  # tiles x height x width
Indices = npt.NDArray[np.int64]
Compositions = npt.NDArray[np.float32]  # images x quantities
TiledImages = Iterable["TiledImage"]
ImageProgress = Callable[[TiledImages, int], TiledImages]
LEAST_SPECIMENS = 8  # with fewer, no loss that compares specimens means anything
_PIXELS, _INDEX = "tiles.u8", "tiles.json"


@dataclass(frozen=True, slots=True)
class Tiling:
    """How images become tiles: the geometry and the grey levels of the model."""

    geometry: Geometry
    intensity: Intensity

    def tiles(self, plane: npt.NDArray[np.generic]) -> TileArray:
        """Return the tiles of a plane, at 8 bits."""
        side = self.geometry.tile
        unit = self.intensity.apply(plane)
        places = tile_grid(unit.shape[0], unit.shape[1], side, self.geometry.overlap)
        tiles = [unit[place.top : place.top + side, place.left : place.left + side] for place in places]
        return np.round(np.stack(tiles) * 255).astype(np.uint8) if tiles else np.zeros((0, side, side), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class TiledImage:
    """The tiles of one image."""

    tiles: TileArray
    specimen: str
    maker: str  # empty: unknown
    digest: str  # of the pixels at full depth
    composition: tuple[float, ...] = ()  # of a synthetic specimen, in the order of `synthetic.QUANTITIES`


@dataclass(frozen=True, eq=False)
class TileDataset:
    """Tiles with specimens and images, and the makers and compositions of these. Tiles of an image are adjacent."""

    tiles: TileArray
    specimen: Indices  # of each tile
    image: Indices  # of each tile
    makers: tuple[str, ...]  # of each specimen; empty: unknown
    digests: tuple[str, ...]  # of each image
    composition: Compositions  # without columns where it is unknown; NaN where a quantity does not apply

    @property
    def has_composition(self) -> bool:
        return self.composition.size > 0

    @property
    def has_pairs(self) -> bool:
        """Whether every specimen has two tiles, so that two views differ without augmentation."""
        return all(len(own) > 1 for own in self.tiles_by_specimen)

    @cached_property
    def tiles_by_specimen(self) -> tuple[Indices, ...]:
        order = np.argsort(self.specimen, kind="stable")
        return tuple(np.split(order, np.cumsum(np.bincount(self.specimen))[:-1]))

    def sample_pairs(self, rng: np.random.Generator, count: int) -> Indices:
        """Return two tiles of each of `count` specimens, of two images where there are two; all first ones first."""
        chosen = rng.choice(len(self.tiles_by_specimen), size=count, replace=len(self.tiles_by_specimen) < count)
        first, second = np.empty((2, count), np.int64)
        for row, number in enumerate(chosen):
            own = self.tiles_by_specimen[number]
            first[row] = rng.choice(own)
            others = own[self.image[own] != self.image[first[row]]]
            second[row] = rng.choice(others if len(others) else own)
        return np.concatenate([first, second])

    def sample_tiles(self, rng: np.random.Generator, count: int) -> Indices:
        """Return `count` tiles, each tile with equal probability."""
        return np.sort(rng.integers(0, len(self.tiles), count))

    def sample_images(self, rng: np.random.Generator, count: int) -> Indices:
        """Return a tile of each of `count` images, so that downsampled images, which have few tiles, weigh the same."""
        chosen = rng.integers(0, len(self._starts) - 1, count)
        return rng.integers(self._starts[chosen], self._starts[chosen + 1])

    def sample_makers(self, rng: np.random.Generator, count: int) -> Indices:
        """Return `count` tiles: half of specimens of known makers at full resolution, half by `sample_images`."""
        half = rng.choice(self._makers_at_full_resolution, count // 2)
        return np.concatenate([half, self.sample_images(rng, count - len(half))])

    def sample_every_image(self, rng: np.random.Generator, most: int) -> Indices:
        """Return at most `most` adjacent tiles of each image."""
        images = zip(self._starts[:-1], np.diff(self._starts), strict=True)
        return np.concatenate(
            [start + rng.integers(max(1, own - most + 1)) + np.arange(min(own, most)) for start, own in images]
        )

    def sample_windows(
        self, rng: np.random.Generator, across: int
    ) -> Iterator[tuple[Indices, npt.NDArray[np.float32]]]:
        """Yield the tiles of a window of each image, and their places; images are squares of tiles, row by row."""
        for start, count in zip(self._starts[:-1], np.diff(self._starts), strict=True):
            columns = isqrt(count)
            span = min(columns, across)
            top, left = rng.integers(columns - span + 1, size=2)
            row, column = np.mgrid[:span, :span].reshape(2, -1)
            yield start + (top + row) * columns + left + column, np.stack([row, column], 1).astype(np.float32)

    @cached_property
    def _starts(self) -> Indices:
        """Return the index of each image's first tile, and behind them the number of tiles."""
        return np.append(np.unique(self.image, return_index=True)[1], len(self.image))

    @cached_property
    def _makers_at_full_resolution(self) -> Indices:
        """Return the tiles of specimens of known makers in images with the most tiles, which are not downsampled."""
        count, has_maker = np.diff(self._starts), np.array([bool(maker) for maker in self.makers])
        return np.flatnonzero(has_maker[self.specimen] & (count[self.image] == count.max()))


def read_images(
    folder: Path, tiling: Tiling, *, labels: Mapping[str, FileLabel] | None, skipped: Callable[[str], None]
) -> tuple[Iterator[TiledImage], int]:
    """Yield the tiled images of a folder, and return the number of files; `skipped` is called with each fault."""
    names = sorted(labels or [name for name in list_folder(folder).files if name.lower().endswith(SUFFIXES)])

    def tiled_images() -> Iterator[TiledImage]:
        with Guard() as guard:
            for name in names:
                try:
                    micrograph = decode(LooseFile.read(folder / name), guard=guard)
                    prepared = prepare(micrograph, tiling.geometry)
                except (ImageError, signing.SigningError) as e:
                    skipped(f"{name}: {e}")
                    continue
                label = None if labels is None else labels[name]
                specimen = name if label is None else label.specimen
                maker = "" if label is None else ("authentic" if label.authentic else "counterfeit")
                yield TiledImage(tiling.tiles(prepared.plane), specimen, maker, micrograph.pixel_digest)

    return tiled_images(), len(names)


def write_dataset(images: TiledImages, folder: Path) -> None:
    """Write tiles as they come, and the index last: without an index the folder holds no dataset."""
    index = _Index([], [], [], {}, [])
    try:
        folder.mkdir(exist_ok=True)
        with (folder / _PIXELS).open("wb") as file:
            for image in images:
                if not len(image.tiles):
                    continue
                file.write(image.tiles.tobytes())
                index.tiles.append(len(image.tiles))
                index.specimens.append(image.specimen)
                index.digests.append(image.digest)
                index.makers[image.specimen] = image.maker
                index.composition.append([None if isnan(quantity) else quantity for quantity in image.composition])
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{folder}: {e.strerror}") from e
    if len(index.makers) < LEAST_SPECIMENS:
        message = f"{len(index.makers)} specimens with images that can be used"
        raise AuditError(AuditReason.NOT_ASSESSABLE, message, hint=f"training needs at least {LEAST_SPECIMENS}")
    signing.create(folder / _INDEX, json.dumps(asdict(index)).encode(), force=True)


def open_dataset(folder: Path, side: int) -> TileDataset | None:
    """Return the dataset in a folder, or None if it is absent or was not written whole."""
    try:
        index = _Index(**json.loads((folder / _INDEX).read_bytes()))
        raw = np.memmap(folder / _PIXELS, np.uint8, "r")
    except (OSError, ValueError, TypeError):
        return None
    count = sum(index.tiles)
    if raw.size != count * side * side:
        return None
    numbers = {specimen: number for number, specimen in enumerate(index.makers)}
    return TileDataset(
        raw.reshape(count, side, side),
        np.repeat([numbers[specimen] for specimen in index.specimens], index.tiles),
        np.repeat(np.arange(len(index.tiles)), index.tiles),
        tuple(index.makers.values()),
        tuple(index.digests),
        np.array(index.composition, np.float32),  # None becomes NaN
    )


@dataclass(frozen=True, slots=True)
class _Index:
    """The records of the images, in the order of their tiles."""

    tiles: list[int]  # how many, of each image
    specimens: list[str]  # of each image
    digests: list[str]
    makers: dict[str, str]  # of each specimen
    composition: list[list[float | None]]
