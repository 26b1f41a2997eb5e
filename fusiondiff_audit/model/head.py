"""The head of a bundle, `head.safetensors`: the forests, and the embeddings that they were trained with."""

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

_ROWS, _RESIDUAL, _OWNER = "enrolled.rows", "enrolled.residual", "enrolled.owner"  # names in the file
_DTYPES = {_ROWS: np.dtype(np.float32), _RESIDUAL: np.dtype(np.float32), _OWNER: np.dtype(np.int32)}
NamedArrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Forests, and the embeddings of the labelled examples, those for calibration included."""

    forests: tuple[Forest, ...]
    enrolled: EnrolledEmbeddings


def head_arrays(head: Head) -> NamedArrays:
    """Return the arrays of a head by their names in the file."""
    forests = {f"forest.{i}.{name}": a for i, f in enumerate(head.forests) for name, a in to_arrays(f).items()}
    own = head.enrolled
    fields: NamedArrays = {_ROWS: own.embeddings, _RESIDUAL: own.residual, _OWNER: own.example_index}
    enrolled = {name: array.astype(_DTYPES[name]) for name, array in fields.items()}
    return {name: np.array(array, order="C") for name, array in (forests | enrolled).items()}


def read_head(data: memoryview, settings: Settings, where: str) -> Head:
    """Parse verified bytes; a head that does not fit the bundle's settings is refused."""
    try:
        return _head(view_arrays(data, where), settings)
    except ValueError as e:
        raise malformed(where, str(e)) from e


def _head(arrays: NamedArrays, settings: Settings) -> Head:
    width, count = settings.architecture.embedding_dim, settings.learning.partitions if settings.learning else 0
    fields = {name: _pop(arrays, name) for name in _DTYPES}
    if any(fields[name].dtype != dtype for name, dtype in _DTYPES.items()):
        raise ValueError("enrolled embeddings of other types")
    embeddings = fields[_ROWS]
    if embeddings.ndim != 2 or embeddings.shape[1] != width:
        raise ValueError(f"enrolled embeddings of shape {embeddings.shape}; the encoder's have {width} dimensions")
    enrolled = EnrolledEmbeddings(settings.examples, embeddings, fields[_RESIDUAL], fields[_OWNER].astype(np.intp))
    forests = tuple(from_arrays(_forest(arrays, i)) for i in range(count))
    if any(forest.features != width or forest.classes != 2 for forest in forests):
        raise ValueError(f"a forest that does not have two classes and {width} features")
    if arrays:
        raise ValueError(f"{min(arrays)[:100]!a} is no array of {count} forests")
    return Head(forests, enrolled)


def _forest(arrays: NamedArrays, number: int) -> Arrays:
    prefix = f"forest.{number}."
    return {name.removeprefix(prefix): _pop(arrays, name) for name in sorted(arrays) if name.startswith(prefix)}


def _pop(arrays: NamedArrays, name: str) -> npt.NDArray[Any]:
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    return arrays.pop(name)
