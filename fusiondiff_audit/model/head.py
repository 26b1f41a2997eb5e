"""The head of a bundle, `head.safetensors`: forests, the models of folds, and the enrolled tiles behind them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.fingerprint import FINGERPRINT_SIZE, NEAR_DUPLICATE, Fingerprints, similarity
from fusiondiff_audit.model.cross_conformal import CrossConformal, can_fit
from fusiondiff_audit.model.enrolment import EnrolledEmbeddings
from fusiondiff_audit.model.fold_arrays import NamedArrays, fold_arrays, read_conformal
from fusiondiff_audit.model.forest import Forest
from fusiondiff_audit.model.forest_arrays import from_arrays, to_arrays
from fusiondiff_audit.model.settings import Settings
from fusiondiff_audit.model.specimens import TileFeatures
from fusiondiff_audit.weights.tensors import view_arrays
from signing.strict import malformed

_ROWS, _FEATURES, _OWNER, _PIXELS = "enrolled.rows", "enrolled.features", "enrolled.owner", "enrolled.fingerprints"
_DTYPES: dict[str, np.dtype[Any]] = {
    _ROWS: np.dtype(np.float32),
    _FEATURES: np.dtype(np.float32),
    _OWNER: np.dtype(np.int32),
    _PIXELS: np.dtype(np.int8),
}


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Forests, the enrolled tiles, and what ranks a specimen; None where too few specimens are enrolled for it."""

    forests: tuple[Forest, ...]
    enrolled: EnrolledEmbeddings
    conformal: CrossConformal | None
    fingerprints: Fingerprints  # of the enrolled images, by which near-duplicates are known

    def has_near_duplicate(self, image: Fingerprints) -> bool:
        """Say whether an enrolled image is nearly this one, as another compression or a changed pixel leaves it."""
        return bool((similarity(image, self.fingerprints) > NEAR_DUPLICATE).any())


def head_arrays(head: Head) -> NamedArrays:
    """Return the arrays of a head by their names in the file."""
    forests = {f"forest.{i}.{name}": a for i, f in enumerate(head.forests) for name, a in to_arrays(f).items()}
    models = () if head.conformal is None else head.conformal.models
    folds = {f"fold.{i}.{name}": a for i, model in enumerate(models) for name, a in fold_arrays(model).items()}
    own = head.enrolled
    fields: NamedArrays = {
        _ROWS: own.embeddings,
        _FEATURES: own.features,
        _OWNER: own.example_index,
        _PIXELS: head.fingerprints,
    }
    enrolled = {name: np.asarray(array, dtype=_DTYPES[name]) for name, array in fields.items()}
    return {name: np.array(array, order="C") for name, array in (forests | folds | enrolled).items()}


def read_head(data: memoryview, settings: Settings, projection: TileFeatures, where: str) -> Head:
    """Parse verified bytes; a head that does not fit the bundle's settings is refused."""
    try:
        return _head(view_arrays(data, where), settings, projection)
    except ValueError as e:
        raise malformed(where, str(e)) from e


def _head(arrays: NamedArrays, settings: Settings, projection: TileFeatures) -> Head:
    width, count = settings.architecture.embedding_dim, settings.learning.partitions if settings.learning else 0
    fields = {name: _pop(arrays, name) for name in _DTYPES}
    if any(fields[name].dtype != dtype for name, dtype in _DTYPES.items()):
        raise ValueError("enrolled embeddings of other types")
    for name, columns in ((_ROWS, width), (_FEATURES, settings.architecture.feature_dim)):
        if fields[name].ndim != 2 or fields[name].shape[1] != columns:
            raise ValueError(f"{name} of shape {fields[name].shape}; the encoder gives {columns} dimensions")
    if fields[_PIXELS].shape != (len(settings.examples), FINGERPRINT_SIZE):
        raise ValueError(f"{_PIXELS} of shape {fields[_PIXELS].shape} for {len(settings.examples)} images")
    owner = fields[_OWNER].astype(np.intp)
    enrolled = EnrolledEmbeddings(settings.examples, fields[_ROWS], fields[_FEATURES], owner)
    forests = tuple(from_arrays(_group(arrays, f"forest.{i}.")) for i in range(count))
    if any(forest.features != width or forest.classes != 2 for forest in forests):
        raise ValueError(f"a forest that does not have two classes and {width} features")
    folds: list[NamedArrays] = []
    while group := _group(arrays, f"fold.{len(folds)}."):
        folds.append(group)
    if arrays:
        raise ValueError(f"{min(arrays)[:100]!a} is no array of {count} forests and {len(folds)} folds")
    conformal = None
    if can_fit(enrolled.specimens):
        conformal = read_conformal(folds, enrolled.specimens, projection)
    elif folds:
        raise ValueError(f"models of {len(folds)} folds, for which too few specimens are enrolled")
    _refuse_other_ranks(settings, conformal)
    return Head(forests, enrolled, conformal, fields[_PIXELS])


def _refuse_other_ranks(settings: Settings, conformal: CrossConformal | None) -> None:
    """Refuse ranks of other specimens and makers than those that are enrolled.

    The ranks themselves are not compared: the last digits of a score depend on the machine.
    """
    ranks = settings.ranks
    if (ranks is None) is not (conformal is None):
        raise ValueError("ranks without models of folds, or the other way round")
    if ranks is None or conformal is None:
        return
    copies = [specimen.maker for specimen in conformal.specimens if not specimen.authentic]
    counts = len(ranks.own), len(ranks.copies)
    if counts != (len(conformal.specimens) - len(copies), len(copies)):
        raise ValueError(f"ranks of {counts[0]} authentic and {counts[1]} counterfeit specimens, not of those enrolled")
    for left_out in ranks.left_out:
        if len(left_out.specimens) != copies.count(left_out.maker):
            raise ValueError(f"ranks of {len(left_out.specimens)} specimens of {left_out.maker[:100]!a}")


def _group(arrays: NamedArrays, prefix: str) -> NamedArrays:
    """Take the arrays whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): _pop(arrays, name) for name in sorted(arrays) if name.startswith(prefix)}


def _pop(arrays: NamedArrays, name: str) -> npt.NDArray[Any]:
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    return arrays.pop(name)
