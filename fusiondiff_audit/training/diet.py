"""What is looked at in training: tiles of many pictures, made or read once, in one file that is mapped afterwards.

Tiles of one object are views of the same thing: of a made-up piece in several fields, each in a session of its own at
the microscope, or from nearer and farther; of a file in several places. Who made it is noted where it is known, and
read by `finetune` alone.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from math import isnan
from pathlib import Path

import numpy as np
import numpy.typing as npt

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images import Guard, ImageError, LooseFile, decode
from fusiondiff_audit.images.formats.registry import SUFFIXES
from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.images.preparation import Geometry, prepare
from fusiondiff_audit.images.tiles import tile_grid
from fusiondiff_audit.inputs.labels import Label
from signing.folder import list_folder

Squares = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float32]
Pictures = Iterable["Picture"]
Watch = Callable[[Pictures, int], Pictures]
_PIXELS, _NOTES = "tiles.u8", "tiles.json"
LEAST = 8  # objects: with fewer there is nothing to be told apart


@dataclass(frozen=True, slots=True)
class Cutting:
    """How pictures become tiles: as the model will cut and map them."""

    geometry: Geometry
    intensity: Intensity

    def squares(self, plane: npt.NDArray[np.generic]) -> Squares:
        """Return the tiles of a plane, at 8 bits."""
        side = self.geometry.tile
        unit = self.intensity.apply(plane)
        places = tile_grid(unit.shape[0], unit.shape[1], side, self.geometry.overlap)
        tiles = [unit[place.top : place.top + side, place.left : place.left + side] for place in places]
        return np.round(np.stack(tiles) * 255).astype(np.uint8) if tiles else np.zeros((0, side, side), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The tiles of one picture."""

    squares: Squares
    owner: str
    maker: str  # empty: nobody says
    digest: str  # of the pixels at full depth
    makeup: tuple[float, ...] = ()  # of a made-up piece, as `meal.NUMBERS` has it


