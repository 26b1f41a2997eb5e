"""A memory budget for decoders that run at once, granted in the order of asking."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class MemoryBudget:
    """A number of bytes for all decoders that run at once.

    Requests are granted in order: a large file waits until enough is free, and no smaller file overtakes it. No thread
    waits while it holds a share, so waiting always ends.
    """

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def share(self, size: int) -> Iterator[None]:
        """Hold `size` bytes, once they are free; a request for more than the total holds all of it."""
        size = min(size, self._total)
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and size <= self._free)
                self._free -= size
            finally:  # also after an interrupt
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()

    def alone(self) -> AbstractContextManager[None]:
        """Hold the whole budget."""
        return self.share(self._total)
