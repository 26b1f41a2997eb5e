"""Detectors of poison: which enrolled specimens look planted, by what the encoder sees of them.

A detector always says something. Whether that means anything is found out with poison that was planted, and with a
clean set: `evaluated`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, silhouette_score

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_COMPONENTS, _NEIGHBOURS, _AGAINST = 5, 5, 4
_SMALL, _APART = 0.35, 0.35  # the largest share of a suspicious part, and the least silhouette
_FAR = 3.5  # robust deviations from the median
RECALL, FALSE_ALARMS = 0.8, 0.05  # what a detector must reach before it counts


@dataclass(frozen=True, slots=True, eq=False)
class SpecimenFeatures:
    """Enrolled specimens: a row of features for each, and what it is called; `trusted` ones are beyond an attacker."""

    names: tuple[str, ...]
    rows: Floats
    authentic: Flags
    trusted_rows: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    trusted_authentic: Flags = field(default_factory=lambda: np.zeros(0, bool))


Detector = Callable[[SpecimenFeatures], Flags]


@dataclass(frozen=True, slots=True)
class DetectorTrial:
    """What a detector made of planted poison and of a clean set, and what it says of the set in question."""

    detector: str
    found: int
    planted: int
    alarms: int  # false ones, beside the planted
    clean: int  # specimens beside the planted
    clean_alarms: int  # on the set without poison
    clean_all: int
    flagged: tuple[str, ...] = ()

    @property
    def recall(self) -> float:
        """Return the share of planted specimens that it found; none, where nothing was planted."""
        return self.found / max(1, self.planted)

    @property
    def counts(self) -> bool:
        """Say whether its flags mean anything on this model."""
        quiet = self.alarms <= FALSE_ALARMS * self.clean and self.clean_alarms <= FALSE_ALARMS * self.clean_all
        return self.recall >= RECALL and quiet


def evaluate_detector(
    name: str, clean: SpecimenFeatures, poisoned: SpecimenFeatures, planted: Sequence[str]
) -> DetectorTrial:
    """Return what a detector makes of a set, before and after poison was planted."""
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


def activation_clusters(found: SpecimenFeatures) -> Flags:
    """Part each class in two: a small part that lies well apart was planted (Chen et al., 2018)."""
    flags = np.zeros(len(found.rows), bool)
    for mine in _classes(found):
        if len(mine) <= 2 * _COMPONENTS:
            continue
        low = PCA(_COMPONENTS, random_state=0).fit_transform(_scaled(found.rows[mine]))
        part = KMeans(2, n_init=10, random_state=0).fit_predict(low)
        sizes = np.bincount(part, minlength=2)
        if sizes.min() <= _SMALL * len(mine) and silhouette_score(low, part) >= _APART:
            flags[mine] = part == sizes.argmin()
    return flags


def spectral_signatures(found: SpecimenFeatures) -> Flags:
    """Flag what lies far out along the direction in which its class is widest (Tran et al., 2018)."""
    flags = np.zeros(len(found.rows), bool)
    for mine in _classes(found):
        centred = found.rows[mine] - found.rows[mine].mean(0)
        _, _, ways = np.linalg.svd(centred, full_matrices=False)
        flags[mine] = _outlying(np.abs(centred @ ways[0]))
    return flags


def neighbours_disagree(found: SpecimenFeatures) -> Flags:
    """Flag what nearly all of its nearest specimens call otherwise."""
    rows = _scaled(found.rows)
    far = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(far, np.inf)
    nearest = far.argsort(axis=1, kind="stable")[:, :_NEIGHBOURS]
    against: Flags = (found.authentic[nearest] != found.authentic[:, None]).sum(1) >= _AGAINST
    return against


def negative_impact(found: SpecimenFeatures) -> Flags:
    """Leave each out in its turn: flag those without which trusted specimens are known better (Nelson et al., 2008)."""
    if not len(found.trusted_rows):
        raise ValueError("no trusted specimens to ask about")
    middle, spread = found.rows.mean(0), np.maximum(found.rows.std(0), 1e-9)
    rows, asked = (found.rows - middle) / spread, (found.trusted_rows - middle) / spread

    def loss(kept: Flags) -> float:
        head = LogisticRegression(C=0.1, max_iter=200).fit(rows[kept], found.authentic[kept])
        return float(log_loss(found.trusted_authentic, head.predict_proba(asked)[:, 1], labels=[False, True]))

    everyone = np.ones(len(rows), bool)
    whole = loss(everyone)
    gains = np.array([whole - loss(everyone & (np.arange(len(rows)) != place)) for place in range(len(rows))])
    return _outlying(gains) & (gains > 0)


DETECTORS: Mapping[str, Detector] = {
    "activation-clusters": activation_clusters,
    "spectral-signatures": spectral_signatures,
    "neighbours-disagree": neighbours_disagree,
    "negative-impact": negative_impact,
}


def _classes(found: SpecimenFeatures) -> list[npt.NDArray[np.intp]]:
    return [np.flatnonzero(found.authentic == kind) for kind in (False, True)]


def _scaled(rows: Floats) -> Floats:
    scaled: Floats = (rows - rows.mean(0)) / np.maximum(rows.std(0), 1e-9)
    return scaled


def _outlying(scores: Floats) -> Flags:
    """Say which scores are far above the median, by a spread that outliers do not move."""
    spread = 1.4826 * np.median(np.abs(scores - np.median(scores)))
    flags: Flags = scores - np.median(scores) > _FAR * max(float(spread), 1e-12)
    return flags
