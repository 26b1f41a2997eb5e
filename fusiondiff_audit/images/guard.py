"""Decoding at a distance: each file in a process of its own, whose answer is believed only as far as it can be checked.

1. The header is walked here, by our own code (`header`).
2. A child that can do nothing but compute decodes the bytes and hashes the pixels (`fork_server`, `sandbox`).
3. Its answer is read strictly: shape, kind and length of the pixels are those of the header, or there are none.
A decoder that is stopped, killed or denied memory is tried once more, while no other one runs: the machine may be to
blame. What the decoders that run at once need of memory stays within one budget (`resources`, `budget`).
"""

import signal
import threading

import numpy as np

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.decoder_result import DecodedPixels, ProcessExit, read_result, result_size
from fusiondiff_audit.images.errors import ImageError, ImageReason, malformed, too_large
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.memory_budget import MemoryBudget
from fusiondiff_audit.images.pixels import Samples, digest_pixels
from fusiondiff_audit.images.resources import MEMORY, ResourceLimits, limit_resources
from fusiondiff_audit.images.shared_memory import MemoryPool
from fusiondiff_audit.images.worker import Worker, WorkerLostError

_MACHINE = (ImageReason.TIMED_OUT, ImageReason.TOO_LARGE)  # reasons for which the machine may be to blame
_LOST = ProcessExit(-signal.SIGKILL, late=False, processor=0, clock=0)


class Guard:
    """Decoders' processes, started when they are needed: as many as threads ask at once, and as have memory.

    The memory of an image belongs to the caller once it is returned: whoever keeps a batch keeps its memory.
    """

    def __init__(self) -> None:
        self._budget = MemoryBudget(MEMORY)
        self._idle: list[Worker] = []
        self._shelf = MemoryPool()
        self._lock = threading.Lock()

    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, *_: object) -> None:
        while self._idle:
            self._idle.pop().close()
        self._shelf.close()

    def decode(self, data: bytes, header: ImageHeader) -> DecodedPixels:
        """Return the image of a file whose header was walked; one that needs no decoder gets none."""
        if (pixels := stored_pixels(data, header)) is not None:
            return DecodedPixels(pixels, digest_pixels(pixels), ())
        limits = limit_resources(header, len(data))
        try:
            with self._budget.share(limits.total):
                return self._attempt(data, header, limits)
        except ImageError as e:
            if e.reason not in _MACHINE:
                raise
        with self._budget.alone():
            return self._attempt(data, header, limits)

    def _attempt(self, data: bytes, header: ImageHeader, limits: ResourceLimits) -> DecodedPixels:
        """Return the image, or raise why the child ended without one."""
        lane = self._take_lane()
        outbox = self._shelf.take(result_size(header))
        try:
            ending = lane.ask(header, data, outbox, limits)
        except BaseException as e:  # whatever happened, its child may still be writing
            lane.close()
            outbox.close()
            if isinstance(e, WorkerLostError):
                raise _explain(_LOST, limits) from e
            raise
        with self._lock:
            self._idle.append(lane)
        answer = self._shelf.lend(outbox)
        if ending.code:
            raise _explain(ending, limits)
        return read_result(answer, header)

    def _take_lane(self) -> Worker:
        """Return a process that waits, or a new one."""
        while True:
            with self._lock:
                lane = self._idle.pop() if self._idle else None
            if lane is None:
                try:
                    return Worker()
                except OSError as e:
                    what = f"no process to decode in can be started: {(e.strerror or str(e)).lower()}"
                    raise AuditError(AuditReason.NO_SANDBOX, what) from e
            if lane.alive:
                return lane
            lane.close()


def stored_pixels(data: bytes, header: ImageHeader) -> Samples | None:
    """Return the pixels of a file that stores them as they are, in whatever byte order; they lie in its bytes."""
    place, layout = header.whole_at, header.layout
    if place is None or layout is None:
        return None
    stored = np.dtype(header.dtype).newbyteorder(layout.order)
    samples = np.frombuffer(data, stored, header.height * header.width, place).astype(header.dtype, copy=False)
    samples.flags.writeable = False
    return samples.reshape(header.height, header.width, 1)


def _explain(ending: ProcessExit, limits: ResourceLimits) -> ImageError:
    spent = ending.code == -signal.SIGXCPU or ending.processor >= limits.processor
    if ending.late or (ending.code < 0 and spent):
        used = f"{ending.processor:.0f} s of processor time, {ending.clock:.0f} s by the clock"
        allowed = f"at most {limits.processor} s and {limits.clock} s"
        what = f"its decoder was stopped twice, the second time with no other beside it, after {used} ({allowed})"
        return ImageError(ImageReason.TIMED_OUT, what)
    if ending.code == -signal.SIGKILL:
        return too_large("its decoder was killed twice, as a system does that runs out of memory")
    if ending.code < 0:
        number = -ending.code
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return malformed(f"its decoder crashed ({name})")
    return malformed("its decoder ended without an answer")
