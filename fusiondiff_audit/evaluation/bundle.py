"""A bundle on the benchmark: its encoder is frozen, and forests are trained on the labels of each seed alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from fusiondiff_audit.evaluation.benchmark import PartResult, part_results, with_labels
from fusiondiff_audit.evaluation.task import BenchmarkItem, BenchmarkTask
from fusiondiff_audit.images.claims import Claims
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.micrograph import LooseMicrograph
from fusiondiff_audit.images.pixels import digest_pixels
from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.kiln.specimens import Pixels
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import EnrolledEmbeddings, ForestSettings, LabelledExample
from fusiondiff_audit.model.held_out import held_out_scores
from fusiondiff_audit.model.inference import EmbeddedImage, collect_embeddings

MODEL_NAME = "fusiondiff"
EmbeddingProgress = Callable[[Iterable[EmbeddedImage], int], Iterable[EmbeddedImage]]


def evaluate_bundle(
    model: DiffusionModel, task: BenchmarkTask, labels: Sequence[int], *, workers: int, watch: EmbeddingProgress
) -> Iterator[PartResult]:
    """Test a bundle on one seed, at each number of labels."""
    task = with_labels(task, max(labels))
    embeddings = embed_items(model, task.items(), workers=workers, watch=watch)
    test = np.arange(len(task.parts["train"]), len(embeddings.examples))
    learning = ForestSettings(seed=task.seed)
    for n in labels:
        scores = held_out_scores(embeddings, np.arange(n), test, learning=learning, rule=model.settings.geometry.rule)
        yield from part_results(task, MODEL_NAME, n, scores)


def embed_items(
    model: DiffusionModel, items: Sequence[BenchmarkItem], *, workers: int, watch: EmbeddingProgress
) -> EnrolledEmbeddings:
    """Return the embeddings of items; their images are drawn in `workers` processes and not kept."""
    embedded = (image.without_pixels() for image in model.embed(parallel_map(_micrograph, items, workers)))
    images = list(watch(embedded, len(items)))
    labels = [(" ".join(item.specimen().key), item.authentic) for item in items]
    named = zip(images, labels, strict=True)
    examples = [LabelledExample(image.micrograph.pixel_digest, *label) for image, label in named]
    return collect_embeddings(images, examples)


def _micrograph(item: BenchmarkItem) -> LooseMicrograph:
    return as_micrograph(f"{item.part} {item.number}", item.pixels())


def as_micrograph(name: str, plane: Pixels) -> LooseMicrograph:
    """Return pixels as a micrograph without a file or a signature."""
    pixels = plane[:, :, None]
    digest = digest_pixels(pixels)
    height, width, _ = pixels.shape
    header = ImageHeader("tiff", width, height, 1, 8 * pixels.itemsize)
    return LooseMicrograph(name, digest, digest, pixels, header, "none", Claims(), ())
