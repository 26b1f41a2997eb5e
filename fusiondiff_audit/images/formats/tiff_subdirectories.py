"""TIFF directories below the one that is shown: EXIF, GPS, and what SubIFDs name.

They are followed so that their bytes are known as theirs. None of them may hold an image: viewers show smaller ones in
place of the large one when they zoom out, and nobody compares the two.
"""

from fusiondiff_audit.images.errors import ImageError, ambiguous, malformed
from fusiondiff_audit.images.formats.ifd import Directory, read_directory
from fusiondiff_audit.images.formats.tiff_tags import EXIF, GPS, ORIENTATION, STRIPS, SUBDIRECTORIES, TILES

MAX_SUBDIRECTORIES = 32
_INTEROPERABILITY = 40965


def nested_spans(data: bytes, directory: Directory) -> list[tuple[int, int]]:
    """Return which bytes directories below this one take; one that holds or turns an image is refused."""
    spans: list[tuple[int, int]] = []
    for tag in (EXIF, GPS):
        spans += _metadata_spans(data, directory, tag)
    offsets = directory.integers(SUBDIRECTORIES)
    if len(offsets) > MAX_SUBDIRECTORIES:
        raise malformed(f"{len(offsets)} directories below the one that is shown, at most {MAX_SUBDIRECTORIES}")
    for offset in sorted(set(offsets)):
        if (below := _read(data, offset)) is None:  # another reader may read it, and show what it finds
            raise ambiguous(f"a directory below that cannot be read (tag {SUBDIRECTORIES})")
        if STRIPS in below or TILES in below:
            raise ambiguous(f"a second image in a directory below (tag {SUBDIRECTORIES})")
        spans += below.spans()
    return spans


def _metadata_spans(data: bytes, directory: Directory, tag: int) -> list[tuple[int, int]]:
    """Return the bytes of a directory that a tag names; one that cannot be read is nobody's."""
    try:
        (offset,) = directory.integers(tag)
    except (ImageError, ValueError):
        return []
    below = _read(data, offset)
    if below is None:
        return []
    if ORIENTATION in below and below.integers(ORIENTATION) != (1,):
        raise ambiguous("EXIF with an orientation of its own: some readers would turn the image")
    return below.spans() + (_metadata_spans(data, below, _INTEROPERABILITY) if tag == EXIF else [])


def _read(data: bytes, offset: int) -> Directory | None:
    try:
        return read_directory(data, offset)[0]
    except ImageError:
        return None
