"""Detectors of poison: each flags enrolled specimens whose features look planted.

A detector flags some specimens of any set. `evaluate_detector` measures whether its flags mean anything on this model,
by an enrolment with planted poison and one without.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, silhouette_score

from reports.stress.statistics import is_quiet, is_sensitive

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_COMPONENTS, _NEIGHBOURS, _DISAGREEING = 5, 5, 4
_LARGEST_SHARE, _LEAST_SILHOUETTE = 0.35, 0.35  # of a suspicious cluster
_OUTLYING = 3.5  # robust deviations from the median


@dataclass(frozen=True, slots=True, eq=False)
class SpecimenFeatures:
    """Enrolled specimens by name, with mean features and labels; trusted specimens are out of an attacker's reach."""

    names: tuple[str, ...]
    rows: Floats
    authentic: Flags
    trusted_rows: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    trusted_authentic: Flags = field(default_factory=lambda: np.zeros(0, bool))


Detector = Callable[[SpecimenFeatures], Flags]


@dataclass(frozen=True, slots=True)
class DetectorTrial:
    """What a detector flagged in an enrolment with planted poison, and in the enrolment as it is."""

    detector: str
    found: int
    planted: int
    alarms: int  # false ones beside the planted specimens
    clean: int  # specimens beside the planted ones
    clean_alarms: int  # in the enrolment as it is
    clean_all: int
    flagged: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.detector

    @property
    def finds_planted(self) -> bool:
        """Whether it finds the planted specimens, and hardly any other beside them."""
        return is_sensitive(self.found, self.planted) and is_quiet(self.alarms, self.clean)

    @property
    def quiet(self) -> bool:
        """Whether it flags hardly any specimen of the enrolment as it is."""
        return is_quiet(self.clean_alarms, self.clean_all)

    @property
    def counts(self) -> bool:
        """Whether its flags mean anything on this model."""
        return self.finds_planted and self.quiet


def evaluate_detector(
    name: str, clean: SpecimenFeatures, poisoned: SpecimenFeatures, planted: Sequence[str]
) -> DetectorTrial:
    detector = DETECTORS[name]
    before, after = detector(clean), detector(poisoned)
    bad = np.isin(poisoned.names, list(planted))
    flagged = tuple(name for name, flag in zip(clean.names, before, strict=True) if flag)
    return DetectorTrial(
        name,
        int((after & bad).sum()),
        int(bad.sum()),
        int((after & ~bad).sum()),
        int((~bad).sum()),
        int(before.sum()),
        len(before),
        flagged,
    )


def activation_clusters(specimens: SpecimenFeatures) -> Flags:
    """Split each class in two, and flag a small cluster that lies well apart (Chen et al., 2018)."""
    flags = np.zeros(len(specimens.rows), bool)
    for members in _classes(specimens):
        if len(members) <= 2 * _COMPONENTS:
            continue
        components = PCA(_COMPONENTS, random_state=0).fit_transform(_scaled(specimens.rows[members]))
        cluster = KMeans(2, n_init=10, random_state=0).fit_predict(components)
        sizes = np.bincount(cluster, minlength=2)
        small = sizes.min() <= _LARGEST_SHARE * len(members)
        if small and silhouette_score(components, cluster) >= _LEAST_SILHOUETTE:
            flags[members] = cluster == sizes.argmin()
    return flags


def spectral_signatures(specimens: SpecimenFeatures) -> Flags:
    """Flag outliers along each class's first singular vector (Tran et al., 2018)."""
    flags = np.zeros(len(specimens.rows), bool)
    for members in _classes(specimens):
        centred = specimens.rows[members] - specimens.rows[members].mean(0)
        _, _, directions = np.linalg.svd(centred, full_matrices=False)
        flags[members] = _outlying(np.abs(centred @ directions[0]))
    return flags


def neighbours_disagree(specimens: SpecimenFeatures) -> Flags:
    """Flag a specimen if nearly all of its nearest neighbours have the other label."""
    rows = _scaled(specimens.rows)
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argsort(axis=1, kind="stable")[:, :_NEIGHBOURS]
    flags: Flags = (specimens.authentic[nearest] != specimens.authentic[:, None]).sum(1) >= _DISAGREEING
    return flags


def negative_impact(specimens: SpecimenFeatures) -> Flags:
    """Flag a specimen if leaving it out lowers the loss on trusted specimens (RONI; Nelson et al., 2008)."""
    if not len(specimens.trusted_rows):
        raise ValueError("no trusted specimens to compare losses on")
    mean, deviation = specimens.rows.mean(0), np.maximum(specimens.rows.std(0), 1e-9)
    rows, trusted = (specimens.rows - mean) / deviation, (specimens.trusted_rows - mean) / deviation

    def loss(kept: Flags) -> float:
        head = LogisticRegression(C=0.1, max_iter=200).fit(rows[kept], specimens.authentic[kept])
        shares = head.predict_proba(trusted)[:, 1]
        return float(log_loss(specimens.trusted_authentic, shares, labels=[False, True]))

    everyone = np.ones(len(rows), bool)
    clean_loss = loss(everyone)
    gains = np.array([clean_loss - loss(everyone & (np.arange(len(rows)) != place)) for place in range(len(rows))])
    return _outlying(gains) & (gains > 0)


DETECTORS: Mapping[str, Detector] = {
    "activation-clusters": activation_clusters,
    "spectral-signatures": spectral_signatures,
    "neighbours-disagree": neighbours_disagree,
    "negative-impact": negative_impact,
}


def _classes(specimens: SpecimenFeatures) -> list[npt.NDArray[np.intp]]:
    return [np.flatnonzero(specimens.authentic == label) for label in (False, True)]


def _scaled(rows: Floats) -> Floats:
    scaled: Floats = (rows - rows.mean(0)) / np.maximum(rows.std(0), 1e-9)
    return scaled


def _outlying(scores: Floats) -> Flags:
    """Return which scores lie far above the median, in median absolute deviations."""
    deviation = 1.4826 * np.median(np.abs(scores - np.median(scores)))
    flags: Flags = scores - np.median(scores) > _OUTLYING * max(float(deviation), 1e-12)
    return flags
