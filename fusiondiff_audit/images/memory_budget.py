"""Memory that is shared out among decoders, in the order in which they ask."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


class MemoryBudget:
    """So many bytes for all that run at once.

    Who asks first gets first: a large file waits until enough is free, and no smaller one overtakes it. Nobody waits
    while holding a share, so there is always one who will give back.
    """

    def __init__(self, total: int) -> None:
        self._total = self._free = total
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def share(self, size: int) -> Iterator[None]:
        """Hold so many bytes, once they are free; who asks for more than there are holds all, alone."""
        size = min(size, self._total)
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and size <= self._free)
                self._free -= size
            finally:  # an interrupt among the reasons to leave
                self._waiting.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()

    def alone(self) -> AbstractContextManager[None]:
        """Hold everything: nobody else does meanwhile."""
        return self.share(self._total)
