"""Windows of tiles for a training step: fields at random, turned, some downsampled, some with tiles left out.

What a field shows turns with it: directions are stored as cosine and sine of twice the angle, of which a quarter turn
changes both signs, and a mirror image the sign of the sine.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fusiondiff_audit.images.intensity import Intensity
from fusiondiff_audit.kiln.object_maps import OBJECT_CELL, OBJECTS, PHASE_CELL
from fusiondiff_audit.training.field_dataset import FieldDataset

Tensor = torch.Tensor
Floats = npt.NDArray[np.float32]
_DOWNSAMPLED = 0.25  # share of the fields that are downsampled, to the second of the factors
_INCOMPLETE = 0.25  # share of the windows from which tiles are left out, as those without structure are
_LEAST_TILES = 4
_COSINES, _SINES = ([OBJECTS.index(f"{name} {part}") for name in ("pore", "needle")] for part in ("cosine", "sine"))


@dataclass(frozen=True, slots=True, eq=False)
class TrainingWindow:
    """One window; NaN where something is not known."""

    tiles: Tensor  # tiles x 1 x side x side, from 0 to 1
    places: Tensor  # tiles x 2, in tiles
    phases: Tensor  # tiles x phases x rows x columns
    objects: Tensor  # tiles x objects x rows x columns
    composition: Tensor
    arrangement: Tensor


class WindowSampler:
    """Draws windows from fields; composition and arrangement are standardised, object densities scaled."""

    def __init__(self, fields: FieldDataset, intensity: Intensity, tile: int) -> None:
        self._fields, self._intensity, self._tile = fields, intensity, tile
        self._compositions = _standardised(fields.compositions, fields.compositions[:, 0])
        self._arrangement = _standardised(fields.arrangement, fields.arrangement)
        self._object_scale = _object_scale(fields)

    @property
    def targets(self) -> tuple[int, int]:
        """The numbers of quantities of composition and of arrangement."""
        return self._compositions.shape[2], self._arrangement.shape[1]

    def sample(self, rng: np.random.Generator, count: int) -> list[TrainingWindow]:
        """Return windows of `count` fields, each as likely as any other."""
        return [self.window(int(number), rng) for number in rng.integers(0, len(self._fields), count)]

    def window(self, number: int, rng: np.random.Generator) -> TrainingWindow:
        """Return one field as a window, changed at random."""
        fields, tile = self._fields, self._tile
        is_downsampled = rng.random() < _DOWNSAMPLED
        greys = fields.greys[number].astype(np.float32)
        phases = fields.phases[number].astype(np.float32) / 255
        objects = fields.objects[number].astype(np.float32) / self._object_scale[:, None, None]
        arrangement = self._arrangement[number]
        if is_downsampled:
            half = fields.side // 2
            greys = greys.reshape(half, 2, half, 2).mean((1, 3))
        if is_downsampled or np.isnan(objects).any():  # maps of the field's own scale, or of no ceramic
            phases, objects = np.full_like(phases, np.nan), np.full_like(objects, np.nan)
            arrangement = np.full_like(arrangement, np.nan)
        unit = self._intensity.apply(greys).astype(np.float32)
        turns, is_mirrored = int(rng.integers(4)), bool(rng.random() < 0.5)
        unit, phases = (_turned(plane, turns, mirrored=is_mirrored) for plane in (unit[None], phases))
        objects = turned_objects(objects, turns, mirrored=is_mirrored)
        across = unit.shape[1] // tile
        kept = np.arange(across**2)
        if len(kept) > _LEAST_TILES and rng.random() < _INCOMPLETE:
            kept = np.sort(rng.permutation(kept)[: rng.integers(_LEAST_TILES, len(kept))])
        places = np.stack(np.divmod(kept, across), 1).astype(np.float32)
        (phases, phase_side), (objects, object_side) = self._maps(phases, objects, across)
        return TrainingWindow(
            torch.from_numpy(_tiles(unit, tile, across)[kept]),
            torch.from_numpy(places),
            torch.from_numpy(_tiles(phases, phase_side, across)[kept]),
            torch.from_numpy(_tiles(objects, object_side, across)[kept]),
            torch.from_numpy(self._compositions[number, int(is_downsampled)]),
            torch.from_numpy(arrangement),
        )

    def _maps(self, phases: Floats, objects: Floats, across: int) -> list[tuple[Floats, int]]:
        """Return both maps, each with the number of its cells along a tile."""
        sides = (self._tile // PHASE_CELL, self._tile // OBJECT_CELL)
        return [
            (plane[:, : across * side, : across * side], side)
            for plane, side in zip((phases, objects), sides, strict=True)
        ]


def turned_objects(objects: Floats, turns: int, *, mirrored: bool) -> Floats:
    """Return object maps after quarter turns, and after them a mirror image, directions included."""
    turned = _turned(objects, turns, mirrored=mirrored)
    if turns % 2:
        turned[_COSINES + _SINES] *= -1
    if mirrored:
        turned[_SINES] *= -1
    return turned


def _turned(planes: Floats, turns: int, *, mirrored: bool) -> Floats:
    turned = np.rot90(planes, turns, (1, 2))
    result: Floats = np.ascontiguousarray(turned[:, :, ::-1] if mirrored else turned)
    return result


def _tiles(planes: Floats, side: int, across: int) -> Floats:
    """Return squares of planes, row by row: tiles x planes x side x side."""
    squares = planes.reshape(len(planes), across, side, across, side).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(squares.reshape(across**2, len(planes), side, side))


def _standardised(values: Floats, known: Floats) -> Floats:
    """Return values in deviations of what is known, along the last axis."""
    count = np.maximum((~np.isnan(known)).sum(0), 1)
    mean = np.nansum(known, 0) / count
    deviation = np.sqrt(np.nansum((known - mean) ** 2, 0) / count + 1e-4)
    standardised: Floats = ((values - mean) / deviation).astype(np.float32)
    return standardised


def _object_scale(fields: FieldDataset) -> Floats:
    """Return the deviation of each object's density; cosine and sine of a direction have one together."""
    sample = np.asarray(fields.objects[:: max(1, len(fields) // 500)], np.float32)
    squares = np.nanmean(sample**2, (0, 2, 3)) - np.nanmean(sample, (0, 2, 3)) ** 2
    scale: Floats = np.sqrt(np.nan_to_num(squares, nan=1.0) + 1e-6).astype(np.float32)
    for cosine, sine in zip(_COSINES, _SINES, strict=True):
        scale[[cosine, sine]] = (scale[cosine] + scale[sine]) / 2
    return scale
