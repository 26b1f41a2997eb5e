"""Inference: the encoder on a device, with fixed micro-batches, a fixed number of threads, and full precision.

Micro-batches are not shared between images, and the last one of an image is padded to a power of two. Sharing would
save padding, but the last digits of an embedding can depend on the position of its tile in the micro-batch (measured:
docs/decisions/fusiondiff-architecture.md), and so on the images judged before.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
import torch

from fusiondiff_audit.images.fingerprint import Fingerprints, fingerprint
from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.preparation import Prepared, prepare
from fusiondiff_audit.images.quality import Fault
from fusiondiff_audit.model.encoder import Encoder, EncoderOutput
from fusiondiff_audit.model.enrolment import EnrolledEmbeddings, LabelledExample
from fusiondiff_audit.model.findings import Runtime
from fusiondiff_audit.model.settings import Settings

Floats = npt.NDArray[np.float32]
_LISTED = 10  # images that a refusal names
# The last three decode and resize images.
_LIBRARIES = ("torch", "diffusers", "timm", "numpy", "imagecodecs", "simplejpeg", "pillow")


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedImage:
    """A micrograph with its preparation, and the features, embedding, mean gate and residual of each tile."""

    micrograph: Micrograph
    prepared: Prepared
    features: Floats  # before the projection; they are what typicality is judged by
    embeddings: Floats
    gates: Floats
    residual: Floats | None
    fingerprint: Fingerprints

    def without_pixels(self) -> "EmbeddedImage":
        """Return a copy without the pixels, which may be large."""
        emptied = replace(self.micrograph, pixels=self.micrograph.pixels[:0])
        return replace(self, micrograph=emptied, prepared=replace(self.prepared, plane=self.prepared.plane[:0]))


class EncoderRunner:
    """An encoder on a device; its results are on the CPU."""

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        self.encoder = encoder.train(mode=False)  # batch norms are constants
        self._settings = settings
        self.move(torch.device("cpu"), threads=settings.threads)

    def move(self, device: torch.device, *, threads: int) -> None:
        """Move the encoder to a device, and with it every model that shares this runner."""
        self.encoder.to(device).to(memory_format=torch.channels_last)
        self._device = device
        self.runtime = Runtime(
            str(device),
            self._settings.architecture.precision.value,
            self._settings.micro_batch,
            threads,
            tuple((name, version(name)) for name in _LIBRARIES),
        )

    def embed(self, micrographs: Iterable[Micrograph]) -> Iterator[EmbeddedImage]:
        """Yield the embeddings of each micrograph in its turn, of those without tiles too."""
        for micrograph in micrographs:
            prepared = prepare(micrograph, self._settings.geometry)
            count = len(prepared.tiles)
            outputs = [self._encoded(batch) for batch in self._batches(prepared)]
            architecture = self._settings.architecture
            cells = architecture.tile // architecture.autoencoder.shrink
            features = _joined([output.features for output in outputs], count, architecture.feature_dim)
            embeddings = _joined([output.embedding for output in outputs], count, architecture.embedding_dim)
            gates = _joined([output.gate for output in outputs], count)
            residual = None
            if architecture.reading.residual:
                residual = _joined([output.residual for output in outputs], count, cells, cells)
            if any(
                part is not None and not np.isfinite(part).all() for part in (features, embeddings, gates, residual)
            ):
                prepared, features, embeddings = _overflowed(prepared), features[:0], embeddings[:0]
                gates, residual = gates[:0], None
            pixels = fingerprint(prepared.plane)
            yield EmbeddedImage(micrograph, prepared, features, embeddings, gates, residual, pixels)

    def _batches(self, prepared: Prepared) -> Iterator[torch.Tensor]:
        """Yield the tiles of an image, from 0 to 1, in micro-batches; the last one is padded with zeros."""
        side, left = self._settings.architecture.tile, prepared.tiles
        if not left:
            return
        unit = self._settings.intensity.apply(prepared.plane)
        for size in _sizes(len(left), self._settings.micro_batch):
            batch = torch.zeros(size, 1, side, side)
            for place, tile in enumerate(left[:size]):
                greys = unit[tile.top : tile.top + side, tile.left : tile.left + side]
                batch[place, 0] = torch.from_numpy(greys)
            left = left[size:]
            yield batch

    def embed_tiles(self, tiles: torch.Tensor) -> Floats:
        """Return the embeddings of tiles from 0 to 1, in the micro-batches that `embed` uses."""
        sizes = _sizes(len(tiles), self._settings.micro_batch)
        padded = torch.cat([tiles, tiles.new_zeros(sum(sizes) - len(tiles), *tiles.shape[1:])])
        outputs = [self._encoded(batch).embedding for batch in padded.split(sizes)]  # type: ignore[no-untyped-call]
        return _joined(outputs, len(tiles), self._settings.architecture.embedding_dim)

    def _encoded(self, batch: torch.Tensor) -> EncoderOutput:
        with reproducible(self.runtime.threads), torch.inference_mode():
            output = self.encoder(batch.to(self._device))
            residual = None if output.residual is None else output.residual.float().cpu()
            return EncoderOutput(
                output.features.float().cpu(), output.embedding.float().cpu(), output.gate.float().cpu(), residual
            )


def _sizes(tiles: int, most: int) -> list[int]:
    """Return the sizes of micro-batches: full ones, then the least power of two that holds the rest."""
    full, rest = divmod(tiles, most)
    last = [min(most, 1 << (rest - 1).bit_length())] if rest else []
    return [most] * full + last


def _joined(outputs: Sequence[torch.Tensor | None], count: int, *shape: int) -> Floats:
    """Return the outputs of `count` tiles as one array, without the padding."""
    parts = [output.numpy() for output in outputs if output is not None]
    return np.concatenate([np.zeros((0, *shape), np.float32), *parts])[:count]


def _overflowed(prepared: Prepared) -> Prepared:
    """Return a preparation with the fault that the model's arithmetic overflowed, by chance or by design."""
    faults = (*prepared.quality.faults, Fault.OVERFLOW)
    steps = (*prepared.steps, "the model's arithmetic overflowed")
    return replace(prepared, tiles=(), quality=replace(prepared.quality, faults=faults), steps=steps)


def collect_embeddings(images: Sequence[EmbeddedImage], examples: Sequence[LabelledExample]) -> EnrolledEmbeddings:
    """Return the embeddings of labelled images for enrolment; an image without tiles is refused."""
    for image in images:
        if not len(image.embeddings):
            raise ValueError(f"{image.micrograph.name}: has no tile with structure to learn from")
    counts = [len(image.embeddings) for image in images]
    embeddings = np.concatenate([image.embeddings for image in images])
    features = np.concatenate([image.features for image in images])
    return EnrolledEmbeddings(tuple(examples), embeddings, features, np.repeat(np.arange(len(images)), counts))


def refuse_faults(images: Sequence[EmbeddedImage]) -> None:
    """Refuse to learn from images that no audit would judge: one saturated image widens every bound."""
    faulty = [image for image in images if image.prepared.quality.faults]
    if faulty:
        listed = [f"{image.micrograph.name}: {image.prepared.quality}" for image in faulty[:_LISTED]]
        more = [f"{len(faulty) - _LISTED} more"] * (len(faulty) > _LISTED)
        reason = "no audit would judge them, so they cannot be enrolled; replace them, or leave them out of the labels"
        raise ValueError(f"{'; '.join([*listed, *more])}; {reason}")


@contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Compute with a fixed number of threads, deterministically, and without TF32; restore the settings afterwards."""
    before = (torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    cudnn = (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark)
    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before[1:]
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
