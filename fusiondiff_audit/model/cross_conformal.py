"""Cross-conformal prediction (Vovk, 2015): p-values of a specimen for each class, from the enrolled specimens alone.

Enrolled specimens are dealt to folds. The model of a fold is fitted without its specimens, and standardised by models
without this fold and one other each, so that nothing a specimen is judged by has seen it. The rank of an audited
specimen counts the enrolled specimens of the class that fit no better by the model of their fold than the audited one
does by the same model. If the audited specimen is of the class and drawn like the enrolled ones, then p <= alpha with a
probability of about alpha; of at most 2 alpha + (1 - K/n) / (K + 1) for K folds of n specimens, as is proven.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np

from fusiondiff_audit.model.evidence import EvidenceModel, fit_evidence, log_spread, makers_of
from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.specimens import (
    Design,
    SpecimenRanks,
    TiledSpecimen,
    TileFeatures,
    Vectors,
    groups,
    pool_whole,
    whole,
)
from reports.arithmetic import Rank
from reports.verdict.enrolment_ranks import RankPair
from signing.parallel import THREADS, map_in_order

MOST_FOLDS = 8
FOLD_TREES = 60  # of the forest of each fold
_ENROLMENT = b"enrolment"  # seeds the draw of tiles where no batch is sealed
_MOST_SCORE = 1e9  # far beyond the score of a real specimen, and within what a report can state
_DESIGNS = 1024  # at which the scores of enrolled specimens are kept
_LEAST_FOLDS = 3  # with two, a model without two folds has nothing to be fitted to


class CrossConformal:
    """Enrolled specimens, the model of each fold, and the scores of enrolled specimens at designs that were asked."""

    def __init__(
        self,
        specimens: Sequence[TiledSpecimen],
        folds: Sequence[int],
        models: Sequence[EvidenceModel],
    ) -> None:
        self.specimens, self.folds, self.models = tuple(specimens), tuple(folds), tuple(models)
        by_class = ([s.design for s in specimens if s.authentic == bool(kind)] for kind in Class)
        counterfeit, authentic = (Design.usual(designs) for designs in by_class)
        self.usual = authentic.within(counterfeit)
        self._scores = lru_cache(maxsize=_DESIGNS)(self._scores_at)

    @classmethod
    def fit(
        cls,
        specimens: Sequence[TiledSpecimen],
        projection: TileFeatures,
        *,
        trees: int,
        seed: int,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> "CrossConformal":
        """Fit the models of all folds; too few specimens of a class, or two of one name, raise ValueError."""
        specimens = sorted(specimens, key=lambda specimen: specimen.name)  # a forest depends on the order of its rows
        folds = deal(specimens)
        count = max(folds) + 1
        vectors = pool_whole(specimens)
        pairs = list(combinations(range(count), 2))

        def without(left_out: tuple[int, ...]) -> EvidenceModel:
            kept = [place for place, fold in enumerate(folds) if fold not in left_out]
            return fit_evidence([specimens[place] for place in kept], vectors[kept], projection, trees=trees, seed=seed)

        held_out: dict[int, list[tuple[int, Vectors]]] = {fold: [] for fold in range(count)}
        models = []
        fitted = map_in_order(without, pairs, threads=THREADS)  # trees are grown without the interpreter's lock
        for done, ((one, other), model) in enumerate(zip(pairs, fitted, strict=True), start=1):
            for fold, judged in ((one, other), (other, one)):
                for place in (place for place, of in enumerate(folds) if of == judged):
                    held_out[fold].append((place, _whole_numbers(model, specimens[place].images)))
            progress(done, len(pairs) + count)
        for fold, model in enumerate(map_in_order(lambda fold: without((fold,)), range(count), threads=THREADS)):
            labels = np.array([specimens[place].authentic for place, _ in held_out[fold]])
            models.append(model.standardised(np.array([row for _, row in held_out[fold]]), labels))
            progress(len(pairs) + fold + 1, len(pairs) + count)
        return cls(specimens, folds, models)

    def ranks(self, images: Sequence[TileFeatures], name: str, seed: bytes) -> SpecimenRanks:
        """Return the ranks of an audited specimen; `seed` is drawn when the batch is sealed.

        Of a specimen with more images than are compared, each image is compared in a group as well: otherwise one that
        is not genuine could hide among many that are. A score that is no number raises ValueError.
        """
        audited = Design.of(map(len, images))
        design = audited.within(self.usual)
        by_fold = self.nonconformity(images, name, seed)
        ranks = {kind: self._rank(by_fold, design, seed, kind) for kind in Class}
        weakest = None
        if len(images) > len(design.tiles):
            of_groups = self._group_ranks(images, name, seed, len(design.tiles))
            weakest = min([ranks[Class.AUTHENTIC], *of_groups], key=lambda rank: rank.p)
        return SpecimenRanks(
            ranks[Class.COUNTERFEIT],
            ranks[Class.AUTHENTIC],
            self._spread(images, name, design, seed),
            float(np.clip(-by_fold[:, Class.AUTHENTIC].mean(), -_MOST_SCORE, _MOST_SCORE)),
            design,
            reduced=design != audited,
            conservative=not all(specimen.design.covers(design) for specimen in self.specimens),
            weakest=weakest,
        )

    def _rank(self, by_fold: Vectors, design: Design, seed: bytes, kind: Class) -> Rank:
        """Return the rank of a specimen's nonconformity with a class, by the model of each enrolled one's fold."""
        if not np.isfinite(by_fold).all():
            raise ValueError("a nonconformity that is no number")
        of_class = np.array([specimen.authentic == bool(kind) for specimen in self.specimens])
        own = by_fold[np.array(self.folds)]
        at_least = (self._scores(design, seed)[of_class, kind] >= own[of_class, kind]).sum()
        return Rank(int(at_least), int(of_class.sum()))

    def _group_ranks(self, images: Sequence[TileFeatures], name: str, seed: bytes, size: int) -> Iterator[Rank]:
        """Yield the rank as authentic of each group of a specimen's images."""
        for group in groups(len(images), size, name, seed):
            chosen = [images[place] for place in group]
            design = Design.of(map(len, chosen)).within(self.usual)
            yield self._rank(self.nonconformity(chosen, name, seed), design, seed, Class.AUTHENTIC)

    def enrolled_scores(self) -> Vectors:
        """Return the nonconformity of each enrolled specimen, by the model of its fold: specimens x classes."""
        return self._scores(self.usual, _ENROLMENT)

    def enrolled_ranks(self) -> tuple[RankPair, ...]:
        """Return the ranks of each enrolled specimen; those of its own class leave it out."""
        scores = self.enrolled_scores()
        authentic = np.array([specimen.authentic for specimen in self.specimens])
        pairs = []
        for own, label in zip(scores, authentic, strict=True):
            ranks = {}
            for kind in Class:
                of_class, same = authentic == bool(kind), int(bool(kind) == label)
                at_least = (scores[of_class, kind] >= own[kind]).sum()
                ranks[kind] = Rank(int(at_least) - same, int(of_class.sum()) - same)
            pairs.append(RankPair(ranks[Class.AUTHENTIC], ranks[Class.COUNTERFEIT]))
        return tuple(pairs)

    def nonconformity(self, images: Sequence[TileFeatures], name: str, seed: bytes) -> Vectors:
        """Return how badly a specimen fits each class by the model of each fold: folds x classes."""
        audited = TiledSpecimen(name, "", authentic=False, images=tuple(images))
        choice = audited.draw(audited.design.within(self.usual), seed)
        drawn = [image[places] for image, places in zip(images, choice, strict=True) if len(places)]
        return np.array([model.nonconformity(_whole_numbers(model, drawn)[None])[0] for model in self.models])

    def _spread(self, images: Sequence[TileFeatures], name: str, design: Design, seed: bytes) -> Rank | None:
        """Return the rank of how far a specimen's images lie apart; no model was fitted to it."""
        if len(design.tiles) == 1:
            return None
        projection = self.models[0].projection
        audited = TiledSpecimen(name, "", authentic=False, images=tuple(images))
        own = log_spread(images, audited.draw(design, seed), projection)
        several = [specimen for specimen in self.specimens if len(specimen.images) > 1]
        enrolled = [log_spread(each.images, each.draw(design, seed), projection) for each in several]
        return Rank(sum(spread >= own for spread in enrolled), len(enrolled))

    @cached_property
    def _shares(self) -> list[tuple[Vectors, ...]]:
        """The share of trees that call each tile of each enrolled specimen authentic, by the model of its fold."""
        pairs = zip(self.specimens, self.folds, strict=True)
        return [self.models[fold].shares(specimen.images) for specimen, fold in pairs]

    def _scores_at(self, design: Design, seed: bytes) -> Vectors:
        """Return the nonconformity of each enrolled specimen at a design, by the model of its fold."""
        rows = []
        for specimen, fold, shares in zip(self.specimens, self.folds, self._shares, strict=True):
            model = self.models[fold]
            numbers = model.numbers(specimen.images, shares, specimen.draw(design, seed))
            rows.append(model.nonconformity(numbers[None])[0])
        return np.array(rows)


