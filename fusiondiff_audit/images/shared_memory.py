"""Memory shared with decoder processes, of a fixed size, sealed so that a child cannot shrink it.

Clearing fresh pages costs more than a decoder's whole process, so memory is reused: an inbox at once, an outbox when
the last array that views it is gone.
"""

import fcntl
import mmap
import os
import threading
import weakref
from contextlib import suppress
from queue import Empty, SimpleQueue

import numpy as np
import numpy.typing as npt

_GRAIN = 1 << 20  # bytes
_SPARE, _SMALL = 4, 64 << 20  # a memory more than _SPARE times as large as needed is taken up to _SMALL bytes
_MOST_FREE, _LARGEST_FREE = 16, 32 << 20  # memories that are kept, and bytes of the largest: half a gigabyte in all
_MOST_LENT = 64  # each holds a descriptor, of which a process has 1,024


class SharedMemory:
    """An anonymous shared memory."""

    def __init__(self, size: int) -> None:
        self.size = -(-size // _GRAIN) * _GRAIN
        self.descriptor = os.memfd_create("fusiondiff-audit", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.descriptor, self.size)
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        self.view = mmap.mmap(self.descriptor, self.size)

    def fits(self, size: int) -> bool:
        """Say whether `size` bytes fit without wasting most of the memory."""
        return size <= self.size <= max(size * _SPARE, _SMALL)

    def fitting(self, size: int) -> "SharedMemory":
        """Return this memory if it fits, or close it and return a new one."""
        if self.fits(size):
            return self
        self.close()
        return SharedMemory(size)

    def close(self) -> None:
        """Give the memory back to the system, as soon as no array is a view of it."""
        os.close(self.descriptor)
        del self.view


class MemoryPool:
    """Shared memories that wait for their next use.

    The garbage collector may finalise an array anywhere, also while this thread holds the lock. So returned memories
    are put into a queue, which takes no lock of ours, and the next `take` or `lend` empties the queue.
    """

    def __init__(self) -> None:
        self._free: list[SharedMemory] = []
        # None stands for a memory that was closed at once.
        self._returned: SimpleQueue[SharedMemory | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._open = True
        self._lent = 0

    def take(self, size: int) -> SharedMemory:
        """Return a memory of at least `size` bytes, and not of many more."""
        with self._lock:
            spare = self._collect()
            fitting = min((m for m in self._free if m.fits(size)), key=lambda m: m.size, default=None)
            if fitting is None:  # no free memory fits, so all are closed
                spare += self._free
            self._free = [m for m in self._free if m is not fitting] if fitting else []
        for memory in spare:
            memory.close()
        return fitting or SharedMemory(size)

    def lend(self, memory: SharedMemory) -> npt.NDArray[np.uint8]:
        """Return the memory's bytes, read-only; the memory comes back when this array and all its views are gone.

        When many memories are lent, as to a caller that keeps a batch, the bytes are copied: descriptors are few.
        """
        view = np.frombuffer(memory.view, np.uint8)
        view.flags.writeable = False
        with self._lock:
            spare = self._collect()
            self._lent += 1
            many = self._lent > _MOST_LENT
        for surplus in spare:
            surplus.close()
        weakref.finalize(view, self._give, memory).atexit = False
        if many:
            view = view.copy()
            view.flags.writeable = False
        return view

    def close(self) -> None:
        """Give all memory back to the system; lent memories follow when they are returned."""
        with self._lock:
            self._open = False
            spare = [*self._collect(), *self._free]
            self._free = []
        for memory in spare:
            memory.close()

    def _give(self, memory: SharedMemory) -> None:
        """Take a memory back; this runs wherever the garbage collector does, so it must not wait for a lock."""
        if self._open and memory.size <= _LARGEST_FREE and self._returned.qsize() < _MOST_FREE:
            self._returned.put(memory)
            if not self._open:  # closed meanwhile by another thread: the queue is not emptied again
                self._drop()
        else:
            memory.close()
            self._returned.put(None)

    def _collect(self) -> list[SharedMemory]:
        """Move returned memories to the free ones; return the surplus, to be closed without the lock."""
        spare = []
        with suppress(Empty):
            while True:
                memory = self._returned.get_nowait()
                self._lent -= 1
                if memory is not None and len(self._free) < _MOST_FREE:
                    self._free.append(memory)
                elif memory is not None:
                    spare.append(memory)
        return spare

    def _drop(self) -> None:
        """Close memories that were returned after `close`."""
        with suppress(Empty):
            while True:
                memory = self._returned.get_nowait()
                if memory is not None:
                    memory.close()
