"""What a bundle learnt from labelled specimens: its forests and all that was enrolled, as `head.safetensors` has it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.model.enrolment import EnrolledEmbeddings
from fusiondiff_audit.model.forest import Forest
from fusiondiff_audit.model.forest_arrays import Arrays, from_arrays, to_arrays
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.weights.tensors import view_arrays
from signing.strict import malformed

_ENROLLED = {"rows": np.dtype(np.float32), "residual": np.dtype(np.float32), "owner": np.dtype(np.int32)}
Named = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Forests, and the examples that they were trained with."""

    forests: tuple[Forest, ...]
    enrolled: EnrolledEmbeddings


def head_arrays(head: Head) -> Named:
    """Return the arrays of a head under their names."""
    forests = {f"forest.{i}.{name}": a for i, f in enumerate(head.forests) for name, a in to_arrays(f).items()}
    enrolled = {f"enrolled.{name}": getattr(head.enrolled, name).astype(kind) for name, kind in _ENROLLED.items()}
    return {name: np.array(array, order="C") for name, array in (forests | enrolled).items()}


def read_head(data: memoryview, settings: Settings, where: str) -> Head:
    """Return the head of verified bytes; it must be that of these settings."""
    try:
        return _head(view_arrays(data, where), settings)
    except ValueError as e:
        raise malformed(where, str(e)) from e


def _head(arrays: Named, settings: Settings) -> Head:
    width, count = settings.architecture.numbers, settings.learning.partitions if settings.learning else 0
    kept = {name: _taken(arrays, f"enrolled.{name}") for name in _ENROLLED}
    if any(kept[name].dtype != kind for name, kind in _ENROLLED.items()):
        raise ValueError("enrolled embeddings of other types")
    if kept["rows"].ndim != 2 or kept["rows"].shape[1] != width:
        raise ValueError(f"enrolled embeddings of shape {kept['rows'].shape}, the encoder's have {width} numbers")
    enrolled = EnrolledEmbeddings(settings.examples, kept["rows"], kept["residual"], kept["owner"].astype(np.intp))
    forests = tuple(from_arrays(_forest(arrays, i)) for i in range(count))
    if any(forest.features != width or forest.classes != 2 for forest in forests):
        raise ValueError(f"a forest that does not tell two classes by {width} numbers")
    if arrays:
        raise ValueError(f"{min(arrays)[:100]!a} is no array of {count} forests")
    return Head(forests, enrolled)


def _forest(arrays: Named, number: int) -> Arrays:
    prefix = f"forest.{number}."
    return {name.removeprefix(prefix): _taken(arrays, name) for name in sorted(arrays) if name.startswith(prefix)}


def _taken(arrays: Named, name: str) -> npt.NDArray[Any]:
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    return arrays.pop(name)
