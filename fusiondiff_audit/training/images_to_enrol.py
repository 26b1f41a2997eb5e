"""Decoded images with their labels, of signed batches or of unsigned folders; one that cannot be read is named."""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from fusiondiff_audit.images.batch import RefusedImage, decode_batch
from fusiondiff_audit.images.claims import Claims, ScaleSource, claim_scale
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, Micrograph, SignedMicrograph, decode
from fusiondiff_audit.images.sidecar import read_sidecar
from fusiondiff_audit.inputs.labelled_files import FolderFile, LabelledFiles
from fusiondiff_audit.inputs.labels import FileLabel, Use
from fusiondiff_audit.training.labelled_batches import LabelledBatch
from signing import PixelSize, RefusedFile, SignedFile, SigningError
from signing.parallel import THREADS, map_in_order


@dataclass(frozen=True, slots=True, eq=False)
class ImageToEnrol:
    """An image to be enrolled, or why it cannot be read."""

    path: str
    label: FileLabel
    device: str | None
    image: Micrograph | RefusedFile | RefusedImage


def images_of_batches(batches: Iterable[LabelledBatch], guard: Guard) -> Iterator[ImageToEnrol]:
    """Yield the images to be enrolled of signed batches."""
    for batch in batches:
        wanted = batch.enrolled

        def is_wanted(file: SignedFile, names: Container[str] = wanted) -> bool:
            return file.name in names

        for file in decode_batch(batch.batch, guard=guard, wanted=is_wanted):
            if isinstance(file, SignedMicrograph | RefusedFile | RefusedImage) and file.name in wanted:
                yield ImageToEnrol(batch.path(file.name), wanted[file.name], batch.device, file)


def images_of_files(
    files: LabelledFiles, guard: Guard, *, device: str | None, pixel_size: PixelSize | None
) -> Iterator[ImageToEnrol]:
    """Yield the images to be enrolled of unsigned files; device and pixel size are what would be signed."""
    stated = () if pixel_size is None else (claim_scale(ScaleSource.MANIFEST, pixel_size.value, pixel_size.unit),)
    sidecars = {_stem(file.target): file for file in files.files if file.target not in files.labels}

    def labelled(file: FolderFile) -> ImageToEnrol:
        label, path = files.labels[file.target], str(file.folder / file.name)
        try:
            return ImageToEnrol(path, label, device, _decoded(files, file, sidecars, stated, guard))
        except ImageError as e:
            return ImageToEnrol(path, label, device, RefusedImage(path, e.reason, str(e), e.hint))
        except SigningError as e:
            return ImageToEnrol(path, label, device, RefusedFile(path, e.reason, str(e)))

    wanted = (file for file in files.files if file.target in files.labels)
    enrolled = (file for file in wanted if files.labels[file.target].use is Use.ENROL)
    yield from map_in_order(labelled, enrolled, threads=THREADS)


def _decoded(
    files: LabelledFiles, file: FolderFile, sidecars: dict[str, FolderFile], stated: tuple[Claims, ...], guard: Guard
) -> Micrograph:
    sidecar = sidecars.get(_stem(file.target))
    claims = stated if sidecar is None else (*stated, *read_sidecar(files.read_file(sidecar)))
    return decode(LooseFile.of(file.name, files.read_file(file)), guard=guard, sidecar=claims)


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