@dataclass(frozen=True, eq=False)
class Diet:
    """All tiles, the object and the picture of each, and what is known of those."""

    squares: Squares
    owner: Places  # the object of each tile
    picture: Places  # of each tile
    makers: tuple[str, ...]  # of each object; empty, where nobody says
    digests: tuple[str, ...]  # of each picture
    makeup: Numbers  # pictures x numbers; none of them, where nobody knows

    @cached_property
    def members(self) -> tuple[Places, ...]:
        """Return the tiles of each object."""
        order = np.argsort(self.owner, kind="stable")
        return tuple(np.split(order, np.cumsum(np.bincount(self.owner))[:-1]))

    def pairs(self, rng: np.random.Generator, count: int) -> Places:
        """Return two tiles of each of so many objects, of two pictures where there are two: all first ones first."""
        chosen = rng.choice(len(self.members), size=count, replace=len(self.members) < count)
        first, second = np.empty((2, count), np.int64)
        for place, number in enumerate(chosen):
            own = self.members[number]
            first[place] = rng.choice(own)
            others = own[self.picture[own] != self.picture[first[place]]]
            second[place] = rng.choice(others if len(others) else own)
        return np.concatenate([first, second])

    @property
    def made_up(self) -> bool:
        """Say whether it is known what all of it is made of."""
        return self.makeup.size > 0

    @property
    def paired(self) -> bool:
        """Say whether every object has two tiles, so that views differ without being changed."""
        return all(len(own) > 1 for own in self.members)

    def some(self, rng: np.random.Generator, count: int) -> Places:
        """Return so many tiles, whosoever they are."""
        return np.sort(rng.integers(0, len(self.squares), count))

    @cached_property
    def _begins(self) -> Places:
        """Return where each picture's tiles begin, and where the last one's end; they lie picture by picture."""
        return np.append(np.unique(self.picture, return_index=True)[1], len(self.picture))

    def of_pictures(self, rng: np.random.Generator, count: int) -> Places:
        """Return a tile of each of so many pictures: one from afar, which has few, is met as often as any."""
        chosen = rng.integers(0, len(self._begins) - 1, count)
        return rng.integers(self._begins[chosen], self._begins[chosen + 1])

    def of_every_picture(self, rng: np.random.Generator, most: int) -> Places:
        """Return no more than so many tiles of each picture, which lie beside each other, as far as its rows go."""
        pictures = zip(self._begins[:-1], np.diff(self._begins), strict=True)
        return np.concatenate(
            [begin + rng.integers(max(1, own - most + 1)) + np.arange(min(own, most)) for begin, own in pictures]
        )

    @cached_property
    def _near(self) -> Places:
        """Return the tiles of pieces whose maker is known, where they are seen from near: the most to a picture."""
        count, known = np.diff(self._begins), np.array([bool(maker) for maker in self.makers])
        return np.flatnonzero(known[self.owner] & (count[self.picture] == count.max()))

    def of_makers(self, rng: np.random.Generator, count: int) -> Places:
        """Return so many tiles, half of them of pieces whose maker is known, from near, half of any picture."""
        half = rng.choice(self._near, count // 2)
        return np.concatenate([half, self.of_pictures(rng, count - len(half))])


def read(
    folder: Path, cutting: Cutting, *, labels: Mapping[str, Label] | None, lost: Callable[[str], None]
) -> tuple[Iterator[Picture], int]:
    """Yield the pictures of a folder that can be read, and say how many files there are; the others are named."""
    everything = labels or [name for name in list_folder(folder).files if name.lower().endswith(SUFFIXES)]
    names = sorted(everything)

    def found() -> Iterator[Picture]:
        with Guard() as guard:
            for name in names:
                try:
                    micrograph = decode(LooseFile.read(folder / name), guard=guard)
                    prepared = prepare(micrograph, cutting.geometry)
                except (ImageError, signing.SigningError) as e:
                    lost(f"{name}: {e}")
                    continue
                said = None if labels is None else labels[name]
                owner = name if said is None else said.specimen
                maker = "" if said is None else ("authentic" if said.authentic else "counterfeit")
                yield Picture(cutting.squares(prepared.plane), owner, maker, micrograph.pixel_digest)

    return found(), len(names)


def store(pictures: Pictures, folder: Path) -> None:
    """Write tiles as they come, and last the notes, without which nothing that was written counts."""
    notes = _Notes([], [], [], {}, [])
    try:
        folder.mkdir(exist_ok=True)
        with (folder / _PIXELS).open("wb") as file:
            for one in pictures:
                if not len(one.squares):
                    continue
                file.write(one.squares.tobytes())
                notes.tiles.append(len(one.squares))
                notes.owners.append(one.owner)
                notes.digests.append(one.digest)
                notes.makers[one.owner] = one.maker
                notes.makeup.append([None if isnan(number) else number for number in one.makeup])
            file.flush()
            os.fsync(file.fileno())
    except OSError as e:
        raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{folder}: {e.strerror}") from e
    if len(notes.makers) < LEAST:
        what = f"{len(notes.makers)} objects that can be looked at"
        raise AuditError(AuditReason.NOT_ASSESSABLE, what, hint=f"at least {LEAST} are needed to tell any apart")
    signing.create(folder / _NOTES, json.dumps(asdict(notes)).encode(), force=True)


def opened(folder: Path, side: int) -> Diet | None:
    """Return what was stored, or nothing if it is not there as it was written."""
    try:
        notes = _Notes(**json.loads((folder / _NOTES).read_bytes()))
        raw = np.memmap(folder / _PIXELS, np.uint8, "r")
    except (OSError, ValueError, TypeError):
        return None
    count = sum(notes.tiles)
    if raw.size != count * side * side:
        return None
    names = {owner: number for number, owner in enumerate(notes.makers)}
    return Diet(
        raw.reshape(count, side, side),
        np.repeat([names[name] for name in notes.owners], notes.tiles),
        np.repeat(np.arange(len(notes.tiles)), notes.tiles),
        tuple(notes.makers.values()),
        tuple(notes.digests),
        np.array(notes.makeup, np.float32),  # a number that is not there becomes NaN
    )


@dataclass(frozen=True, slots=True)
class _Notes:
    """What is known of the pictures, in the order of their tiles."""

    tiles: list[int]  # how many, of each picture
    owners: list[str]  # of each picture
    digests: list[str]
    makers: dict[str, str]  # of each owner
    makeup: list[list[float | None]]
