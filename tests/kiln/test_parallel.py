"""Parallel maps: results in order, and no worker left after an interrupt."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from fusiondiff_audit.kiln.parallel import parallel_map

PROGRAM = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
from fusiondiff_audit.kiln.parallel import spread
for found in spread(time.sleep, [0.02] * 5000, 2):
    print("one", flush=True)
"""


def test_results_keep_the_order_of_arguments() -> None:
    assert list(parallel_map(abs, range(-60, 0), 2)) == [*range(60, 0, -1)]


def test_an_interrupt_ends_all_workers() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        start = time.monotonic()
        errors = b""
        for _ in range(3):  # Python loses an interrupt that arrives while it finalises an object; a user presses again
            os.killpg(running.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, errors = running.communicate(timeout=6)
                break
        assert running.returncode not in (None, 0), errors
        assert time.monotonic() - start < 20
    while any_process(running.pid):  # the tracker of resources ends when it sees that all others have
        assert time.monotonic() - start < 30
        time.sleep(0.05)


def any_process(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
