"""Enrolment: the embeddings of labelled specimens, and the forests that are trained with them.

Specimens are dealt to k partitions by the hash of their names alone, so that one altered specimen can mislead at most
one forest; the label is that of most forests. A forest depends on its own partition and on nothing else: neither on the
order of enrolment nor on other partitions. Embeddings are kept, because unfamiliarity is a distance to them, and
forests can be trained again on fewer examples.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import ThreadpoolController

from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.forest import LEAF, Doubles, Forest
from fusiondiff_audit.model.forest_arrays import from_sklearn

Embeddings = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
_CHUNK = 256  # rows of the distance matrix that are computed together
_NEIGHBOURS = 5  # the distance to the enrolled tiles is that to the fifth-nearest one


@dataclass(frozen=True, slots=True)
class LabelledExample:
    """A labelled image of the training or the calibration set; field names are those of `bundle.json`."""

    pixel_digest: str
    specimen: str
    authentic: bool
    calibrates: bool = False


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """How the forests are trained; field names are those of `bundle.json`."""

    partitions: int = 1
    trees: int = 300  # of each forest
    seed: int = 0

    def __post_init__(self) -> None:
        if self.partitions < 1 or self.partitions % 2 == 0 or not 1 <= self.trees <= 10_000 or self.seed < 0:
            raise ValueError(
                f"{self.partitions} partitions of {self.trees} trees; the number of partitions must be odd"
            )


@dataclass(frozen=True, eq=False)
class EnrolledEmbeddings:
    """Embeddings of the tiles of labelled images; `example_index` is the place of each tile's example in `examples`."""

    examples: tuple[LabelledExample, ...]
    embeddings: Embeddings
    residual: Embeddings  # mean of each tile; zeros if the model computes none
    example_index: Indices

    def __post_init__(self) -> None:
        lengths = {len(self.embeddings), len(self.residual), len(self.example_index)}
        flat = self.residual.ndim == self.example_index.ndim == 1
        finite = np.isfinite(self.embeddings).all() and np.isfinite(self.residual).all()
        if len(lengths) > 1 or not flat or self.embeddings.ndim != 2 or not finite:
            raise ValueError("enrolled embeddings that are not finite rows with an owner each")
        if len(self.example_index) and (self.example_index[0] != 0 or not set(np.diff(self.example_index)) <= {0, 1}):
            raise ValueError("enrolled embeddings that are not in the order of their images")
        if len(self.examples) != (int(self.example_index[-1]) + 1 if len(self.example_index) else 0):
            raise ValueError(f"{len(self.examples)} examples, and embeddings of another number")
        firsts: dict[str, tuple[bool, bool]] = {}
        for example in self.examples:
            label_and_use = (example.authentic, example.calibrates)
            if firsts.setdefault(example.specimen, label_and_use) != label_and_use:
                raise ValueError(f"specimen {example.specimen[:100]!a} has two labels or two uses")

    def subset(self, chosen: npt.NDArray[np.bool_]) -> "EnrolledEmbeddings":
        """Return the chosen examples and their tiles."""
        kept = tuple(example for example, wanted in zip(self.examples, chosen, strict=True) if wanted)
        rows = chosen[self.example_index]
        return EnrolledEmbeddings(
            kept,
            self.embeddings[rows],
            self.residual[rows],
            (np.cumsum(chosen) - 1)[self.example_index[rows]].astype(np.intp),
        )

    @cached_property
    def training(self) -> "EnrolledEmbeddings":
        """The examples that are not kept for calibration."""
        return self.subset(np.array([not example.calibrates for example in self.examples], dtype=bool))

    def few_shot(self, shots: int) -> "EnrolledEmbeddings":
        """Return the first `shots` training examples of each class, in the order of enrolment."""
        left = {True: shots, False: shots}
        chosen = []
        for example in self.examples:
            wanted = not example.calibrates and left[example.authentic] > 0
            left[example.authentic] -= wanted
            chosen.append(wanted)
        if any(left.values()):
            raise ValueError(
                f"{shots} examples of each class are asked for, {min(self.training_counts())} are enrolled"
            )
        return self.subset(np.array(chosen, dtype=bool))

    def training_counts(self) -> tuple[int, int]:
        """Return the numbers of counterfeit and of authentic training images."""
        labels = [example.authentic for example in self.examples if not example.calibrates]
        return len(labels) - sum(labels), sum(labels)

    @cached_property
    def specimens(self) -> npt.NDArray[np.str_]:
        """The specimen of each tile."""
        return np.array([example.specimen for example in self.examples])[self.example_index]

    @cached_property
    def neighbour_distances(self) -> Doubles:
        """The distance of each tile to the fifth-nearest tile of other specimens; infinite if there are none."""
        specimen_ids = np.unique(self.specimens, return_inverse=True)[1]
        nearest = np.empty(len(self.embeddings))
        for start in range(0, len(self.embeddings), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            distances = pairwise_distances(self.embeddings[chunk], self.embeddings)
            distances[specimen_ids[chunk, None] == specimen_ids] = np.inf
            nearest[chunk] = _fifth_least(distances)
        return nearest

    @cached_property
    def typical_distance(self) -> tuple[float, float]:
        """The median of `neighbour_distances` for counterfeit and for authentic tiles; 1 where it is undefined."""
        return self._medians(self.neighbour_distances)

    @cached_property
    def typical_residual(self) -> tuple[float, float]:
        """The median residual of counterfeit and of authentic tiles; 1 where it is undefined."""
        return self._medians(self.residual)

    def _medians(self, numbers: npt.NDArray[np.floating]) -> tuple[float, float]:
        authentic = np.array([example.authentic for example in self.examples], dtype=bool)[self.example_index]
        classes = (numbers[~authentic], numbers[authentic])
        medians = (float(np.median(of_class)) if len(of_class) else 0.0 for of_class in classes)
        counterfeit, genuine = (median if 0 < median < np.inf else 1.0 for median in medians)
        return counterfeit, genuine

    def distances(self, embeddings: Embeddings) -> Doubles:
        """Return the distance of each embedding to the fifth-nearest enrolled tile."""
        return _fifth_least(pairwise_distances(embeddings, self.embeddings))


def _fifth_least(distances: Doubles) -> Doubles:
    """Return the fifth-least distance of each row, or the largest finite one of fewer; infinite if none is finite."""
    place = min(_NEIGHBOURS, distances.shape[1]) - 1
    if place < 0:
        return np.full(len(distances), np.inf)
    least = np.partition(distances, place, axis=1)[:, : place + 1]
    fifth: Doubles = np.where(np.isfinite(least), least, -1).max(1)
    return np.where(fifth < 0, np.inf, fifth)


def pairwise_distances(rows: Embeddings, others: Embeddings) -> Doubles:
    """Return the Euclidean distance of each row to each of `others`.

    On one core: threads of numpy's BLAS would spin while they wait, and slow down those of torch.
    """
    left, right = rows.astype(np.float64), others.astype(np.float64)
    with _libraries().limit(limits=1, user_api="blas"):
        product = left @ right.T
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * product
    distances: Doubles = np.sqrt(np.maximum(squares, 0))
    return distances


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def partition_of(specimen: str, partitions: int) -> int:
    """Return the partition of a specimen, which depends on its name alone."""
    return int.from_bytes(hashlib.sha256(specimen.encode()).digest()) % partitions


def train_forests(enrolled: EnrolledEmbeddings, learning: ForestSettings) -> tuple[Forest, ...]:
    """Train one forest for each partition on the tiles of its specimens, with balanced class weights.

    The forest of a partition without specimens of both classes always votes `counterfeit`. Refusing the enrolment
    instead would let one altered specimen prevent it.
    """
    order = sorted(range(len(enrolled.examples)), key=lambda at: _content(enrolled.examples[at]))
    by_example = [np.flatnonzero(enrolled.example_index == at) for at in order]
    places = np.concatenate(by_example) if order else enrolled.example_index
    partitions = np.array([partition_of(example.specimen, learning.partitions) for example in enrolled.examples])
    labels = np.array([example.authentic for example in enrolled.examples])
    forests = []
    for number in range(learning.partitions):
        tiles = places[partitions[enrolled.example_index[places]] == number]
        tile_labels = labels[enrolled.example_index[tiles]]
        if len(set(tile_labels)) < len(Class):
            forests.append(_constant(enrolled.embeddings.shape[1]))
            continue
        seed = learning.seed + number
        trained = RandomForestClassifier(learning.trees, random_state=seed, class_weight="balanced", n_jobs=1)
        forests.append(from_sklearn(trained.fit(enrolled.embeddings[tiles], tile_labels.astype(np.int64))))
    return tuple(forests)


def is_constant(forest: Forest) -> bool:
    """Whether a forest lacks specimens of a class, and always votes `counterfeit`."""
    return len(forest.left) == 1


def _constant(features: int) -> Forest:
    nothing, leaf = np.zeros(1, np.int32), np.full(1, LEAF, np.int32)
    share = np.eye(len(Class))[[Class.COUNTERFEIT]]
    return Forest(nothing, np.zeros(1), leaf, leaf, share, nothing, features)


def _content(example: LabelledExample) -> tuple[str, str]:
    return example.specimen, example.pixel_digest


def forest_scores(forests: Sequence[Forest], rows: Embeddings) -> Doubles:
    """Return each forest's share of trees that say `authentic`: forests x rows."""
    return np.stack([forest.predict_proba(rows)[:, Class.AUTHENTIC] for forest in forests])
