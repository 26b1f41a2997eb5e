"""TIFF directories below the one that is shown: EXIF, GPS, and smaller versions of the picture (SubIFDs).

They are followed so that their bytes are known as theirs. One that cannot be read is nobody's, and what lies there
counts as bytes that nothing refers to.
"""

from fusiondiff_audit.images.errors import ImageError, ambiguous, malformed
from fusiondiff_audit.images.ifd import Directory, read_directory
from fusiondiff_audit.images.tiff_tags import (
    EXIF,
    GPS,
    HEIGHT,
    MAX_METADATA,
    REDUCED,
    STRIP_SIZES,
    STRIPS,
    SUBDIRECTORIES,
    TILE_SIZES,
    TILES,
    WIDTH,
)

MAX_SUBDIRECTORIES = 32
_INTEROPERABILITY = 40965
_DEEPEST = 16  # bytes of a pixel: four channels of 16 bits, and as much again that packing may add


def nested_spans(data: bytes, directory: Directory, width: int, height: int) -> list[tuple[int, int]]:
    """Return which bytes directories below this one take; one with a picture as large as this one is refused."""
    spans: list[tuple[int, int]] = []
    for tag in (EXIF, GPS):
        spans += _metadata_spans(data, directory, tag)
    offsets = directory.integers(SUBDIRECTORIES)
    if len(offsets) > MAX_SUBDIRECTORIES:
        raise malformed(f"{len(offsets)} directories below the one that is shown, at most {MAX_SUBDIRECTORIES}")
    for offset in offsets:
        if (below := _read(data, offset)) is None:  # another reader may read it, and show what it finds
            raise ambiguous(f"a directory below that cannot be read (tag {SUBDIRECTORIES})")
        spans += below.spans() + _smaller_picture(below, width, height, len(data))
    return spans


def _metadata_spans(data: bytes, directory: Directory, tag: int) -> list[tuple[int, int]]:
    try:
        (offset,) = directory.integers(tag)
    except (ImageError, ValueError):
        return []
    below = _read(data, offset)
    if below is None:
        return []
    spans = below.spans()
    if sum(stop - start for start, stop in spans) > MAX_METADATA:
        raise malformed(f"more than {MAX_METADATA:,} bytes in the directory of tag {tag}")
    return spans + (_metadata_spans(data, below, _INTEROPERABILITY) if tag == EXIF else [])


def _read(data: bytes, offset: int) -> Directory | None:
    try:
        return read_directory(data, offset)[0]
    except ImageError:
        return None


def _smaller_picture(below: Directory, width: int, height: int, total: int) -> list[tuple[int, int]]:
    """Return where the pieces of a smaller version lie; it takes less room than the picture itself."""
    spans: list[tuple[int, int]] = []
    for places, lengths in ((STRIPS, STRIP_SIZES), (TILES, TILE_SIZES)):
        pieces = zip(below.integers(places), below.integers(lengths), strict=False)
        spans += [(place, place + length) for place, length in pieces if place + length <= total]
    if not spans:
        return []
    narrow, low = below.integer(WIDTH), below.integer(HEIGHT)
    if not below.integer(REDUCED, 0) & 1 or not (narrow < width and low < height):
        raise ambiguous(f"a second picture of {narrow} x {low} pixels in a directory below (tag {SUBDIRECTORIES})")
    if (size := sum(stop - start for start, stop in spans)) > narrow * low * _DEEPEST:
        raise malformed(f"{size:,} bytes for a smaller version of the picture")
    return spans
