"""Enrolment: the embeddings of labelled specimens, and the forests that are trained with them.

Specimens are dealt to k partitions by the hash of their names alone, so that one altered specimen can mislead at most
one forest; the label is that of most forests. A forest depends on its own partition and on nothing else: neither on the
order of enrolment nor on other partitions. Embeddings are kept, so that forests can be trained again on fewer examples,
and features, among which audited specimens are ranked (`cross_conformal`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from threadpoolctl import ThreadpoolController

from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.forest import LEAF, Doubles, Forest
from fusiondiff_audit.model.forest_arrays import from_sklearn
from fusiondiff_audit.model.specimens import TiledSpecimen, TileFeatures

Embeddings = npt.NDArray[np.float32]
Indices = npt.NDArray[np.intp]
UNNAMED_MAKER = "a maker without a name"  # of all specimens whose maker is not stated


@dataclass(frozen=True, slots=True)
class LabelledExample:
    """A labelled image; field names are those of `bundle.json`. None is not stated."""

    pixel_digest: str
    specimen: str
    authentic: bool
    maker: str | None = None
    session: str | None = None
    device: str | None = None


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
    """Embeddings and features of the tiles of labelled images; `example_index` is the place of each tile's example."""

    examples: tuple[LabelledExample, ...]
    embeddings: Embeddings
    features: Embeddings  # before the projection; without columns where forests alone are trained
    example_index: Indices

    def __post_init__(self) -> None:
        lengths = {len(self.embeddings), len(self.features), len(self.example_index)}
        shaped = self.embeddings.ndim == self.features.ndim == 2 and self.example_index.ndim == 1
        finite = np.isfinite(self.embeddings).all() and np.isfinite(self.features).all()
        if len(lengths) > 1 or not shaped or not finite:
            raise ValueError("enrolled embeddings that are not finite rows with an owner each")
        if len(self.example_index) and (self.example_index[0] != 0 or not set(np.diff(self.example_index)) <= {0, 1}):
            raise ValueError("enrolled embeddings that are not in the order of their images")
        if len(self.examples) != (int(self.example_index[-1]) + 1 if len(self.example_index) else 0):
            raise ValueError(f"{len(self.examples)} examples, and embeddings of another number")
        firsts: dict[str, tuple[bool, str | None]] = {}
        for example in self.examples:
            label_and_maker = (example.authentic, example.maker)
            if firsts.setdefault(example.specimen, label_and_maker) != label_and_maker:
                raise ValueError(f"specimen {example.specimen[:100]!a} has two labels or two makers")

    def subset(self, chosen: npt.NDArray[np.bool_]) -> "EnrolledEmbeddings":
        """Return the chosen examples and their tiles."""
        kept = tuple(example for example, wanted in zip(self.examples, chosen, strict=True) if wanted)
        rows = chosen[self.example_index]
        return EnrolledEmbeddings(
            kept,
            self.embeddings[rows],
            self.features[rows],
            (np.cumsum(chosen) - 1)[self.example_index[rows]].astype(np.intp),
        )

    def few_shot(self, shots: int) -> "EnrolledEmbeddings":
        """Return the first `shots` examples of each class, in the order of enrolment."""
        if shots < 1:
            raise ValueError(f"{shots} shots; at least one example of each class is needed")
        left = {True: shots, False: shots}
        chosen = []
        for example in self.examples:
            wanted = left[example.authentic] > 0
            left[example.authentic] -= wanted
            chosen.append(wanted)
        if any(left.values()):
            authentic = sum(example.authentic for example in self.examples)
            fewest = min(authentic, len(self.examples) - authentic)
            raise ValueError(f"{shots} examples of each class are asked for, {fewest} are enrolled")
        return self.subset(np.array(chosen, dtype=bool))

    @cached_property
    def tile_specimens(self) -> npt.NDArray[np.str_]:
        """The specimen of each tile."""
        return np.array([example.specimen for example in self.examples])[self.example_index]

    @cached_property
    def specimens(self) -> tuple[TiledSpecimen, ...]:
        """The enrolled specimens with the features of their tiles, in the order of their names."""
        images: dict[str, list[TileFeatures]] = {}
        firsts: dict[str, LabelledExample] = {}
        ends = np.flatnonzero(np.diff(self.example_index)) + 1
        for example, rows in zip(self.examples, np.split(self.features, ends), strict=True):
            firsts.setdefault(example.specimen, example)
            images.setdefault(example.specimen, []).append(rows)
        return tuple(
            TiledSpecimen(name, firsts[name].maker or UNNAMED_MAKER, firsts[name].authentic, tuple(images[name]))
            for name in sorted(firsts)
        )


def pairwise_distances(rows: Embeddings, others: Embeddings) -> Doubles:
    """Return the Euclidean distance of each row to each of `others`."""
    left, right = rows.astype(np.float64), others.astype(np.float64)
    with one_blas_thread():
        product = left @ right.T
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * product
    distances: Doubles = np.sqrt(np.maximum(squares, 0))
    return distances


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Compute with one thread of numpy's BLAS: several would spin while they wait, and slow down those of torch."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


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
