"""Decoding a signed batch: a few images at once, in order; a refused file never stops the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from fusiondiff_audit.images.claims import MAX_CLAIM_TEXT, Claims
from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import SignedMicrograph, decode
from fusiondiff_audit.images.sidecar import read_sidecar
from signing import Batch, FileKind, RefusedFile, SignedFile
from signing.parallel import THREADS


@dataclass(frozen=True, slots=True)
class RefusedImage:
    """A file with the signed bytes that is not decoded, and the reason."""

    name: str
    reason: ImageReason
    message: str
    hint: str | None = None


BatchFile = SignedMicrograph | SignedFile | RefusedFile | RefusedImage


def decode_batch(
    batch: Batch,
    *,
    guard: Guard,
    threads: int = THREADS,
    wanted: Callable[[SignedFile], bool] = lambda file: True,
) -> Iterator[BatchFile]:
    """Yield every file of a batch, decoded or refused: sidecars first, then the others in the manifest's order.

    Wanted images are decoded; other files with the signed bytes are yielded as they are. At most one file more than
    there are threads is read ahead; the memory of decoders has its own budget (`guard`).
    """
    sidecars: dict[str, tuple[str, tuple[Claims, ...]]] = {}  # by stem: name and claims of the first sidecar

    def work(file: SignedFile | RefusedFile) -> BatchFile:
        if isinstance(file, RefusedFile) or file.entry.kind is not FileKind.IMAGE or not wanted(file):
            return file
        try:
            _, sidecar = sidecars.get(_stem(file.name), ("", ()))
            return decode(file, guard=guard, sidecar=sidecar)
        except ImageError as e:
            return RefusedImage(file.name, e.reason, str(e), e.hint)

    first = [entry for entry in batch.manifest.files if entry.kind is FileKind.SIDECAR]
    others = [entry for entry in batch.manifest.files if entry.kind is not FileKind.SIDECAR]
    images = {_stem(entry.name) for entry in others if entry.kind is FileKind.IMAGE}
    for file in batch.read(first, lambda file: file, threads=threads):  # in the manifest's order
        stem = _stem(file.name)
        if isinstance(file, SignedFile) and len(file.data) <= MAX_CLAIM_TEXT and stem in images:
            if stem in sidecars:
                message = f"{file.name!a}: a second sidecar of one image, after {sidecars[stem][0]!a}"
                hint = "keep one sidecar for each image"
                yield RefusedImage(file.name, ImageReason.UNSUPPORTED, message, hint)
                continue
            sidecars[stem] = file.name, read_sidecar(file.data)
        yield file
    yield from batch.read(others, work, threads=threads)
    yield from batch.extras()


def _stem(name: str) -> str:
    """Return a name without its suffix, which an image and its sidecar share."""
    return str(PurePosixPath(name).with_suffix(""))
