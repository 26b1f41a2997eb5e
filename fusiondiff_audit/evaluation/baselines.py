"""What is trained anew for each seed: rivals on cheap descriptors, and controls that must find nothing.

All learn by the same random forest, to which both classes weigh alike, as ours does. A control that does find something
says that the pictures give their class away, or that the parts leak into each other, and then no other figure of the
table counts.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from fusiondiff_audit.evaluation import descriptors
from fusiondiff_audit.evaluation.extraction import Descriptor, Floats
from fusiondiff_audit.evaluation.metrics import Scores, Truth
from fusiondiff_audit.kiln.specimens import Pixels, Specimen, random_stream
from fusiondiff_audit.kiln.vendors import VENDORS, Acquisition, draw_settings

_TREES = 400


@dataclass(frozen=True, slots=True)
class Baseline:
    """A descriptor, and what it stands for."""

    title: str
    descriptor: Descriptor
    control: bool = False
    permuted: bool = False  # learns from labels in the wrong order

    def scores(self, known: Floats, labels: Truth, asked: Floats, *, seed: int, workers: int) -> Scores:
        """Learn from labelled rows, and return the probability of being authentic for others."""
        if self.permuted:
            labels = np.random.default_rng(seed).permutation(labels)
        forest = RandomForestClassifier(_TREES, random_state=seed, class_weight="balanced", n_jobs=workers)
        forest.fit(known, labels)
        scores: Scores = forest.predict_proba(asked)[:, np.flatnonzero(forest.classes_)[0]]
        return scores


def _grey(pixels: Pixels, _: Specimen) -> Floats:
    return descriptors.grey_statistics(pixels)


def _texture(pixels: Pixels, _: Specimen) -> Floats:
    return descriptors.texture_statistics(pixels)


def _file(pixels: Pixels, drawn: Specimen) -> Floats:
    """Return what a file tells before its pixels are looked at."""
    maker, voltage, distance = draw_settings(random_stream(*drawn.key, "maker"))
    shot = Acquisition(pixels, drawn.pixel_size, voltage, distance)
    file = VENDORS[maker](shot)
    return np.array(
        [
            sorted(VENDORS).index(maker),
            len(file.data),
            len(file.sidecar or ""),
            len(zlib.compress(file.data, 1)),
            pixels.itemsize,
            drawn.pixel_size,
            shot.magnification,
            voltage,
            distance,
        ]
    )


DESCRIPTORS: Mapping[str, Callable[[Pixels], Floats]] = {
    "grey": descriptors.grey_statistics,
    "texture": descriptors.texture_statistics,
}
BASELINES: Mapping[str, Baseline] = {
    "grey": Baseline("(a) grey statistics, forest", _grey),
    "texture": Baseline("(b) LBP, GLCM, gradients, forest", _texture),
    "file": Baseline("control: the file without its pixels", _file, control=True),
    "permuted": Baseline("control: (b) on permuted labels", _texture, control=True, permuted=True),
}
