"""What decoding one file may take, known from its header and its size before a decoder runs: time and memory.

Processor time is bounded at seven times and more what the costliest files of a size need (docs/decisions/decoding.md),
so that a file which the walk admits does not come near it, however busy the machine is: only a decoder gone wrong
does. Memory is what the copies in a decoder's process add up to.
"""

from dataclasses import dataclass

from fusiondiff_audit.images.formats.registry import format_of
from fusiondiff_audit.images.header import MAX_BYTES, MAX_IMAGE_FILE, ImageHeader

MEMORY = 1792 * 1024**2  # bytes, of all decoders together that run at once; the most that one file takes is 1.6 GiB
PROCESS = 64 * 1024**2  # bytes that a decoder's process needs besides images
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
    shared: int  # bytes in which the file goes in and the pixels come out

    @property
    def total(self) -> int:
        """Return the bytes that are set aside before the decoder starts."""
        return self.memory + self.shared


def limit_resources(header: ImageHeader, size: int) -> ResourceLimits:
    """Return what decoding a file of so many bytes may take."""
    seconds = _BASE + size // _STORED_PER_SECOND + header.decoded // _DECODED_PER_SECOND
    memory = PROCESS + format_of(header).decoder_memory(header, size)
    return ResourceLimits(seconds, _CLOCK * seconds, memory, size + header.nbytes)
