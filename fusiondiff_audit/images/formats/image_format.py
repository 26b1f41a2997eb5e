"""The description of an image file format: how it is recognised, read and decoded."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fusiondiff_audit.images.header import ImageHeader

Spans = Iterable[tuple[int, int]]  # start and end of each part of a file that its container describes


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """One file format.

    The decoder module has `decode_rows(data, header)`, which yields stored samples from the top, rows x columns or
    rows x columns x channels, and `warm_up()`, which loads what the decoder loads on first use. It is imported where
    files are decoded and nowhere else; inside the sandbox nothing can be loaded any more.
    """

    name: str  # as headers and `inspect` state it
    suffixes: tuple[str, ...]  # of file names, in lower case
    signatures: tuple[bytes, ...]  # regular expressions: every file has one of them, and none stands beside an image
    read_header: Callable[[bytes, str], tuple[ImageHeader, Spans]]  # from a file's bytes and name; decodes nothing
    decoder_memory: Callable[[ImageHeader, int], int]  # bytes that decoding a file of so many bytes takes at most
    decoder: str  # module
    library: str  # distribution that decodes; reports state its version
    signature_offset: int = 0  # bytes before the signature

    def recognises(self, data: bytes) -> bool:
        """Say whether a file has a signature of this format."""
        return any(re.compile(signature).match(data, self.signature_offset) for signature in self.signatures)
