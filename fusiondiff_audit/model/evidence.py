"""Evidence: how badly a specimen fits the authentic reference, and how badly it fits the enrolled copies.

Three numbers of a specimen are compared with those of enrolled ones: its distance from the makers (typicality), the
ratio of its distances from the reference and from the nearest copies, and the share of trees that call its tiles
authentic. The first tells what is like nothing that was enrolled; the others tell copies from the reference. Each is
standardised by specimens of the class that the model was not fitted to, and a smooth maximum makes one number of
them, so that a specimen has to be usual in all of them: a vote of the forest makes nothing typical.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier

from fusiondiff_audit.model.findings import Class
from fusiondiff_audit.model.forest import Forest
from fusiondiff_audit.model.forest_arrays import from_sklearn
from fusiondiff_audit.model.specimens import Choice, Design, TiledSpecimen, TileFeatures, Vectors, pool
from fusiondiff_audit.model.typicality import WithinMakers

_TILES = 4096  # the forest is trained on no more tiles, evenly many of each specimen
_MOST_OF_ONE = 16  # tiles of a specimen
_SMOOTHED = 0.02  # added to shares before their logarithms, as though one tree in fifty voted for each class
_FAR = 2.0  # deviations beyond which distance alone excludes a specimen from the copies
_COLUMNS = 4


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceModel:
    """Distances from makers and a forest on tiles, with the centre and scale of each number for either class."""

    within: WithinMakers
    authentic: npt.NDArray[np.bool_]  # of `within.makers`
    forest: Forest
    centre: Vectors  # classes x numbers
    scale: Vectors

    def numbers(self, images: Sequence[TileFeatures], shares: Sequence[Vectors], choice: Choice) -> Vectors:
        """Return the four numbers of a specimen: log distances from reference and copies, log ratio, log odds."""
        squares = self.within.squared_distances(pool(images, choice)[None])[0]
        reference, copies = (np.log(squares[self.authentic == label].min()) / 2 for label in (True, False))
        share = np.concatenate([of_image[places] for of_image, places in zip(shares, choice, strict=True)]).mean()
        odds = np.log((share + _SMOOTHED) / (1 + _SMOOTHED - share))
        return np.array([reference, copies, reference - copies, odds])

    def shares(self, images: Sequence[TileFeatures], projection: TileFeatures) -> tuple[Vectors, ...]:
        """Return for each tile the share of trees that call it authentic."""
        tiles = np.concatenate(images) @ projection.T
        ends = np.cumsum([len(image) for image in images])[:-1]
        return tuple(np.split(self.forest.predict_proba(tiles)[:, Class.AUTHENTIC], ends))

    def nonconformity(self, numbers: Vectors) -> Vectors:
        """Return how badly specimens fit each class: specimens x classes."""
        as_copy, as_authentic = ((numbers - self.centre[kind]) / self.scale[kind] for kind in Class)
        authentic = _smooth_maximum(as_authentic[:, 0], as_authentic[:, 2], -as_authentic[:, 3])
        copy = np.maximum((as_copy[:, 3] - as_copy[:, 2]) / 2, as_copy[:, 1] - _FAR)
        return np.stack([copy, authentic], 1)

    def standardised(self, numbers: Vectors, authentic: npt.NDArray[np.bool_]) -> "EvidenceModel":
        """Return the model with centre and scale of these specimens, which it was not fitted to."""
        classes = [numbers[authentic == bool(kind)] for kind in Class]
        scale = np.array([np.maximum(rows.std(0, ddof=1), 1e-6) for rows in classes])
        return replace(self, centre=np.array([rows.mean(0) for rows in classes]), scale=scale)


def _smooth_maximum(*columns: Vectors) -> Vectors:
    combined: Vectors = np.logaddexp.reduce(np.stack(columns))
    return combined


def fit_evidence(
    specimens: Sequence[TiledSpecimen], vectors: Vectors, projection: TileFeatures, *, trees: int, seed: int
) -> EvidenceModel:
    """Fit distances and a forest to specimens, whose pooled vectors are given; without centre and scale."""
    makers = [specimen.maker for specimen in specimens]
    within = WithinMakers.fit(vectors, makers)
    label = {specimen.maker: specimen.authentic for specimen in specimens}
    most = min(_MOST_OF_ONE, max(1, _TILES // len(specimens)))
    tiles, classes = [], []
    for specimen in specimens:
        share = Design.of([-(-most // len(specimen.images))] * len(specimen.images))
        choice = specimen.draw(share, b"forest")
        tiles += [image[places] for image, places in zip(specimen.images, choice, strict=True)]
        classes += [int(specimen.authentic)] * sum(map(len, choice))
    forest = RandomForestClassifier(trees, random_state=seed, class_weight="balanced", n_jobs=1)
    trained = from_sklearn(forest.fit(np.concatenate(tiles) @ projection.T, np.array(classes)))
    nothing = np.zeros((len(Class), _COLUMNS))
    return EvidenceModel(within, np.array([label[maker] for maker in within.makers]), trained, nothing, nothing + 1)
