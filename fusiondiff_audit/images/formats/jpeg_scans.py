"""The scans of a JPEG (ITU-T T.81, annexes B and G): together they must give every coefficient, to its last bit.

Decoders fill missing coefficients in without a warning, so a progressive image that ends early would be shown blurred.
"""

import struct
from dataclasses import dataclass

from fusiondiff_audit.images.errors import malformed, too_large

MAX_SCANS = 64  # encoders make 10 to 20; a decoder goes over all coefficients in each
_COEFFICIENTS, _MOST_SHIFT = 64, 13


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame header; `components` are the identifiers by which scans refer to components."""

    width: int
    height: int
    components: tuple[int, ...]
    sampled_alike: bool  # all components have as many samples
    progressive: bool


class Scans:
    """The coefficients of each component that are still missing after the scans that were added."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._count = 0
        # By component and coefficient: the number of low bits that are missing; None: all bits.
        self._missing: dict[int, list[int | None]] = {name: [None] * _COEFFICIENTS for name in frame.components}

    @property
    def begun(self) -> bool:
        """Say whether there was a scan."""
        return self._count > 0

    def add(self, body: bytes) -> None:
        """Add the header of the next scan; a scan out of order is refused."""
        self._count += 1
        if self._count > MAX_SCANS:
            raise too_large(f"more than {MAX_SCANS} scans")
        count = body[0] if body else 0
        if not 1 <= count <= len(self._frame.components) or len(body) != 4 + 2 * count:
            raise malformed("a scan of another length than its components need")
        components = list(body[1 : 1 + 2 * count : 2])
        if len(set(components)) != count or not set(components) <= set(self._missing):
            raise malformed("a scan of components that the image does not have, or twice")
        first, last, bits = struct.unpack_from(">BBB", body, 1 + 2 * count)
        before, after = bits >> 4, bits & 15
        if not self._frame.progressive:
            if (first, last, before, after) != (0, _COEFFICIENTS - 1, 0, 0):
                raise malformed("a part of the coefficients in an image that is not progressive")
        elif last >= _COEFFICIENTS or first > last or (first == 0) != (last == 0) or (first and count > 1):
            raise malformed(f"a scan of coefficients {first} to {last} of {count} components")
        for name in components:
            _refine(self._missing[name], first, last, before, after)

    def finish(self) -> None:
        """Refuse an image of which something is missing."""
        if any(bits != 0 for missing in self._missing.values() for bits in missing):
            raise malformed("its scans do not give the whole image")


def _refine(missing: list[int | None], first: int, last: int, before: int, after: int) -> None:
    """Note that a scan leaves `after` low bits of these coefficients missing, of which `before` were missing."""
    if first and missing[0] is None:
        raise malformed("a scan of details before the means")
    for number in range(first, last + 1):
        earlier = missing[number]
        fresh = earlier is None and before == 0 and after <= _MOST_SHIFT
        finer = earlier is not None and earlier == before and before > 0 and after == before - 1
        if not (fresh or finer):
            raise malformed(f"a scan gives coefficient {number} twice, or out of order")
        missing[number] = after
