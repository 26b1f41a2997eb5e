"""The rule by which audits decided before AUTHENTIC became a positive finding, as a rival.

A specimen is AUTHENTIC if the forests label each of its images so, and if no image is further from the enrolled tiles
than its label's usual distance allows, by a rank among the enrolled specimens, each of which is left out in turn. No
specimen calibrates conformal sets here, because all are enrolled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.tiles import Aggregation, aggregate
from fusiondiff_audit.model.enrolment import (
    EnrolledEmbeddings,
    ForestSettings,
    LabelledExample,
    forest_scores,
    pairwise_distances,
    train_forests,
)
from fusiondiff_audit.model.forest import Forest
from fusiondiff_audit.model.specimens import TiledSpecimen
from reports.arithmetic import Rank, count_at_least, least_specimens

Floats = npt.NDArray[np.float32]
_RULE = Aggregation.TRIMMED_MEAN
_NEIGHBOURS = 5
_LABELLED_OTHERWISE = 1e6  # added to the distance of a specimen that the forests do not label authentic


@dataclass(frozen=True, slots=True, eq=False)
class FormerRule:
    """Forests on tiles, and the unfamiliarity of enrolled specimens."""

    projection: Floats
    forests: tuple[Forest, ...]
    enrolled: Floats  # embeddings of all enrolled tiles
    usual: tuple[float, float]  # distances of counterfeit and of authentic tiles
    leave_one_out: tuple[float, ...]

    @classmethod
    def enrol(
        cls, authentic: Sequence[TiledSpecimen], copies: Sequence[TiledSpecimen], projection: Floats, seed: int
    ) -> "FormerRule":
        named = [(specimen, label) for label, group in ((True, authentic), (False, copies)) for specimen in group]
        rows = [image @ projection.T for specimen, _ in named for image in specimen.images]
        examples = [LabelledExample("", specimen.name, label) for specimen, label in named for _ in specimen.images]
        owners = np.repeat(np.arange(len(rows)), [len(image) for image in rows])
        tiles = np.concatenate(rows)
        enrolled = EnrolledEmbeddings(tuple(examples), tiles, np.zeros((len(tiles), 0), np.float32), owners)
        neighbours = _neighbour_distances(enrolled)
        is_authentic = np.array([example.authentic for example in examples])[owners]
        usual = (float(np.median(neighbours[~is_authentic])), float(np.median(neighbours[is_authentic])))
        worst: dict[str, float] = {}
        for place, example in enumerate(examples):
            distance = aggregate(neighbours[owners == place] / usual[int(example.authentic)], _RULE)
            worst[example.specimen] = max(worst.get(example.specimen, distance), distance)
        forests = train_forests(enrolled, ForestSettings(seed=seed))
        return cls(projection, forests, tiles, usual, tuple(worst.values()))

    def distance(self, specimen: TiledSpecimen) -> float:
        """Return how unlike the authentic specimens this one is: what the rule decides by, worst image first."""
        return max(self._distance(image @ self.projection.T) for image in specimen.images)

    def accepts(self, specimen: TiledSpecimen, alpha: Fraction) -> bool:
        """Say whether the verdict is AUTHENTIC."""
        distance = self.distance(specimen)
        if len(self.leave_one_out) < least_specimens(alpha):
            return False
        rank = Rank(count_at_least(self.leave_one_out, distance), len(self.leave_one_out))
        return distance < _LABELLED_OTHERWISE and rank.above(alpha)

    def _distance(self, tiles: Floats) -> float:
        authentic = aggregate(forest_scores(self.forests, tiles).mean(0), _RULE) > 0.5
        distances = _fifth_least(pairwise_distances(tiles, self.enrolled)) / self.usual[int(authentic)]
        return aggregate(distances, _RULE) + (0 if authentic else _LABELLED_OTHERWISE)


def _neighbour_distances(enrolled: EnrolledEmbeddings) -> npt.NDArray[np.float64]:
    """Return the distance of each tile to the fifth-nearest tile of other specimens."""
    distances = pairwise_distances(enrolled.embeddings, enrolled.embeddings)
    specimens = enrolled.tile_specimens
    return _fifth_least(np.where(specimens[:, None] == specimens, np.inf, distances))


def _fifth_least(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    fifth: npt.NDArray[np.float64] = np.partition(distances, _NEIGHBOURS - 1, axis=1)[:, _NEIGHBOURS - 1]
    return fifth
