"""A bundle of ours on the benchmark: its encoder as it stands, and forests that learn from each seed's labels alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from fusiondiff_audit.evaluation.benchmark import TEST_PARTS, PartResult, part_results
from fusiondiff_audit.evaluation.task import BenchmarkItem, BenchmarkTask
from fusiondiff_audit.images import Claims, ImageHeader, LooseMicrograph
from fusiondiff_audit.images.pixels import digest_pixels
from fusiondiff_audit.kiln.parallel import parallel_map
from fusiondiff_audit.kiln.specimens import Pixels
from fusiondiff_audit.model.classifier import DiffusionModel
from fusiondiff_audit.model.enrolment import EnrolledEmbeddings, ForestSettings, LabelledExample
from fusiondiff_audit.model.held_out import held_out_scores
from fusiondiff_audit.model.inference import EmbeddedImage, collect_embeddings

NAME = "fusiondiff"
EmbeddingProgress = Callable[[Iterable[EmbeddedImage], int], Iterable[EmbeddedImage]]


def evaluate_bundle(
    model: DiffusionModel, task: BenchmarkTask, labels: Sequence[int], *, workers: int, watch: EmbeddingProgress
) -> Iterator[PartResult]:
    """Yield what a bundle reaches on one seed."""
    task = replace(
        task, parts={"train": task.parts["train"][: max(labels)]} | {name: task.parts[name] for name in TEST_PARTS}
    )
    seen = embed_items(model, task.items(), workers=workers, watch=watch)
    learnt = len(task.parts["train"])
    asked = np.arange(learnt, len(seen.examples))
    learning = ForestSettings(seed=task.seed)
    for n in labels:
        scores = held_out_scores(seen, np.arange(n), asked, learning=learning, rule=model.settings.geometry.rule)
        yield from part_results(task, NAME, n, scores)


def embed_items(
    model: DiffusionModel, items: Sequence[BenchmarkItem], *, workers: int, watch: EmbeddingProgress
) -> EnrolledEmbeddings:
    """Return what a model sees in each picture, which is made for it and forgotten."""
    found = (picture.without_pixels() for picture in model.embed(parallel_map(_made, items, workers)))
    pictures = list(watch(found, len(items)))
    return _labelled(pictures, [(" ".join(item.specimen().key), item.authentic) for item in items])


def seen_by(model: DiffusionModel, planes: Sequence[tuple[str, Pixels, bool]]) -> EnrolledEmbeddings:
    """Return what a model sees in planes that somebody else cut, each with its name and whether it is authentic."""
    pictures = [
        found.without_pixels() for found in model.embed(as_micrograph(name, pixels) for name, pixels, _ in planes)
    ]
    return _labelled(pictures, [(f"{name} {place}", authentic) for place, (name, _, authentic) in enumerate(planes)])


def _labelled(pictures: Sequence[EmbeddedImage], said: Sequence[tuple[str, bool]]) -> EnrolledEmbeddings:
    """Return pictures with the specimen and the label of each."""
    named = zip(pictures, said, strict=True)
    return collect_embeddings(
        pictures, [LabelledExample(one.micrograph.pixel_digest, *specimen) for one, specimen in named]
    )


def _made(item: BenchmarkItem) -> LooseMicrograph:
    return as_micrograph(f"{item.part} {item.number}", item.pixels())


def as_micrograph(name: str, plane: Pixels) -> LooseMicrograph:
    """Return a plane as a picture that nobody signed and no file holds."""
    pixels = plane[:, :, None]
    digest = digest_pixels(pixels)
    height, width, _ = pixels.shape
    header = ImageHeader("tiff", width, height, 1, 8 * pixels.itemsize)
    return LooseMicrograph(name, digest, digest, pixels, header, "none", Claims(), ())
