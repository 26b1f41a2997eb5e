"""One function over many arguments, in several processes."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from threadpoolctl import threadpool_limits

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")
_AT_ONCE = 4  # arguments handed to a worker at once; an interrupt waits for a few times as many
_FEW = 24  # with fewer arguments, starting workers costs more than it saves


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel_map(
    function: Callable[[_Argument], _Result], arguments: Sequence[_Argument], workers: int
) -> Iterator[_Result]:
    """Yield the results in the order of the arguments; closing the iterator early stops the workers."""
    if workers <= 1 or len(arguments) < _FEW:
        yield from map(function, arguments)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_one_thread)
    try:
        with _ignoring_interrupts():
            results = pool.map(function, arguments, chunksize=min(_AT_ONCE, -(-len(arguments) // workers)))
        yield from results
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Let started processes ignore SIGINT: a worker that stops in the middle of a message would block this process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by processes that are started now
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _one_thread() -> None:
    """Limit a worker to one thread, since there are as many workers as cores."""
    threadpool_limits(1)