def can_fit(specimens: Sequence[TiledSpecimen]) -> bool:
    """Say whether there are specimens enough of either class, and a maker of whose ware two remain in every fold."""
    authentic = sum(specimen.authentic for specimen in specimens)
    if min(authentic, len(specimens) - authentic) < _LEAST_FOLDS:
        return False
    makers, folds = np.array(makers_of(specimens)), np.array(deal(specimens))
    without_two = (makers[~np.isin(folds, pair)] for pair in combinations(range(max(folds) + 1), 2))
    return all(len(set(kept.tolist())) < len(kept) for kept in without_two)


def deal(specimens: Sequence[TiledSpecimen]) -> tuple[int, ...]:
    """Return the fold of each specimen, by the digests of names within each class."""
    classes = [[specimen.name for specimen in specimens if specimen.authentic == label] for label in (False, True)]
    count = min(MOST_FOLDS, *map(len, classes))
    if count < _LEAST_FOLDS:
        held = f"{len(classes[1])} authentic and {len(classes[0])} counterfeit specimens"
        raise ValueError(f"{held}; at least {_LEAST_FOLDS} of each class are needed")
    names = [specimen.name for specimen in specimens]
    if len(set(names)) < len(names):
        raise ValueError("two specimens have one name")
    fold = {
        name: place % count
        for of_class in classes
        for place, name in enumerate(sorted(of_class, key=lambda name: hashlib.sha256(name.encode()).digest()))
    }
    return tuple(fold[name] for name in names)


def _whole_numbers(model: EvidenceModel, images: Sequence[TileFeatures]) -> Vectors:
    """Return the numbers of a specimen with all tiles of these images."""
    return model.numbers(images, model.shares(images), whole(images))
