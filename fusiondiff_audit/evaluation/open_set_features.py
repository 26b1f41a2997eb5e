"""The features of all items of a task, computed once and kept in a folder, so that a stopped run can be resumed.

A file is named after the digest of its task, which covers the generator, every recipe file, every item and, by the
stream of the run, the bundle. It does not cover this tool's own code: after a change of how images are prepared or
embedded, take a new folder.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import signing
from fusiondiff_audit.evaluation.bundle import EmbeddingProgress, as_micrograph
from fusiondiff_audit.evaluation.open_set_task import OpenSetItem, OpenSetTask
from fusiondiff_audit.images.micrograph import LooseMicrograph
from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.inference import EmbeddedImage
from fusiondiff_audit.model.specimens import TileFeatures


@dataclass(frozen=True, slots=True, eq=False)
class TaskFeatures:
    """Of each item of a task the features of its tiles, and its quality faults."""

    features: tuple[TileFeatures, ...]
    faults: tuple[tuple[str, ...], ...]

    def is_assessable(self, place: int) -> bool:
        """Say whether an audit would judge an image, and an enrolment take it."""
        return bool(len(self.features[place])) and not self.faults[place]

    def to_bytes(self) -> bytes:
        """Return the arrays as .npz."""
        file = io.BytesIO()
        counts = np.array([len(tiles) for tiles in self.features])
        faults = np.array([" ".join(names) for names in self.faults])
        np.savez(file, tiles=np.concatenate(self.features), counts=counts, faults=faults)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "TaskFeatures":
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            features = np.split(arrays["tiles"], np.cumsum(arrays["counts"])[:-1])
            return cls(tuple(features), tuple(tuple(names.split()) for names in arrays["faults"].tolist()))


def embed_task(model: DiffusionModel, task: OpenSetTask, *, workers: int, watch: EmbeddingProgress) -> TaskFeatures:
    """Return the features of a task; its images are drawn in `workers` processes and not kept."""
    drawn = parallel_map(open_set_micrograph, task.items, workers)
    images = [image.without_pixels() for image in watch(model.embed(drawn), len(task.items))]
    return TaskFeatures(tuple(image.features for image in images), tuple(map(_faults, images)))


def kept_features(folder: Path, task: OpenSetTask, compute: Callable[[], TaskFeatures]) -> TaskFeatures:
    """Return the features of a task from a folder; compute and keep them if they are not there."""
    path = folder / f"{task.digest}.npz"
    if path.exists():
        return TaskFeatures.from_bytes(path.read_bytes())
    features = compute()
    signing.create(path, features.to_bytes())
    return features


def open_set_micrograph(item: OpenSetItem) -> LooseMicrograph:
    """Draw the image of an item."""
    return as_micrograph(f"{item.part} {item.maker} {item.number}", item.pixels())


def _faults(image: EmbeddedImage) -> tuple[str, ...]:
    return tuple(fault.value for fault in image.prepared.quality.faults)
