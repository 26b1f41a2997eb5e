"""Running the encoder: micro-batches of fixed sizes, a fixed number of threads, and no shortcuts in arithmetic.

A picture has its micro-batches to itself, the last one padded to a power of two. Sharing them would save padding, but
the last digits of a tile can depend on its place among the others (measured: docs/decisions/two-readings.md), and so on
who came before.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
import torch

from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.preparation import Prepared, prepare
from fusiondiff_audit.images.quality import Fault
from fusiondiff_audit.model.encoder import Encoder, EncoderOutput
from fusiondiff_audit.model.enrolment import EnrolledEmbeddings, LabelledExample
from fusiondiff_audit.model.findings import Runtime
from fusiondiff_audit.model.nonconformity import mean_residual
from fusiondiff_audit.model.settings import Settings

Floats = npt.NDArray[np.float32]
_LIBRARIES = (
    "torch",
    "diffusers",
    "timm",
    "numpy",
    "imagecodecs",
    "simplejpeg",
    "pillow",
)  # the last three decode and resize


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedImage:
    """A picture, what was prepared of it, and an embedding for each of its tiles."""

    micrograph: Micrograph
    prepared: Prepared
    embeddings: Floats
    gates: Floats
    residual: Floats | None

    def without_pixels(self) -> "EmbeddedImage":
        """Return what is left when the picture is forgotten, however large it was."""
        emptied = replace(self.micrograph, pixels=self.micrograph.pixels[:0])
        return replace(self, micrograph=emptied, prepared=replace(self.prepared, plane=self.prepared.plane[:0]))


class EncoderRunner:
    """An encoder on a device; whatever it gives is on the CPU again."""

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        self.encoder = encoder.train(mode=False)  # norms as they were learnt
        self._settings = settings
        self.move(torch.device("cpu"), threads=settings.threads)

    def move(self, device: torch.device, *, threads: int) -> None:
        """Take the encoder to a device; whoever shares this runner goes with it."""
        self.encoder.to(device).to(memory_format=torch.channels_last)
        self._device = device
        self.runtime = Runtime(
            str(device),
            self._settings.architecture.precision.value,
            self._settings.micro_batch,
            threads,
            tuple((name, version(name)) for name in _LIBRARIES),
        )

    def embed(self, samples: Iterable[Micrograph]) -> Iterator[EmbeddedImage]:
        """Yield every picture in its turn, those without tiles too."""
        for sample in samples:
            prepared = prepare(sample, self._settings.geometry)
            count = len(prepared.tiles)
            found = [self._encoded(batch) for batch in self._batches(prepared)]
            made = self._settings.architecture
            latent_side = made.tile // made.autoencoder.shrink
            rows = _joined([one.embedding for one in found], count, made.embedding_dim)
            gates = _joined([one.gate for one in found], count)
            residual = (
                _joined([one.residual for one in found], count, latent_side, latent_side)
                if made.reading.residual
                else None
            )
            if any(part is not None and not np.isfinite(part).all() for part in (rows, gates, residual)):
                prepared, rows, gates, residual = _overflowed(prepared), rows[:0], gates[:0], None
            yield EmbeddedImage(sample, prepared, rows, gates, residual)

    def _batches(self, prepared: Prepared) -> Iterator[torch.Tensor]:
        """Yield the tiles of a picture from 0 to 1, so many at once; the last micro-batch is padded."""
        side, left = self._settings.architecture.tile, prepared.tiles
        if not left:
            return
        unit = self._settings.intensity.apply(prepared.plane)
        for size in _sizes(len(left), self._settings.micro_batch):
            batch = torch.zeros(size, 1, side, side)
            for place, tile in enumerate(left[:size]):
                piece = unit[tile.top : tile.top + side, tile.left : tile.left + side]
                batch[place, 0] = torch.from_numpy(piece)
            left = left[size:]
            yield batch

    def embed_tiles(self, tiles: torch.Tensor) -> Floats:
        """Return the embeddings of tiles from 0 to 1, in the micro-batches that `embed` uses."""
        sizes = _sizes(len(tiles), self._settings.micro_batch)
        padded = torch.cat([tiles, tiles.new_zeros(sum(sizes) - len(tiles), *tiles.shape[1:])])
        found = [self._encoded(batch).embedding for batch in padded.split(sizes)]  # type: ignore[no-untyped-call]
        return _joined(found, len(tiles), self._settings.architecture.embedding_dim)

    def _encoded(self, batch: torch.Tensor) -> EncoderOutput:
        with reproducible(self.runtime.threads), torch.inference_mode():
            found = self.encoder(batch.to(self._device))
            residual = None if found.residual is None else found.residual.float().cpu()
            return EncoderOutput(found.embedding.float().cpu(), found.gate.float().cpu(), residual)


def _sizes(tiles: int, most: int) -> list[int]:
    """Return how many tiles go at once: as many as may be, and then the power of two that takes the rest."""
    full, rest = divmod(tiles, most)
    last = [min(most, 1 << (rest - 1).bit_length())] if rest else []
    return [most] * full + last


def _joined(found: Sequence[torch.Tensor | None], count: int, *shape: int) -> Floats:
    """Return what was found of so many tiles, without the padding."""
    parts = [part.numpy() for part in found if part is not None]
    return np.concatenate([np.zeros((0, *shape), np.float32), *parts])[:count]


def _overflowed(prepared: Prepared) -> Prepared:
    """Return a picture that cannot be judged: its numbers grew beyond the model's precision, by chance or design."""
    faults = (*prepared.quality.faults, Fault.OVERFLOW)
    steps = (*prepared.steps, "the model's arithmetic overflowed")
    return replace(prepared, tiles=(), quality=replace(prepared.quality, faults=faults), steps=steps)


def collect_embeddings(pictures: Sequence[EmbeddedImage], examples: Sequence[LabelledExample]) -> EnrolledEmbeddings:
    """Return what was embedded of some examples, to be kept; a picture that shows nothing to learn from is refused."""
    for picture in pictures:
        if not len(picture.embeddings):
            raise ValueError(f"{picture.micrograph.name}: has no tile with structure to learn from")
    counts = [len(picture.embeddings) for picture in pictures]
    residual = np.concatenate([mean_residual(picture.residual, len(picture.embeddings)) for picture in pictures])
    owner = np.repeat(np.arange(len(pictures)), counts)
    return EnrolledEmbeddings(
        tuple(examples), np.concatenate([picture.embeddings for picture in pictures]), residual, owner
    )


@contextmanager
def reproducible(threads: int) -> Iterator[None]:
    """Compute with so many threads, and with full single precision on a GPU; put back whatever was set."""
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
