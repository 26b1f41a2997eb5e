"""A rule from two scores of an image: how far it is from the reference, and how far from enrolled copies.

The scores are combined as the tool combines its own numbers (`fusiondiff_audit/model/evidence.py`): the distance from
the reference and its ratio to that from copies, each standardised by specimens that the scores were not fitted to, and
their smooth maximum. Specimens are ranked with the same folds and designs (`cross_conformal.py`).
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.evaluation.open_set import OpenSetSpecimen, SpecimenAnswer
from fusiondiff_audit.evaluation.open_set_rule import OPEN_SET_ALPHA, rank_verdict
from fusiondiff_audit.model.cross_conformal import deal
from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.specimens import Design, TiledSpecimen
from reports.arithmetic import Rank

Scores = npt.NDArray[np.float64]
# Of an image by its place: folds x folds x classes, the log distance from enrolled specimens of each class that are in
# neither fold.
ImageScores = Callable[[int], Scores]
_FAR = 2.0  # deviations beyond which distance alone excludes a specimen from the copies
_DRAW = b"bench/2"


def folds_of(enrolled: Sequence[OpenSetSpecimen]) -> npt.NDArray[np.intp]:
    """Return the fold of each enrolled specimen."""
    return np.array(deal([TiledSpecimen(one.name, one.maker, one.authentic, ()) for one in enrolled]))


class ScoreRule:
    """Cross-conformal ranks of scores; satisfies `open_set.FittedRule`."""

    def __init__(self, enrolled: Sequence[OpenSetSpecimen], scores: ImageScores) -> None:
        self._enrolled, self.scores = enrolled, scores
        self._folds = folds_of(enrolled)
        self._authentic = np.array([specimen.authentic for specimen in enrolled])
        whole = np.array([self._numbers(specimen.images) for specimen in enrolled])
        centres, scales = [], []
        for fold in range(max(self._folds) + 1):
            others = self._folds != fold
            held_out = whole[others, fold, self._folds[others]]
            classes = [held_out[self._authentic[others] == bool(kind)] for kind in Class]
            centres.append([rows.mean(0) for rows in classes])
            scales.append([np.maximum(rows.std(0, ddof=1), 1e-6) for rows in classes])
        self._centre, self._scale = np.array(centres), np.array(scales)  # folds x classes x numbers
        self._calibrated: dict[int, Scores] = {}

    def judge(self, specimen: OpenSetSpecimen) -> SpecimenAnswer:
        """Return the verdict by both ranks, and the mean nonconformity as authentic over all folds."""
        by_fold = self._nonconformity(specimen.images)
        own, enrolled = by_fold[self._folds], self._at_design(len(specimen.images))
        ranks = {}
        for kind in Class:
            of_class = self._authentic == bool(kind)
            at_least = (enrolled[of_class, kind] >= own[of_class, kind]).sum()
            ranks[kind] = Rank(int(at_least), int(of_class.sum()))
        answer = rank_verdict(ranks[Class.AUTHENTIC], ranks[Class.COUNTERFEIT], OPEN_SET_ALPHA)
        return SpecimenAnswer(answer, float(by_fold[:, Class.AUTHENTIC].mean()))

    def _numbers(self, images: Sequence[int]) -> Scores:
        """Return folds x folds x (distance from copies, from the reference, their difference), over all images."""
        scores = np.mean([self.scores(place) for place in images], 0)
        ratio = scores[..., Class.AUTHENTIC] - scores[..., Class.COUNTERFEIT]
        return np.concatenate([scores, ratio[..., None]], -1)

    def _nonconformity(self, images: Sequence[int]) -> Scores:
        """Return how badly a specimen fits each class, by the scores without each fold: folds x classes."""
        without = np.arange(len(self._centre))
        numbers = self._numbers(images)[without, without]
        as_copy, as_authentic = ((numbers - self._centre[:, kind]) / self._scale[:, kind] for kind in Class)
        authentic = np.logaddexp(as_authentic[:, Class.AUTHENTIC], as_authentic[:, 2])
        copy = np.maximum(-as_copy[:, 2], as_copy[:, Class.COUNTERFEIT] - _FAR)
        return np.stack([copy, authentic], 1)

    def _at_design(self, images: int) -> Scores:
        """Return the nonconformity of each enrolled specimen by so many of its images, without its fold."""
        if images not in self._calibrated:
            pairs = zip(self._enrolled, self._folds, strict=True)
            rows = [self._nonconformity(_drawn(specimen, images))[fold] for specimen, fold in pairs]
            self._calibrated[images] = np.array(rows)
        return self._calibrated[images]


def _drawn(specimen: OpenSetSpecimen, images: int) -> list[int]:
    """Draw so many images of an enrolled specimen, as the tool does."""
    one_tile = np.zeros((1, 0), np.float32)
    placeholder = TiledSpecimen(specimen.name, specimen.maker, specimen.authentic, (one_tile,) * len(specimen.images))
    choice = placeholder.draw(Design((1,) * images), _DRAW)
    return [place for place, chosen in zip(specimen.images, choice, strict=True) if len(chosen)]
