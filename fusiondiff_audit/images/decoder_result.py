"""The result of a decoder process, in shared memory: pixels and a JSON summary, or a refusal.

The child writes it. The parent refuses a result that contradicts the header.
"""

import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.errors import ImageError, ImageReason, malformed
from fusiondiff_audit.images.header import MAX_BYTES, ImageHeader
from fusiondiff_audit.images.lossless_steps import DROPPED, MAPPED, MERGED
from fusiondiff_audit.images.pixels import PixelDigest, Samples, bands

if TYPE_CHECKING:
    from fusiondiff_audit.images.decoding import PixelRows
    from signing.fields import Fields

READY = "ready"  # the fork server's message before the first file
MAX_SUMMARY = 64 * 1024  # bytes of JSON
_LONGEST = 500  # characters of a sentence
_LENGTH = 4  # bytes, before the summary


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How a decoder process ended, and the time it took."""

    code: int  # the exit status, or the negative number of the signal that ended the process
    late: bool  # the process was ended by the clock
    processor: float  # seconds of processor time
    clock: float  # seconds

    def to_text(self) -> str:
        """Return the fork server's reply; the law is `ProcessExit.from_text(e.to_text()) == e`."""
        return f"{self.code} {self.late:d} {self.processor!r} {self.clock!r}"

    @classmethod
    def from_text(cls, text: str) -> "ProcessExit":
        """Parse the fork server's reply."""
        code, late, processor, clock = text.split()
        return cls(int(code), late == "1", float(processor), float(clock))


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPixels:
    """An image at full depth, its digest, and the steps from the stored samples to its pixels."""

    pixels: Samples
    digest: str
    steps: tuple[str, ...]


MAX_RESULT = MAX_BYTES + _LENGTH + MAX_SUMMARY  # bytes


def result_size(header: ImageHeader) -> int:
    """Return the number of bytes that the result for a header may take."""
    return header.nbytes + _LENGTH + MAX_SUMMARY


def write_pixels(descriptor: int, header: ImageHeader, rows: "PixelRows") -> None:
    """Write the pixels, their digest and the steps taken."""
    digest = PixelDigest(header.dtype, (header.height, header.width, rows.channels))
    offset = 0
    for band in (band for block in rows.blocks for band in bands(block)):
        contiguous = np.ascontiguousarray(band)
        digest.add(contiguous)
        _put(descriptor, contiguous.data.cast("B"), offset)
        offset += contiguous.nbytes
    _write_summary(descriptor, header, {"channels": rows.channels, "digest": digest.value(), "steps": rows.steps})


def write_refusal(descriptor: int, header: ImageHeader, error: ImageError) -> None:
    """Write the refusal of the file."""
    _write_summary(descriptor, header, {"reason": error.reason, "message": str(error), "hint": error.hint})


def read_result(memory: npt.NDArray[np.uint8], header: ImageHeader) -> DecodedPixels:
    """Return the image, a view of the memory, or raise the child's refusal."""
    # Imported here, since every child copies the modules that the fork server has loaded.
    from signing.errors import SigningError
    from signing.fields import read_json

    start = header.nbytes + _LENGTH
    length = int.from_bytes(memory[header.nbytes : start].tobytes(), "little")
    try:
        summary = read_json(memory[start : start + min(length, MAX_SUMMARY)].tobytes(), "answer", limit=MAX_SUMMARY)
        if summary.has("reason"):
            raise _read_refusal(summary)
        return _read_pixels(memory, header, summary)
    except (SigningError, ValueError) as e:
        raise malformed(f"its decoder answered nonsense: {e}") from e


def _read_pixels(memory: npt.NDArray[np.uint8], header: ImageHeader, summary: "Fields") -> DecodedPixels:
    summary.closed("channels", "digest", "steps")
    steps = tuple(summary.texts("steps", most=3))
    stored = header.channels - header.alpha
    channels = 1 if MERGED in steps and stored == 3 else stored
    possible = {MAPPED: bool(header.palette), DROPPED: header.alpha, MERGED: stored == 3}
    if len(set(steps)) != len(steps) or not all(possible.get(step) for step in steps):
        raise ValueError("steps that the header does not allow")
    if summary.integer("channels", least=1, most=4) != channels:
        raise ValueError(f"another number of channels than {channels}")
    shape = (header.height, header.width, channels)
    pixels = memory[: math.prod(shape) * header.bits // 8].view(header.dtype).reshape(shape)
    return DecodedPixels(pixels, summary.sha256("digest"), steps)


def _read_refusal(summary: "Fields") -> ImageError:
    summary.closed("reason", "message", "hint")
    message = summary.text("message", limit=_LONGEST)
    return ImageError(ImageReason(summary.text("reason")), message, hint=summary.optional_text("hint", limit=_LONGEST))


def _write_summary(descriptor: int, header: ImageHeader, summary: dict[str, object]) -> None:
    text = json.dumps(summary).encode("ascii")
    _put(descriptor, len(text).to_bytes(_LENGTH, "little") + text, header.nbytes)


def _put(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
