"""The models of folds, to and from the arrays of `head.safetensors`.

Folds, makers and embeddings follow from the enrolled specimens and the encoder's projection, so they are not stored.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.model.cross_conformal import CrossConformal, deal
from fusiondiff_audit.model.evidence import EvidenceModel, maker_labels, makers_of
from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.forest_arrays import from_arrays, to_arrays
from fusiondiff_audit.model.specimens import TiledSpecimen, TileFeatures, pool_whole
from fusiondiff_audit.model.typicality import WithinMakers

NamedArrays = dict[str, npt.NDArray[Any]]
_FOREST = "forest."
_DISTANCES = ("means", "directions", "weights", "floor")  # of WithinMakers
_STANDARDS = ("centre", "scale", "discriminant")


def fold_arrays(model: EvidenceModel) -> NamedArrays:
    """Return the arrays of the model of a fold by their names."""
    within: NamedArrays = {name: np.asarray(getattr(model.within, name), dtype=np.float64) for name in _DISTANCES}
    standards: NamedArrays = {name: getattr(model, name) for name in _STANDARDS}
    return within | standards | {f"{_FOREST}{name}": array for name, array in to_arrays(model.forest).items()}


def read_conformal(
    folds: Sequence[NamedArrays], specimens: Sequence[TiledSpecimen], projection: TileFeatures
) -> CrossConformal:
    """Return the models of folds of these specimens; arrays that do not fit them raise ValueError."""
    dealt = deal(specimens)
    if len(folds) != max(dealt) + 1:
        raise ValueError(f"models of {len(folds)} folds, and specimens of {max(dealt) + 1}")
    vectors = pool_whole(specimens)
    models = []
    for fold, arrays in enumerate(folds):
        kept = np.array([of != fold for of in dealt])
        learnt = [specimen for specimen, wanted in zip(specimens, kept, strict=True) if wanted]
        embeddings = vectors[kept][:, : projection.shape[1]] @ projection.T
        models.append(_model(arrays, learnt, embeddings, vectors.shape[1], projection))
    return CrossConformal(specimens, dealt, models)


def _model(
    arrays: NamedArrays,
    learnt: Sequence[TiledSpecimen],
    embeddings: npt.NDArray[np.float64],
    dimensions: int,
    projection: TileFeatures,
) -> EvidenceModel:
    """Return the model of one fold, given the specimens that it was fitted to."""
    forest = {name.removeprefix(_FOREST): array for name, array in arrays.items() if name.startswith(_FOREST)}
    numbers = {name: array for name, array in arrays.items() if not name.startswith(_FOREST)}
    if numbers.keys() != {*_DISTANCES, *_STANDARDS}:
        raise ValueError(f"the model of a fold has the arrays {sorted(numbers)[:10]}")
    labels = np.array([specimen.authentic for specimen in learnt])
    makers = tuple(sorted(set(makers_of(learnt))))
    rank = len(numbers["directions"]) if numbers["directions"].ndim else 0
    if rank > len(learnt):
        raise ValueError(f"the model of a fold has {rank} directions, fitted to {len(learnt)} specimens")
    model = EvidenceModel.unstandardised(
        WithinMakers(
            makers,
            _checked(numbers["means"], len(makers), dimensions),
            _checked(numbers["directions"], rank, dimensions),
            _checked(numbers["weights"], rank),
            float(_checked(numbers["floor"])),
        ),
        maker_labels(learnt),
        (embeddings[~labels], embeddings[labels]),
        projection,
        from_arrays(forest),
    )
    if model.forest.features != len(projection) or model.forest.classes != len(Class):
        raise ValueError("the forest of a fold has other features or classes")
    centre = _checked(numbers["centre"], *model.centre.shape)
    scale = _checked(numbers["scale"], *model.scale.shape, infinite=True)
    if not (scale > 0).all() or model.within.floor <= 0 or (model.within.weights + model.within.floor < 0).any():
        raise ValueError("the model of a fold divides by what is not above 0, or has a negative distance")
    return model.with_standards(centre, scale, _checked(numbers["discriminant"], *model.discriminant.shape))


def _checked(array: npt.NDArray[Any], *shape: int, infinite: bool = False) -> npt.NDArray[np.float64]:
    """Return an array of finite double-precision numbers of a shape; any other raises ValueError."""
    fit = not np.isnan(array).any() if infinite else bool(np.isfinite(array).all())
    if array.dtype != np.float64 or array.shape != shape or not fit:
        raise ValueError(f"the model of a fold has an array of {array.dtype} {array.shape}, or what is not finite")
    return array
