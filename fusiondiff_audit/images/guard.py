"""Decoding at a distance: each file in a process of its own, whose answer is believed only as far as it can be checked.

1. The header is walked here, by our own code (`header`).
2. A child that can do nothing but compute decodes the bytes and hashes the pixels (`zygote`, `sandbox`).
3. Its answer is read strictly: shape, kind and length of the pixels are those of the header, or there are none.
A child that the system kills gets one more try, since the file may not be to blame.
"""

import signal
import threading

import numpy as np

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.answer import TIMEOUT, WALL, Decoded, read_answer, room_for
from fusiondiff_audit.images.errors import ImageError, ImageReason, malformed, too_large
from fusiondiff_audit.images.header import Header
from fusiondiff_audit.images.lane import Lane, LaneLostError
from fusiondiff_audit.images.memory import Shelf
from fusiondiff_audit.images.pixels import Samples, digest_pixels

_DONE, _KILLED, _CPU_SPENT = "0", str(-signal.SIGKILL), str(-signal.SIGXCPU)


class Guard:
    """Decoders' processes, started when they are needed: as many as threads ask at once."""

    def __init__(self) -> None:
        self._idle: list[Lane] = []
        self._shelf = Shelf()
        self._lock = threading.Lock()

    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, *_: object) -> None:
        while self._idle:
            self._idle.pop().close()
        self._shelf.close()

    def decode(self, data: bytes, header: Header) -> Decoded:
        """Return the picture of a file whose header was walked; one that needs no decoder gets none."""
        if (pixels := as_stored(data, header)) is not None:
            return Decoded(pixels, digest_pixels(pixels), ())
        ended = self._attempt(data, header)
        if ended == _KILLED:
            ended = self._attempt(data, header)
        if isinstance(ended, Decoded):
            return ended
        raise _explain(ended)

    def _attempt(self, data: bytes, header: Header) -> Decoded | str:
        """Return the picture, or how the child ended without one."""
        lane = self._take_lane()
        outbox = self._shelf.take(room_for(header))
        try:
            ended = lane.ask(header, data, outbox)
        except BaseException as e:  # whatever happened, its child may still be writing
            lane.close()
            outbox.close()
            if isinstance(e, LaneLostError):
                return _KILLED
            raise
        with self._lock:
            self._idle.append(lane)
        answer = self._shelf.lend(outbox)
        return read_answer(answer, header) if ended == _DONE else ended

    def _take_lane(self) -> Lane:
        """Return a process that waits, or a new one."""
        while True:
            with self._lock:
                lane = self._idle.pop() if self._idle else None
            if lane is None:
                try:
                    return Lane()
                except OSError as e:
                    what = f"no process to decode in can be started: {(e.strerror or str(e)).lower()}"
                    raise AuditError(AuditReason.NO_SANDBOX, what) from e
            if lane.alive:
                return lane
            lane.close()


def as_stored(data: bytes, header: Header) -> Samples | None:
    """Return the pixels of a file that stores them as they are, in whatever byte order; they lie in its bytes."""
    place, layout = header.whole_at, header.layout
    if place is None or layout is None:
        return None
    stored = np.dtype(header.dtype).newbyteorder(layout.order)
    samples = np.frombuffer(data, stored, header.height * header.width, place).astype(header.dtype, copy=False)
    samples.flags.writeable = False
    return samples.reshape(header.height, header.width, 1)


def _explain(ended: str) -> ImageError:
    if ended == _KILLED:
        return too_large("its decoder was killed twice, as a system does that runs out of memory")
    if ended in (TIMEOUT, _CPU_SPENT):
        return ImageError(ImageReason.TIMED_OUT, f"not decoded within {WALL} s")
    if ended.startswith("-"):
        number = int(ended[1:])
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return malformed(f"its decoder crashed ({name})")
    return malformed("its decoder ended without an answer")
