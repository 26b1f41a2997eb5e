"""What a bundle learnt from few labelled specimens: forests on frozen embeddings, and what they say of others.

The specimens are dealt to k partitions by the hash of their name alone, so that one altered specimen can mislead one
forest at most; the label is what most forests say. A forest depends on its own partition and on nothing else: not on
the order of what was enrolled, nor on what another partition holds. Embeddings are kept: they say how far a picture is
from everything that was enrolled, and let a model be asked with fewer examples than it has.
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
_AT_ONCE = 256  # rows whose distances are computed together
_NEIGHBOURS = 5  # tiles of other specimens, the last of which says how far a tile is from what was enrolled


@dataclass(frozen=True, slots=True)
class LabelledExample:
    """A labelled picture that a bundle learnt from, or was calibrated with."""

    pixel_digest: str
    specimen: str
    authentic: bool
    calibrates: bool = False


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """How the forests are trained; it stands in the bundle."""

    partitions: int = 1
    trees: int = 300  # of each forest
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.partitions < 1 or self.partitions % 2 == 0 or not 1 <= self.trees <= 10_000 or self.seed < 0:
            raise ValueError(
                f"{self.partitions} partitions of {self.trees} trees; an odd number of partitions is asked"
            )


@dataclass(frozen=True, eq=False)
class EnrolledEmbeddings:
    """Embeddings of the tiles of labelled pictures; `example_index` says which example each tile is of."""

    examples: tuple[LabelledExample, ...]
    embeddings: Embeddings
    residual: Embeddings  # of each tile; zeros, where the model has none
    example_index: Indices

    def __post_init__(self) -> None:
        """Refuse rows without owners, and owners without rows."""
        lengths = {len(self.embeddings), len(self.residual), len(self.example_index)}
        finite = np.isfinite(self.embeddings).all() and np.isfinite(self.residual).all()
        if (
            self.embeddings.ndim != 2
            or self.residual.ndim != 1
            or self.example_index.ndim != 1
            or len(lengths) > 1
            or not finite
        ):
            raise ValueError("enrolled embeddings that are not finite rows with an owner each")
        if len(self.example_index) and (self.example_index[0] != 0 or not set(np.diff(self.example_index)) <= {0, 1}):
            raise ValueError("enrolled embeddings that are not in the order of their pictures")
        if len(self.examples) != (int(self.example_index[-1]) + 1 if len(self.example_index) else 0):
            raise ValueError(f"{len(self.examples)} examples, and embeddings of another number")
        firsts: dict[str, tuple[bool, bool]] = {}
        for example in self.examples:
            said = (example.authentic, example.calibrates)
            if firsts.setdefault(example.specimen, said) != said:
                raise ValueError(f"specimen {example.specimen[:100]!a} has two labels or two uses")

    def subset(self, chosen: npt.NDArray[np.bool_]) -> "EnrolledEmbeddings":
        """Return the chosen examples alone."""
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
        """Return the examples that the forests may learn from."""
        return self.subset(np.array([not example.calibrates for example in self.examples], dtype=bool))

    def few_shot(self, shots: int) -> "EnrolledEmbeddings":
        """Return so many examples of each class, in the order of enrolment."""
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
        """Return how many counterfeit and authentic pictures the forests may learn from."""
        known = [example.authentic for example in self.examples if not example.calibrates]
        return len(known) - sum(known), sum(known)

    @cached_property
    def specimens(self) -> npt.NDArray[np.str_]:
        """Return the specimen of each row."""
        return np.array([example.specimen for example in self.examples])[self.example_index]

    @cached_property
    def neighbour_distances(self) -> Doubles:
        """Return how far each row is from those of other specimens; infinite, if there are none."""
        whose, found = np.unique(self.specimens, return_inverse=True)[1], np.empty(len(self.embeddings))
        for start in range(0, len(self.embeddings), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            far = pairwise_distances(self.embeddings[some], self.embeddings)
            far[whose[some, None] == whose] = np.inf
            found[some] = _near(far)
        return found

    @cached_property
    def typical_distance(self) -> tuple[float, float]:
        """Return how far rows of either class usually are from those of other specimens."""
        return self._typical(self.neighbour_distances)

    @cached_property
    def typical_residual(self) -> tuple[float, float]:
        """Return what the residual of either class usually is."""
        return self._typical(self.residual)

    def _typical(self, numbers: npt.NDArray[np.floating]) -> tuple[float, float]:
        """Return the medians of a number of each row over either class; 1 where there is none to compare with."""
        authentic = np.array([example.authentic for example in self.examples], dtype=bool)[self.example_index]
        each = (float(np.median(own)) if len(own) else 0.0 for own in (numbers[~authentic], numbers[authentic]))
        counterfeit, genuine = (middle if 0 < middle < np.inf else 1.0 for middle in each)
        return counterfeit, genuine

    def distances(self, rows: Embeddings) -> Doubles:
        """Return how far each row is from its fifth-nearest enrolled one."""
        return _near(pairwise_distances(rows, self.embeddings))


def _near(far: Doubles) -> Doubles:
    """Return the fifth-least of each line, or the greatest that is finite of fewer; infinite, if none is."""
    place = min(_NEIGHBOURS, far.shape[1]) - 1
    if place < 0:
        return np.full(len(far), np.inf)
    least = np.partition(far, place, axis=1)[:, : place + 1]
    found: Doubles = np.where(np.isfinite(least), least, -1).max(1)
    return np.where(found < 0, np.inf, found)


def pairwise_distances(rows: Embeddings, others: Embeddings) -> Doubles:
    """Return how far each row is from each other one.

    On one core: the threads of numpy's library wait for more work in a loop, and would take turns with torch's, which
    are already at the next picture.
    """
    mine, theirs = rows.astype(np.float64), others.astype(np.float64)
    with _libraries().limit(limits=1, user_api="blas"):
        product = mine @ theirs.T
    squares = (mine**2).sum(1)[:, None] + (theirs**2).sum(1) - 2 * product
    found: Doubles = np.sqrt(np.maximum(squares, 0))
    return found


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def partition_of(specimen: str, partitions: int) -> int:
    """Return where a specimen is dealt to: a function of its name alone."""
    return int.from_bytes(hashlib.sha256(specimen.encode()).digest()) % partitions


def train_forests(enrolled: EnrolledEmbeddings, learning: ForestSettings) -> tuple[Forest, ...]:
    """Train one forest for each partition, on the tiles of its specimens.

    Each tree is shown as many tiles of one class as of the other, on average, however many specimens either has.

    One that has no specimen of a class cannot tell, and always votes for counterfeit: an enrolment that one altered
    specimen could stop would promise nothing.
    """
    order = sorted(range(len(enrolled.examples)), key=lambda at: _content(enrolled.examples[at]))
    places = (
        np.concatenate([np.flatnonzero(enrolled.example_index == at) for at in order])
        if order
        else enrolled.example_index
    )
    home = np.array([partition_of(example.specimen, learning.partitions) for example in enrolled.examples])
    truth = np.array([example.authentic for example in enrolled.examples])
    forests = []
    for place in range(learning.partitions):
        mine = places[home[enrolled.example_index[places]] == place]
        known = truth[enrolled.example_index[mine]]
        if len(set(known)) < len(Class):
            forests.append(_blind(enrolled.embeddings.shape[1]))
            continue
        seed = learning.seed + place
        trained = RandomForestClassifier(learning.trees, random_state=seed, class_weight="balanced", n_jobs=1)
        forests.append(from_sklearn(trained.fit(enrolled.embeddings[mine], known.astype(np.int64))))
    return tuple(forests)


def is_constant(forest: Forest) -> bool:
    """Say whether a forest has no specimen of a class, and says the same of everything."""
    return len(forest.left) == 1


def _blind(features: int) -> Forest:
    nothing, leaf = np.zeros(1, np.int32), np.full(1, LEAF, np.int32)
    share = np.eye(len(Class))[[Class.COUNTERFEIT]]
    return Forest(nothing, np.zeros(1), leaf, leaf, share, nothing, features)


def _content(example: LabelledExample) -> tuple[str, str]:
    return example.specimen, example.pixel_digest


def forest_scores(forests: Sequence[Forest], rows: Embeddings) -> Doubles:
    """Return what share of each forest's trees holds each row for authentic: forests x rows."""
    return np.stack([forest.predict_proba(rows)[:, Class.AUTHENTIC] for forest in forests])
