"""Evidence: how badly a specimen fits the authentic reference, and how badly it fits the enrolled copies.

Five numbers of a specimen are compared with those of enrolled ones: its distance from the makers' means by the scatter
within makers, its distance from the nearest enrolled specimens along the linear discriminants, the ratio of the first
distance for the reference and for the nearest copies, the share of trees that call its tiles authentic, and how far its
images lie apart. The distances tell what is like nothing that was enrolled, ratio and share tell copies from the
reference, and the last number tells images that do not show one specimen. Each is standardised by specimens of the
class that the model was not fitted to, what tells copies is combined by a linear discriminant of such specimens, and a
smooth maximum makes one number of all, so that a specimen has to be usual in each: a vote of the forest makes nothing
typical.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
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
_TELLING = 3  # numbers that tell copies from the reference
_DISCRIMINATION = 1.25  # what it counts, in a maximum of numbers that vary by 1
_LEAST_STANDARDISED = 3  # specimens by which a number is standardised
_LEAST_SCALE = 1e-6
_NEIGHBOURS = 2  # the distance to the enrolled specimens of a class is that to the second-nearest one


class _Number(IntEnum):
    """The columns of the numbers of a specimen."""

    FROM_COPIES = 0  # log distance from the mean of the nearest maker of copies; as Class counts
    FROM_REFERENCE = 1
    NEAR_COPIES = 2  # log distance from enrolled copies
    NEAR_REFERENCE = 3
    RATIO = 4  # log distance from the reference, less that from the copies
    ODDS = 5  # of the share of trees that say `authentic`, as a logarithm
    SPREAD = 6  # log distance of its most distant image from the mean of all; NaN of a single image


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
    discriminant: Vectors  # weights of what tells copies, and a constant: 0 is the mean of authentic specimens

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
        numbers[_Number.SPREAD] = log_spread(images, choice, self.projection)
        return numbers

    def shares(self, images: Sequence[TileFeatures]) -> tuple[Vectors, ...]:
        """Return for each tile the share of trees that call it authentic."""
        tiles = np.concatenate(images) @ self.projection.T
        ends = np.cumsum([len(image) for image in images])[:-1]
        return tuple(np.split(self.forest.predict_proba(tiles)[:, Class.AUTHENTIC], ends))

    def nonconformity(self, numbers: Vectors) -> Vectors:
        """Return how badly specimens fit each class: specimens x classes."""
        as_copy, as_authentic = ((numbers - self.centre[kind]) / self.scale[kind] for kind in Class)
        authentic = _smooth_maximum(
            as_authentic[:, _Number.FROM_REFERENCE],
            as_authentic[:, _Number.NEAR_REFERENCE],
            _DISCRIMINATION * (_telling_copies(as_authentic) @ self.discriminant[:-1] + self.discriminant[-1]),
            np.nan_to_num(as_authentic[:, _Number.SPREAD]),  # of a single image: as usual as any
        )
        discriminated = (as_copy[:, _Number.ODDS] - as_copy[:, _Number.RATIO]) / 2
        far = as_copy[:, [_Number.FROM_COPIES, _Number.NEAR_COPIES]].max(1) - _FAR
        copy = np.maximum(discriminated, far)
        return np.stack([copy, authentic], 1)

    def standardised(self, numbers: Vectors, authentic: npt.NDArray[np.bool_]) -> "EvidenceModel":
        """Return the model with centre and scale of these specimens, which it was not fitted to."""
        centre, scale = np.zeros_like(self.centre), np.ones_like(self.scale)
        for kind in Class:
            rows = numbers[authentic == bool(kind)]
            for number in _Number:
                column = rows[~np.isnan(rows[:, number]), number]
                centre[kind, number] = column.mean() if len(column) else 0
                enough = len(column) >= _LEAST_STANDARDISED
                scale[kind, number] = max(column.std(ddof=1), _LEAST_SCALE) if enough else np.inf  # says nothing
        as_authentic = (numbers - centre[Class.AUTHENTIC]) / scale[Class.AUTHENTIC]
        return self.with_standards(centre, scale, _discriminant(_telling_copies(as_authentic), authentic))

    @classmethod
    def unstandardised(
        cls,
        within: WithinMakers,
        authentic: npt.NDArray[np.bool_],
        enrolled: tuple[Vectors, Vectors],
        projection: TileFeatures,
        forest: Forest,
    ) -> "EvidenceModel":
        """Return a model whose numbers count as they are."""
        shape = len(Class), len(_Number)
        standards = np.zeros(shape), np.ones(shape), np.zeros(_TELLING + 1)
        return cls(within, authentic, enrolled, projection, forest, *standards)

    def with_standards(self, centre: Vectors, scale: Vectors, discriminant: Vectors) -> "EvidenceModel":
        """Return the model with these centres, scales and weights."""
        return replace(self, centre=centre, scale=scale, discriminant=discriminant)


def _telling_copies(numbers: Vectors) -> Vectors:
    """Return what tells copies from the reference, of standardised numbers: specimens x `_TELLING`."""
    nearer = numbers[:, _Number.NEAR_REFERENCE] - numbers[:, _Number.NEAR_COPIES]
    return np.stack([numbers[:, _Number.RATIO], numbers[:, _Number.ODDS], nearer], 1)


def _discriminant(telling: Vectors, authentic: npt.NDArray[np.bool_]) -> Vectors:
    """Return the weights of a linear discriminant with a shrunk covariance, and its constant, for authentic ones."""
    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(telling, authentic)
    weights: Vectors = -classifier.coef_[0]
    projected = telling[authentic] @ weights
    scaled: Vectors = np.append(weights, -projected.mean()) / max(projected.std(ddof=1), _LEAST_SCALE)
    return scaled


def _smooth_maximum(*columns: Vectors) -> Vectors:
    combined: Vectors = np.logaddexp.reduce(np.stack(columns))
    return combined


def log_spread(images: Sequence[TileFeatures], choice: Choice, projection: TileFeatures) -> float:
    """Return the log distance of the most distant image from the mean of all, or NaN of a single image.

    Images count alike, whatever their numbers of tiles; distances are along the linear discriminants.
    """
    means = [image[places].mean(0) for image, places in zip(images, choice, strict=True) if len(places)]
    if len(means) == 1:
        return float("nan")
    embeddings = np.array(means, np.float64) @ projection.T
    return float(np.log(np.linalg.norm(embeddings - embeddings.mean(0), axis=1).max() + _LEAST_DISTANCE))


def fit_evidence(
    specimens: Sequence[TiledSpecimen], vectors: Vectors, projection: TileFeatures, *, trees: int, seed: int
) -> EvidenceModel:
    """Fit distances and a forest to specimens, whose pooled vectors are given; without centre and scale."""
    labels = np.array([specimen.authentic for specimen in specimens])
    within = WithinMakers.fit(vectors, makers_of(specimens))
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
    return EvidenceModel.unstandardised(
        within,
        maker_labels(specimens),
        (embeddings[~labels], embeddings[labels]),
        projection,
        trained,
    )


def maker_labels(specimens: Sequence[TiledSpecimen]) -> npt.NDArray[np.bool_]:
    """Return whether the ware of each maker is authentic, in the order of the makers' names."""
    label = {maker: one.authentic for maker, one in zip(makers_of(specimens), specimens, strict=True)}
    return np.array([label[maker] for maker in sorted(label)])


def makers_of(specimens: Sequence[TiledSpecimen]) -> list[str]:
    """Return the maker of each specimen; whoever makes both authentic and counterfeit ware counts as two makers."""
    return [f"{Class(int(specimen.authentic)).name} {specimen.maker}" for specimen in specimens]
