"""The same function of many arguments, in as many processes as there are cores."""

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
_AT_ONCE = 4  # arguments handed to a worker; whoever interrupts waits for a few times as many
_FEW = 24  # below, starting workers costs more than it brings


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parallel_map(
    function: Callable[[_Argument], _Result], arguments: Sequence[_Argument], workers: int
) -> Iterator[_Result]:
    """Yield the function of each argument, in order; an early end stops the workers."""
    if workers <= 1 or len(arguments) < _FEW:
        yield from map(function, arguments)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_one_thread)
    try:
        with _deaf():
            results = pool.map(function, arguments, chunksize=min(_AT_ONCE, -(-len(arguments) // workers)))
        yield from results
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that do not hear the keyboard: one that stops in the middle of a message keeps us waiting."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which those that are started now inherit
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, heard)


def _one_thread() -> None:
    """Take one thread: the workers are as many as the cores, and more would be in each other's way."""
    threadpool_limits(1)
