"""Work on many items in a few threads, with results in order and a bounded number in flight."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

THREADS = min(8, os.cpu_count() or 1)  # beyond that the disk is the limit, and more files are in memory
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_order(work: Callable[[_Item], _Result], items: Iterable[_Item], *, threads: int) -> Generator[_Result]:
    """Yield `work(item)` in the order of the items; at most `threads + 1` results exist or are in progress."""
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="signing") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # a caller that stops iterating stops the work
            for future in waiting:
                future.cancel()
