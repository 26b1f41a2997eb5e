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
    """Embeddings of the tiles of labelled pictures; `owner` says which picture each is of."""

    examples: tuple[LabelledExample, ...]
    rows: Embeddings
    residual: Embeddings  # of each tile; zeros, where the model has none
    owner: Indices

    def __post_init__(self) -> None:
        """Refuse rows without owners, and owners without rows."""
        lengths = {len(self.rows), len(self.residual), len(self.owner)}
        finite = np.isfinite(self.rows).all() and np.isfinite(self.residual).all()
        if self.rows.ndim != 2 or self.residual.ndim != 1 or self.owner.ndim != 1 or len(lengths) > 1 or not finite:
            raise ValueError("enrolled embeddings that are not finite rows with an owner each")
        if len(self.owner) and (self.owner[0] != 0 or not set(np.diff(self.owner)) <= {0, 1}):
            raise ValueError("enrolled embeddings that are not in the order of their pictures")
        if len(self.examples) != (int(self.owner[-1]) + 1 if len(self.owner) else 0):
            raise ValueError(f"{len(self.examples)} examples, and embeddings of another number")
        firsts: dict[str, tuple[bool, bool]] = {}
        for example in self.examples:
            said = (example.authentic, example.calibrates)
            if firsts.setdefault(example.specimen, said) != said:
                raise ValueError(f"specimen {example.specimen[:100]!a} has two labels or two uses")

    def of(self, chosen: npt.NDArray[np.bool_]) -> "EnrolledEmbeddings":
        """Return the chosen examples alone."""
        kept = tuple(example for example, wanted in zip(self.examples, chosen, strict=True) if wanted)
        rows = chosen[self.owner]
        return EnrolledEmbeddings(
            kept, self.rows[rows], self.residual[rows], (np.cumsum(chosen) - 1)[self.owner[rows]].astype(np.intp)
        )

    @cached_property
    def learnt(self) -> "EnrolledEmbeddings":
        """Return the examples that the forests may learn from."""
        return self.of(np.array([not example.calibrates for example in self.examples], dtype=bool))

    def first(self, shots: int) -> "EnrolledEmbeddings":
        """Return so many examples of each class, in the order of enrolment."""
        left = {True: shots, False: shots}
        chosen = []
        for example in self.examples:
            wanted = not example.calibrates and left[example.authentic] > 0
            left[example.authentic] -= wanted
            chosen.append(wanted)
        if any(left.values()):
            raise ValueError(f"{shots} examples of each class are asked for, {min(self.counts())} are enrolled")
        return self.of(np.array(chosen, dtype=bool))

    def counts(self) -> tuple[int, int]:
        """Return how many counterfeit and authentic pictures the forests may learn from."""
        known = [example.authentic for example in self.examples if not example.calibrates]
        return len(known) - sum(known), sum(known)

    @cached_property
    def specimens(self) -> npt.NDArray[np.str_]:
        """Return the specimen of each row."""
        return np.array([example.specimen for example in self.examples])[self.owner]

    @cached_property
    def alone(self) -> Doubles:
        """Return how far each row is from those of other specimens; infinite, if there are none."""
        whose, found = np.unique(self.specimens, return_inverse=True)[1], np.empty(len(self.rows))
        for start in range(0, len(self.rows), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            far = pairwise_distances(self.rows[some], self.rows)
            far[whose[some, None] == whose] = np.inf
            found[some] = _near(far)
        return found

    @cached_property
    def usual_distance(self) -> tuple[float, float]:
        """Return how far rows of either class usually are from those of other specimens."""
        return self._usual(self.alone)

    @cached_property
    def usual_residual(self) -> tuple[float, float]:
        """Return what the residual of either class usually is."""
        return self._usual(self.residual)

    def _usual(self, numbers: npt.NDArray[np.floating]) -> tuple[float, float]:
        """Return the medians of a number of each row over either class; 1 where there is none to compare with."""
        authentic = np.array([example.authentic for example in self.examples], dtype=bool)[self.owner]
        each = (float(np.median(own)) if len(own) else 0.0 for own in (numbers[~authentic], numbers[authentic]))
        counterfeit, genuine = (middle if 0 < middle < np.inf else 1.0 for middle in each)
        return counterfeit, genuine

    def distances(self, rows: Embeddings) -> Doubles:
        """Return how far each row is from its fifth-nearest enrolled one."""
        return _near(pairwise_distances(rows, self.rows))


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
    places = np.concatenate([np.flatnonzero(enrolled.owner == at) for at in order]) if order else enrolled.owner
    home = np.array([partition_of(example.specimen, learning.partitions) for example in enrolled.examples])
    truth = np.array([example.authentic for example in enrolled.examples])
    forests = []
    for place in range(learning.partitions):
        mine = places[home[enrolled.owner[places]] == place]
        known = truth[enrolled.owner[mine]]
        if len(set(known)) < len(Class):
            forests.append(_blind(enrolled.rows.shape[1]))
            continue
        seed = learning.seed + place
        trained = RandomForestClassifier(learning.trees, random_state=seed, class_weight="balanced", n_jobs=1)
        forests.append(from_sklearn(trained.fit(enrolled.rows[mine], known.astype(np.int64))))
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
    return np.stack([forest.shares(rows)[:, Class.AUTHENTIC] for forest in forests])
