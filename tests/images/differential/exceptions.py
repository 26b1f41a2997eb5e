"""Where another reader may disagree with us: its own mistakes, each with the files that it makes them on, and why."""

from collections.abc import Callable
from dataclasses import dataclass

from fusiondiff_audit.images.header import Compression, ImageHeader


@dataclass(frozen=True, slots=True)
class ListedException:
    """A disagreement that is not ours: which reader, on which files, and the reason."""

    reader: str
    files: Callable[[ImageHeader], bool]
    reason: str


def _big_endian_floats(header: ImageHeader) -> bool:
    layout = header.layout
    return header.floating and layout is not None and layout.order == ">" and layout.compression is not Compression.NONE


EXCEPTIONS = (
    ListedException(
        "Pillow",
        _big_endian_floats,
        "Pillow has libtiff unpack the strips, which turns their bytes into the machine's order, and turns them again",
    ),
)


def excused(reader: str, header: ImageHeader) -> ListedException | None:
    return next((e for e in EXCEPTIONS if reader.startswith(e.reader) and e.files(header)), None)
