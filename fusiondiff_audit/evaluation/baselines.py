"""Baselines on cheap descriptors, trained anew for each seed, and controls that must stay at chance.

All use the same random forest with balanced class weights, as the model's forests do. A control above chance means that
files reveal the class, or that parts leak into each other; then no other figure of the table is valid.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from fusiondiff_audit.evaluation.descriptors import grey_statistics, texture_statistics
from fusiondiff_audit.evaluation.extraction import Descriptor, Floats
from fusiondiff_audit.evaluation.metrics import Scores, Truth
from fusiondiff_audit.kiln.specimens import Pixels, Specimen
from fusiondiff_audit.kiln.vendors import VENDORS, save_image

_TREES = 400


@dataclass(frozen=True, slots=True)
class Baseline:
    """A forest on a descriptor."""

    title: str
    descriptor: Descriptor
    control: bool = False
    permuted: bool = False  # trained on permuted labels

    def scores(self, train: Floats, labels: Truth, test: Floats, *, seed: int, workers: int) -> Scores:
        """Train on labelled rows, and return the probability that each test row is authentic."""
        if self.permuted:
            labels = np.random.default_rng(seed).permutation(labels)
        forest = RandomForestClassifier(_TREES, random_state=seed, class_weight="balanced", n_jobs=workers)
        forest.fit(train, labels)
        scores: Scores = forest.predict_proba(test)[:, np.flatnonzero(forest.classes_)[0]]
        return scores


def _grey(pixels: Pixels, _: Specimen) -> Floats:
    return grey_statistics(pixels)


def _texture(pixels: Pixels, _: Specimen) -> Floats:
    return texture_statistics(pixels)


def _file(pixels: Pixels, specimen: Specimen) -> Floats:
    """Describe the file without its pixels: vendor, sizes, metadata."""
    vendor, acquisition, file = save_image(specimen, pixels)
    return np.array(
        [
            sorted(VENDORS).index(vendor),
            len(file.data),
            len(file.sidecar or ""),
            len(zlib.compress(file.data, 1)),
            pixels.itemsize,
            specimen.pixel_size,
            acquisition.magnification,
            acquisition.voltage,
            acquisition.distance,
        ]
    )


DESCRIPTORS: Mapping[str, Callable[[Pixels], Floats]] = {"grey": grey_statistics, "texture": texture_statistics}
BASELINES: Mapping[str, Baseline] = {
    "grey": Baseline("(a) grey statistics, forest", _grey),
    "texture": Baseline("(b) LBP, GLCM, gradients, forest", _texture),
    "file": Baseline("control: the file without its pixels", _file, control=True),
    "permuted": Baseline("control: (b) on permuted labels", _texture, control=True, permuted=True),
}
