"""The specimens of `probe.py`, and the vectors that stand for each: of an encoder, and of measurements.

Vectors are kept in a folder, one file for each specimen and source. Its name is a digest over the generator's version,
the specimen, and what else the vectors follow from, such as the bundle. It does not cover this tool's own code: after
a change of how images are prepared, embedded or measured, take a new folder.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

import signing
from benchmarks.cell_maps import lite0_input, load_lite0
from benchmarks.convert_efficientnet import PICKLE_DIGEST
from benchmarks.phase_measurements import measure, summary
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.evaluation.bundle import as_micrograph
from fusiondiff_audit.evaluation.open_set import IMAGES_OF_DESIGNS
from fusiondiff_audit.images.micrograph import LooseMicrograph
from fusiondiff_audit.kiln.composition import composition
from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.kiln.phase_map import draw_phase_map
from fusiondiff_audit.kiln.randomised import randomised_specimen
from fusiondiff_audit.kiln.specimens import KILN_VERSION, Specimen
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.inference import reproducible
from fusiondiff_audit.model.specimens import TileFeatures, Vectors, pool, whole

PROBE_STREAM = "probe"  # no training or other benchmark draws from it
MEASUREMENTS = "measurements/1"  # changes with what is measured
SIDE = 512  # pixels
_IMAGES = max(IMAGES_OF_DESIGNS)
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class VectorSource:
    """What makes vectors of specimens: for each, one row for each number of images."""

    name: str
    content: str  # names all that the vectors follow from, beside the specimens
    compute: Callable[[Sequence[int], int], Iterator[Vectors]]  # of numbers of specimens, in so many processes


def probe_specimen(number: int) -> Specimen:
    return randomised_specimen(PROBE_STREAM, str(number))


def targets(numbers: Sequence[int]) -> tuple[tuple[str, ...], Vectors]:
    """Return the names of the quantities, and the true quantities of specimens."""
    specimens = map(probe_specimen, numbers)
    compositions = [composition(specimen.body, specimen.pixel_size) for specimen in specimens]
    return tuple(compositions[0]), np.array([list(quantities.values()) for quantities in compositions])


def kept_vectors(folder: Path, source: VectorSource, numbers: Sequence[int], workers: int) -> Vectors:
    """Return vectors from a folder, and compute and keep those that are not there: specimens x designs x numbers."""
    paths = {number: folder / f"{_digest(source, number)}.npy" for number in numbers}
    missing = [number for number in numbers if not paths[number].exists()]
    computed = with_progress(source.compute(missing, workers), activity=f"{source.name}: specimens", total=len(missing))
    for number, vectors in zip(missing, computed, strict=True):
        file = io.BytesIO()
        np.save(file, vectors)
        signing.create(paths[number], file.getvalue())
    return np.array([np.load(path, allow_pickle=False) for path in paths.values()])


def _digest(source: VectorSource, number: int) -> str:
    key = repr((PROBE_STREAM, number, SIDE, IMAGES_OF_DESIGNS))
    return hashlib.sha256("\n".join((KILN_VERSION, source.content, key)).encode()).hexdigest()


def bundle_source(model: DiffusionModel) -> VectorSource:
    """Return the mean and deviation of the features of all tiles, also of images that no audit would judge.

    Without a tile, all numbers are NaN.
    """

    def compute(numbers: Sequence[int], workers: int) -> Iterator[Vectors]:
        embedded = (image.features for image in model.embed(_micrographs(numbers, workers)))
        for images in _of_specimens(embedded):
            yield np.array([_pooled(images[:count]) for count in IMAGES_OF_DESIGNS])

    return VectorSource("bundle", f"features {model.digest}", compute)


def lite0_source(weights: Path, model: DiffusionModel) -> VectorSource:
    """Return the mean and deviation of each channel of each stage, on the planes that the bundle prepares."""
    network = load_lite0(weights)

    def moments(micrograph: LooseMicrograph) -> npt.NDArray[np.float64]:
        with reproducible(model.settings.threads), torch.inference_mode():
            stages = network.forward_intermediates(lite0_input(micrograph, model), intermediates_only=True)
            stages = [stage[0].double() for stage in stages]
            channels = [torch.stack([stage.mean((1, 2)), (stage**2).mean((1, 2))]) for stage in stages]
            return torch.cat(channels, 1).numpy()

    def compute(numbers: Sequence[int], workers: int) -> Iterator[Vectors]:
        for images in _of_specimens(map(moments, _micrographs(numbers, workers))):
            pooled = np.array([np.mean(images[:count], axis=0) for count in IMAGES_OF_DESIGNS])
            mean, square = pooled[:, 0], pooled[:, 1]
            yield np.hstack([mean, np.sqrt(np.maximum(square - mean**2, 0))])

    prepared = f"{model.settings.geometry} {model.settings.intensity}"  # the weights are known by their first file
    return VectorSource("lite0", f"stages {PICKLE_DIGEST} {prepared}", compute)


def measured_source() -> VectorSource:
    """Return measurements of the phase maps of the images."""
    return VectorSource(
        "phase map", MEASUREMENTS, lambda numbers, workers: parallel_map(measured_vectors, numbers, workers)
    )


def measured_vectors(number: int) -> Vectors:
    """Return what can be measured of a specimen on its phase maps: designs x numbers."""
    specimen, images = probe_specimen(number), []
    for field in range(_IMAGES):
        pixels = specimen.field(field, SIDE)
        phases = draw_phase_map(specimen.layout(field, SIDE))
        images.append(measure(phases, pixels / np.float32(np.iinfo(pixels.dtype).max)))
    return np.array([list(summary(images[:count]).values()) for count in IMAGES_OF_DESIGNS])


def probe_micrograph(place: tuple[int, int]) -> LooseMicrograph:
    """Draw a field of a specimen, both given by their numbers."""
    number, field = place
    return as_micrograph(f"probe {number} {field}", probe_specimen(number).field(field, SIDE))


def _micrographs(numbers: Sequence[int], workers: int) -> Iterator[LooseMicrograph]:
    places = [(number, field) for number in numbers for field in range(_IMAGES)]
    return parallel_map(probe_micrograph, places, workers)


def _of_specimens(images: Iterator[_Item]) -> Iterator[list[_Item]]:
    while group := list(islice(images, _IMAGES)):
        yield group


def _pooled(images: Sequence[TileFeatures]) -> Vectors:
    if not sum(map(len, images)):
        return np.full(2 * images[0].shape[1], np.nan)
    return pool(images, whole(images))
