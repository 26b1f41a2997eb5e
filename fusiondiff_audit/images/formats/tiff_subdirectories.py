"""Nested TIFF directories: EXIF, GPS and those that SubIFDs lists.

They are read so that their bytes count as referenced. None of them may hold an image: viewers that zoom out show a
smaller image in place of the large one, and nobody compares the two.
"""

from fusiondiff_audit.images.errors import ImageError, ambiguous, malformed
from fusiondiff_audit.images.formats.ifd import Directory, read_directory
from fusiondiff_audit.images.formats.tiff_tags import EXIF, GPS, ORIENTATION, STRIPS, SUBDIRECTORIES, TILES

MAX_SUBDIRECTORIES = 32
_INTEROPERABILITY = 40965


def nested_spans(data: bytes, directory: Directory) -> list[tuple[int, int]]:
    """Return the spans of nested directories; one that holds or turns an image is refused."""
    spans: list[tuple[int, int]] = []
    for tag in (EXIF, GPS):
        spans += _metadata_spans(data, directory, tag)
    offsets = directory.integers(SUBDIRECTORIES)
    if len(offsets) > MAX_SUBDIRECTORIES:
        raise malformed(f"{len(offsets)} nested directories, at most {MAX_SUBDIRECTORIES}")
    for offset in sorted(set(offsets)):
        if (nested := _read(data, offset)) is None:  # other readers may, and show an image in it
            raise ambiguous(f"a nested directory that cannot be read (tag {SUBDIRECTORIES})")
        if STRIPS in nested or TILES in nested:
            raise ambiguous(f"a second image in a nested directory (tag {SUBDIRECTORIES})")
        spans += nested.spans()
    return spans


def _metadata_spans(data: bytes, directory: Directory, tag: int) -> list[tuple[int, int]]:
    """Return the spans of the directory that a tag points to; none if it cannot be read."""
    try:
        (offset,) = directory.integers(tag)
    except (ImageError, ValueError):
        return []
    nested = _read(data, offset)
    if nested is None:
        return []
    if ORIENTATION in nested and nested.integers(ORIENTATION) != (1,):
        raise ambiguous("EXIF with an orientation of its own: some readers would turn the image")
    return nested.spans() + (_metadata_spans(data, nested, _INTEROPERABILITY) if tag == EXIF else [])


def _read(data: bytes, offset: int) -> Directory | None:
    try:
        return read_directory(data, offset)[0]
    except ImageError:
        return None
