"""Inference: the encoder on a device, with fixed micro-batches, a fixed number of threads, and full precision.

Micro-batches are not shared between images, and the last one of an image is padded to a power of two; where the global
path sees windows of tiles, each window is a micro-batch. Sharing would
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
from fusiondiff_audit.model.windows import MicroBatch, micro_batches

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
    broad: Floats  # of each tile what the global path says

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
            features, embeddings, gates, residual, broad = self._of_tiles(prepared)
            if any(
                part is not None and not np.isfinite(part).all() for part in (features, embeddings, gates, residual)
            ):
                prepared, features, embeddings = _overflowed(prepared), features[:0], embeddings[:0]
                gates, residual, broad = gates[:0], None, broad[:0]
            pixels = fingerprint(prepared.plane)
            yield EmbeddedImage(micrograph, prepared, features, embeddings, gates, residual, pixels, broad)

    def _of_tiles(self, prepared: Prepared) -> tuple[Floats, Floats, Floats, Floats | None, Floats]:
        """Return features, embeddings, gates, residuals and the global path's vectors of an image's tiles."""
        architecture, count = self._settings.architecture, len(prepared.tiles)
        window = architecture.window
        batches = micro_batches(
            prepared.tiles,
            architecture.tile,
            most=self._settings.micro_batch,
            across=None if window is None else window.across,
        )
        outputs = list(self._outputs(prepared, batches))
        order = np.argsort([number for batch in batches for number in batch.tiles]) if count else np.arange(0)

        def joined(parts: Iterable[torch.Tensor | None], *shape: int) -> Floats:
            given = [part.numpy() for part in parts if part is not None]
            return np.concatenate([np.zeros((0, *shape), np.float32), *given])[order]

        cells = architecture.tile // architecture.autoencoder.shrink
        return (
            joined((output.features for output in outputs), architecture.feature_dim),
            joined((output.embedding for output in outputs), architecture.embedding_dim),
            joined(output.gate for output in outputs),
            joined((output.residual for output in outputs), cells, cells) if architecture.reading.residual else None,
            joined((output.broad for output in outputs), architecture.width),
        )

    def _outputs(self, prepared: Prepared, batches: Sequence[MicroBatch]) -> Iterator[EncoderOutput]:
        """Yield the output of each micro-batch."""
        if not batches:
            return
        side, unit = self._settings.architecture.tile, self._settings.intensity.apply(prepared.plane)
        for batch in batches:
            tiles = [prepared.tiles[number] for number in batch.tiles]
            greys = [unit[tile.top : tile.top + side, tile.left : tile.left + side] for tile in tiles]
            yield self._encoded(torch.from_numpy(np.stack(greys))[:, None], batch.places, len(tiles))

    def embed_tiles(self, tiles: torch.Tensor, broad: Floats | None = None) -> Floats:
        """Return the embeddings of tiles from 0 to 1, in the micro-batches that `embed` uses.

        `broad` is what the global path says of each; where it sees windows of tiles, it has to be given.
        """
        most, parts = self._settings.micro_batch, []
        for start in range(0, len(tiles), most):
            given = None if broad is None else torch.from_numpy(broad[start : start + most])
            batch = tiles[start : start + most]
            parts.append(self._encoded(batch, None, len(batch), given).embedding.numpy())
        return np.concatenate([np.zeros((0, self._settings.architecture.embedding_dim), np.float32), *parts])

    def _encoded(
        self,
        tiles: torch.Tensor,
        places: npt.NDArray[np.float32] | None,
        count: int,
        broad: torch.Tensor | None = None,
    ) -> EncoderOutput:
        """Return the output of tiles, which are padded with zeros to the size of a micro-batch."""
        padding = _size(count, self._settings.micro_batch) - count
        padded = torch.cat([tiles, tiles.new_zeros(padding, *tiles.shape[1:])])
        if broad is not None:
            broad = torch.cat([broad, broad.new_zeros(padding, broad.shape[1])]).to(self._device)
        where = None if places is None else torch.from_numpy(places).to(self._device)
        with reproducible(self.runtime.threads), torch.inference_mode():
            output: EncoderOutput = self.encoder(padded.to(self._device), where, broad)
            return output.on_cpu(count)


def _size(tiles: int, most: int) -> int:
    """Return the size of a micro-batch: the least power of two that holds the tiles, at most a full one."""
    return min(most, 1 << (tiles - 1).bit_length())


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
