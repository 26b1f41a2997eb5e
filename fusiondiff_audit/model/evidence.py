"""Evidence: how badly a specimen fits the authentic reference, and how badly it fits the enrolled copies.

Four numbers of a specimen are compared with those of enrolled ones: its distance from the makers' means by the scatter
within makers, its distance from the nearest enrolled specimens along the linear discriminants, the ratio of the first
distance for the reference and for the nearest copies, and the share of trees that call its tiles authentic. The
distances tell what is like nothing that was enrolled, the others tell copies from the reference. Each is standardised
by specimens of the class that the model was not fitted to, and a smooth maximum makes one number of them, so that a
specimen has to be usual in all of them: a vote of the forest makes nothing typical.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

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
_LEAST_DISTANCE = 1e-9  # of specimens that are all alike
_FAR = 2.0  # deviations beyond which distance alone excludes a specimen from the copies
_NEIGHBOURS = 2  # the distance to the enrolled specimens of a class is that to the second-nearest one


class _Number(IntEnum):
    """The columns of the numbers of a specimen."""

    FROM_COPIES = 0  # log distance from the mean of the nearest maker of copies; as Class counts
    FROM_REFERENCE = 1
    NEAR_COPIES = 2  # log distance from enrolled copies
    NEAR_REFERENCE = 3
    RATIO = 4  # log distance from the reference, less that from the copies
    ODDS = 5  # of the share of trees that say `authentic`, as a logarithm


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceModel:
    """Distances, and a forest on tiles, with the centre and scale of each number for either class."""

    within: WithinMakers
    authentic: npt.NDArray[np.bool_]  # of `within.makers`
    enrolled: tuple[Vectors, Vectors]  # pooled embeddings of the specimens of each class
    projection: TileFeatures
    forest: Forest
    centre: Vectors  # classes x numbers
    scale: Vectors

    def numbers(self, images: Sequence[TileFeatures], shares: Sequence[Vectors], choice: Choice) -> Vectors:
        """Return the numbers of a specimen, in the order of `_Number`."""
        vector = pool(images, choice)
        squares = self.within.squared_distances(vector[None])[0]
        embedding = vector[: self.projection.shape[1]] @ self.projection.T
        share = np.concatenate([of_image[places] for of_image, places in zip(shares, choice, strict=True)]).mean()
        numbers = np.empty(len(_Number))
        for kind in Class:
            numbers[_Number.FROM_COPIES + kind] = np.log(squares[self.authentic == bool(kind)].min()) / 2
            nearest = np.sort(np.linalg.norm(self.enrolled[kind] - embedding, axis=1))
            numbers[_Number.NEAR_COPIES + kind] = np.log(nearest[:_NEIGHBOURS][-1] + _LEAST_DISTANCE)
        numbers[_Number.RATIO] = numbers[_Number.FROM_REFERENCE] - numbers[_Number.FROM_COPIES]
        numbers[_Number.ODDS] = np.log((share + _SMOOTHED) / (1 + _SMOOTHED - share))
        return numbers

    def shares(self, images: Sequence[TileFeatures]) -> tuple[Vectors, ...]:
        """Return for each tile the share of trees that call it authentic."""
        tiles = np.concatenate(images) @ self.projection.T
        ends = np.cumsum([len(image) for image in images])[:-1]
        return tuple(np.split(self.forest.predict_proba(tiles)[:, Class.AUTHENTIC], ends))

    def nonconformity(self, numbers: Vectors) -> Vectors:
        """Return how badly specimens fit each class: specimens x classes."""
        as_copy, as_authentic = ((numbers - self.centre[kind]) / self.scale[kind] for kind in Class)
        distances = as_authentic[:, [_Number.FROM_REFERENCE, _Number.NEAR_REFERENCE, _Number.RATIO]]
        authentic = _smooth_maximum(*distances.T, -as_authentic[:, _Number.ODDS])
        discriminated = (as_copy[:, _Number.ODDS] - as_copy[:, _Number.RATIO]) / 2
        far = as_copy[:, [_Number.FROM_COPIES, _Number.NEAR_COPIES]].max(1) - _FAR
        copy = np.maximum(discriminated, far)
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
    labels = np.array([specimen.authentic for specimen in specimens])
    # Whoever makes both authentic and counterfeit ware counts as two makers.
    makers = [f"{Class(int(specimen.authentic)).name} {specimen.maker}" for specimen in specimens]
    within = WithinMakers.fit(vectors, makers)
    label = dict(zip(makers, labels, strict=True))
    most = min(_MOST_OF_ONE, max(1, _TILES // len(specimens)))
    tiles, classes = [], []
    for specimen in specimens:
        share = Design.of([-(-most // len(specimen.images))] * len(specimen.images))
        choice = specimen.draw(share, b"forest")
        tiles += [image[places] for image, places in zip(specimen.images, choice, strict=True)]
        classes += [int(specimen.authentic)] * sum(map(len, choice))
    forest = RandomForestClassifier(trees, random_state=seed, class_weight="balanced", n_jobs=1)
    trained = from_sklearn(forest.fit(np.concatenate(tiles) @ projection.T, np.array(classes)))
    embeddings = vectors[:, : projection.shape[1]] @ projection.T
    return EvidenceModel(
        within,
        np.array([label[maker] for maker in within.makers]),
        (embeddings[~labels], embeddings[labels]),
        projection,
        trained,
        np.zeros((len(Class), len(_Number))),
        np.ones((len(Class), len(_Number))),
    )
