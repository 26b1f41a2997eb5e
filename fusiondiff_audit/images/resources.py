"""Limits of time and memory for decoding one file, from its header and its size.

Processor time is limited to at least seven times the need of the costliest files of a size, so that no valid file
comes near the limit, however busy the machine is (docs/decisions/decoding.md). Memory is the sum of the copies in a
decoder's process.
"""

from dataclasses import dataclass

from fusiondiff_audit.images.formats.registry import format_of
from fusiondiff_audit.images.header import MAX_BYTES, MAX_IMAGE_FILE, ImageHeader

MEMORY = 1792 * 1024**2  # bytes, of all decoders together that run at once; the most that one file takes is 1.6 GiB
PROCESS = 64 * 1024**2  # bytes that a decoder's process needs beside images
_BASE = 60  # seconds; 65,536 pieces take 4, a progressive JPEG of 64 scans takes 6
_STORED_PER_SECOND = 1_000_000  # bytes of the file; at worst, in deflate blocks that hold nothing, they take 0.13 s
_DECODED_PER_SECOND = 4_000_000  # bytes of samples; at worst, in a progressive JPEG, they take 0.11 s
_CLOCK = 10  # seconds by the clock for each of processor time
MOST_PROCESSOR = _BASE + MAX_IMAGE_FILE // _STORED_PER_SECOND + MAX_BYTES // _DECODED_PER_SECOND  # seconds


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """What a decoder may use for one file; `clock` is the last resort, for a process that does not compute."""

    processor: int  # seconds of processor time
    clock: int  # seconds
    memory: int  # bytes of its own
    shared: int  # bytes, for the file and the pixels

    @property
    def total(self) -> int:
        """Return the bytes that are reserved before the decoder starts."""
        return self.memory + self.shared


def limit_resources(header: ImageHeader, size: int) -> ResourceLimits:
    """Return the limits for a file of `size` bytes."""
    seconds = _BASE + size // _STORED_PER_SECOND + header.decoded // _DECODED_PER_SECOND
    memory = PROCESS + format_of(header).decoder_memory(header, size)
    return ResourceLimits(seconds, _CLOCK * seconds, memory, size + header.nbytes)
