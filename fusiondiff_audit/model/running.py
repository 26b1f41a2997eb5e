"""Running the encoder: micro-batches of one fixed size, a fixed number of threads, and no shortcuts in arithmetic.

Tiles of different pictures share micro-batches, and the last is padded: the arithmetic of a tile depends neither on how
many there are nor on its neighbours. A picture is handed on when its last tile is there, so memory does not grow.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
import torch

from fusiondiff_audit.images.micrograph import Micrograph
from fusiondiff_audit.images.prepare import Prepared, prepare
from fusiondiff_audit.model.calibration import cells
from fusiondiff_audit.model.encoder import Encoded, Encoder
from fusiondiff_audit.model.enrolment import Enrolled, Example
from fusiondiff_audit.model.findings import Runtime
from fusiondiff_audit.model.settings import Settings

Floats = npt.NDArray[np.float32]
Run = Callable[[torch.Tensor], Encoded]
_LIBRARIES = ("torch", "diffusers", "timm", "numpy")


@dataclass(slots=True, eq=False)
class Embedded:
    """A picture, what was prepared of it, and an embedding for each of its tiles."""

    sample: Micrograph
    prepared: Prepared
    rows: Floats
    gates: Floats
    residual: Floats | None
    missing: int = field(repr=False)


class Runner:
    """An encoder on a device; whatever it gives is on the CPU again."""

    def __init__(
        self, encoder: Encoder, settings: Settings, device: torch.device, *, threads: int, compiled: bool
    ) -> None:
        self.encoder = encoder.eval().to(device).to(memory_format=torch.channels_last)
        self._run: Run = torch.compile(self.encoder, fullgraph=False) if compiled else self.encoder
        self._settings = settings
        self._device = device
        self.runtime = Runtime(
            str(device),
            settings.architecture.precision.value,
            settings.micro_batch,
            threads,
            compiled,
            tuple((name, version(name)) for name in _LIBRARIES),
        )

    def embed(self, samples: Iterable[Micrograph]) -> Iterator[Embedded]:
        """Yield every picture in its turn, those without tiles too."""
        side, size = self._settings.architecture.tile, self._settings.micro_batch
        batch = torch.zeros(size, 1, side, side)
        owners: list[tuple[Embedded, int]] = []
        waiting: deque[Embedded] = deque()
        for sample in samples:
            prepared = prepare(sample, self._settings.geometry)
            picture = self._blank(sample, prepared)
            waiting.append(picture)
            for place, piece in enumerate(self._pieces(prepared)):
                batch[len(owners), 0] = torch.from_numpy(piece)
                owners.append((picture, place))
                if len(owners) == size:
                    self._fill(batch, owners)
            while waiting and not waiting[0].missing:
                yield waiting.popleft()
        if owners:
            batch[len(owners) :] = 0
            self._fill(batch, owners)
        yield from waiting

    def _pieces(self, prepared: Prepared) -> Iterator[Floats]:
        """Yield the tiles of a picture, from 0 to 1."""
        side = self._settings.architecture.tile
        if not prepared.tiles:
            return
        unit = self._settings.intensity.apply(prepared.plane)
        for tile in prepared.tiles:
            yield unit[tile.top : tile.top + side, tile.left : tile.left + side]

    def _blank(self, sample: Micrograph, prepared: Prepared) -> Embedded:
        made, count = self._settings.architecture, len(prepared.tiles)
        cells = made.tile // made.autoencoder.shrink
        residual = np.zeros((count, cells, cells), np.float32) if made.reading.residual else None
        rows, gates = np.zeros((count, made.width), np.float32), np.zeros(count, np.float32)
        return Embedded(sample, prepared, rows, gates, residual, count)

    def _fill(self, batch: torch.Tensor, owners: list[tuple[Embedded, int]]) -> None:
        """Encode one micro-batch, and give each tile's results to its picture."""
        with exact(self.runtime.threads), torch.inference_mode():
            found = self._run(batch.to(self._device))
            fused, gates = found.fused.float().cpu().numpy(), found.gate.float().cpu().numpy()
            residual = None if found.residual is None else found.residual.float().cpu().numpy()
        if not np.isfinite(fused[: len(owners)]).all():
            raise ValueError(
                f"{owners[0][0].sample.name}: an embedding is not finite; the bundle's precision is too low"
            )
        for row, (picture, place) in enumerate(owners):
            picture.rows[place], picture.gates[place] = fused[row], gates[row]
            if picture.residual is not None and residual is not None:
                picture.residual[place] = residual[row]
            picture.missing -= 1
        owners.clear()


def gather(pictures: Sequence[Embedded], examples: Sequence[Example]) -> Enrolled:
    """Return what was embedded of some examples, to be kept; a picture that shows nothing to learn from is refused."""
    for picture in pictures:
        if not len(picture.rows):
            raise ValueError(f"{picture.sample.name}: has no tile with structure to learn from")
    counts = [len(picture.rows) for picture in pictures]
    residual = np.concatenate([cells(picture.residual, len(picture.rows)) for picture in pictures])
    owner = np.repeat(np.arange(len(pictures)), counts)
    return Enrolled(tuple(examples), np.concatenate([picture.rows for picture in pictures]), residual, owner)


@contextmanager
def exact(threads: int) -> Iterator[None]:
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
