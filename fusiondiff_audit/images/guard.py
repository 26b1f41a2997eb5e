"""Decoding in sandboxed processes, one for each file, whose results are checked against the header.

1. The header was read by our own code (`formats`).
2. A child that can do nothing but compute decodes the bytes and hashes the pixels (`fork_server`, `sandbox`).
3. Its result is read strictly: shape, type and length of the pixels are those of the header, or it is refused.
A decoder that was stopped, killed or denied memory is run once more, while no other one runs: the machine may be to
blame. The memory of all decoders that run at once stays within one budget (`resources`, `memory_budget`).
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
    """A pool of sandboxed decoder processes, started on demand: one for each thread that decodes.

    The memory of an image belongs to the caller once it is returned: whoever keeps a batch keeps its memory.
    """

    def __init__(self) -> None:
        self._budget = MemoryBudget(MEMORY)
        self._idle: list[Worker] = []
        self._memories = MemoryPool()
        self._lock = threading.Lock()

    def __enter__(self) -> "Guard":
        return self

    def __exit__(self, *_: object) -> None:
        while self._idle:
            self._idle.pop().close()
        self._memories.close()

    def decode(self, data: bytes, header: ImageHeader) -> DecodedPixels:
        """Return the pixels of a file with this header; samples that are stored as they are need no decoder."""
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
        """Return the pixels, or raise the reason why the child ended without any."""
        worker = self._take_worker()
        outbox = self._memories.take(result_size(header))
        try:
            process_exit = worker.ask(header, data, outbox, limits)
        except BaseException as e:  # whatever happened, its child may still be writing
            worker.close()
            outbox.close()
            if isinstance(e, WorkerLostError):
                raise _explain(_LOST, limits) from e
            raise
        with self._lock:
            self._idle.append(worker)
        result = self._memories.lend(outbox)
        if process_exit.code:
            raise _explain(process_exit, limits)
        return read_result(result, header)

    def _take_worker(self) -> Worker:
        """Return an idle worker, or a new one."""
        while True:
            with self._lock:
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                try:
                    return Worker()
                except OSError as e:
                    message = f"no decoder process can be started: {(e.strerror or str(e)).lower()}"
                    raise AuditError(AuditReason.NO_SANDBOX, message) from e
            if worker.alive:
                return worker
            worker.close()


def stored_pixels(data: bytes, header: ImageHeader) -> Samples | None:
    """Return a view of the file's bytes, if it stores its samples as they are, in either byte order; else None."""
    plane = header.raw_plane
    if plane is None:
        return None
    stored = np.frombuffer(data, plane.kind, header.height * header.width, plane.offset)
    samples = stored.astype(header.dtype, copy=False)
    samples.flags.writeable = False
    return samples.reshape(header.height, header.width, 1)


def _explain(process_exit: ProcessExit, limits: ResourceLimits) -> ImageError:
    spent = process_exit.code == -signal.SIGXCPU or process_exit.processor >= limits.processor
    if process_exit.late or (process_exit.code < 0 and spent):
        used = f"{process_exit.processor:.0f} s of processor time, {process_exit.clock:.0f} s by the clock"
        allowed = f"at most {limits.processor} s and {limits.clock} s"
        message = f"its decoder was stopped twice, the second time with no other beside it, after {used} ({allowed})"
        return ImageError(ImageReason.TIMED_OUT, message)
    if process_exit.code == -signal.SIGKILL:
        return too_large("its decoder was killed twice, as by a system that runs out of memory")
    if process_exit.code < 0:
        number = -process_exit.code
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return malformed(f"its decoder crashed ({name})")
    return malformed("its decoder ended without an answer")
