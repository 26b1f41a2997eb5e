"""The dataset of whole fields: synthetic images with what they show, in files that are memory-mapped afterwards.

Of each field there are its greys, the shares of phases, the densities of objects, its arrangement, and the composition
of its specimen at each downsampling factor. Textures that are no ceramic have greys and parameters alone.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import signing
from fusiondiff_audit.kiln.object_maps import OBJECT_CELL, OBJECTS, PHASE_CELL, PHASES

FieldArray = npt.NDArray[Any]
FACTORS = (1, 2)  # by which a field can be downsampled
_INDEX = "fields.json"


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of view; without maps it is a texture."""

    greys: npt.NDArray[np.uint8]
    phases: npt.NDArray[np.float32] | None  # from 0 to 1
    objects: npt.NDArray[np.float32] | None
    arrangement: tuple[float, ...]
    compositions: tuple[tuple[float, ...], ...]  # at each of FACTORS
    specimen: str
    digest: str  # of the pixels


@dataclass(frozen=True, slots=True, eq=False)
class FieldDataset:
    """Fields by their number; NaN where a field does not tell a quantity."""

    greys: FieldArray  # fields x side x side, 8 bits
    phases: FieldArray  # fields x phases x rows x columns, 8 bits
    objects: FieldArray  # fields x objects x rows x columns, half precision; NaN: a texture
    arrangement: npt.NDArray[np.float32]  # fields x numbers
    compositions: npt.NDArray[np.float32]  # fields x factors x quantities
    digests: tuple[str, ...]

    @property
    def side(self) -> int:
        return int(self.greys.shape[1])

    def __len__(self) -> int:
        return len(self.greys)


@dataclass(frozen=True, slots=True)
class _Index:
    digests: list[str]
    arrangement: list[list[float | None]]
    compositions: list[list[list[float | None]]]


def _arrays(side: int) -> Mapping[str, tuple[type[np.generic], tuple[int, ...]]]:
    """Return type and shape of each array of a field, by the name of its file."""
    phases, objects = side // PHASE_CELL, side // OBJECT_CELL
    return {
        "greys.u8": (np.uint8, (side, side)),
        "phases.u8": (np.uint8, (len(PHASES), phases, phases)),
        "objects.f16": (np.float16, (len(OBJECTS), objects, objects)),
    }


def write_fields(fields: Iterable[Field], folder: Path, side: int) -> None:
    """Write fields as they come, and the index last: without an index the folder holds no dataset."""
    index, arrays = _Index([], [], []), _arrays(side)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            files = {name: stack.enter_context((folder / name).open("wb")) for name in arrays}
            for field in fields:
                for (name, (kind, shape)), values in zip(arrays.items(), _values(field), strict=True):
                    files[name].write(np.broadcast_to(values, shape).astype(kind).tobytes())
                index.digests.append(field.digest)
                index.arrangement.append(_known(field.arrangement))
                index.compositions.append(list(map(_known, field.compositions)))
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
    except OSError as e:
        raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{folder}: {e.strerror}") from e
    signing.create(folder / _INDEX, json.dumps(asdict(index)).encode(), force=True)


def open_fields(folder: Path, side: int) -> FieldDataset | None:
    """Return the dataset in a folder, or None if it is absent or was not written whole."""
    try:
        index = _Index(**json.loads((folder / _INDEX).read_bytes()))
        raw = {name: np.memmap(folder / name, kind, "r") for name, (kind, _) in _arrays(side).items()}
    except (OSError, ValueError, TypeError):
        return None
    shapes = {name: (len(index.digests), *shape) for name, (_, shape) in _arrays(side).items()}
    if any(raw[name].size != np.prod(shape) for name, shape in shapes.items()):
        return None
    greys, phases, objects = (raw[name].reshape(shape) for name, shape in shapes.items())
    return FieldDataset(
        greys,
        phases,
        objects,
        np.array(index.arrangement, np.float32),  # None becomes NaN
        np.array(index.compositions, np.float32),
        tuple(index.digests),
    )


def _values(field: Field) -> tuple[FieldArray, FieldArray, FieldArray]:
    phases = np.zeros(1) if field.phases is None else np.round(field.phases * 255)
    objects = np.full(1, np.nan) if field.objects is None else field.objects
    return field.greys, phases, objects


def _known(numbers: Iterable[float]) -> list[float | None]:
    return [None if isnan(number) else number for number in numbers]
