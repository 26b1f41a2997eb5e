"""Many processes at one task: in order, and gone when it ends, however it ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from fusiondiff_audit.kiln.parallel import parallel_map

PROGRAM = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs tests in the background hears no interrupt
from fusiondiff_audit.kiln.parallel import spread
for found in spread(time.sleep, [0.02] * 5000, 2):
    print("one", flush=True)
"""


def test_results_come_in_order() -> None:
    assert list(parallel_map(abs, range(-60, 0), 2)) == [*range(60, 0, -1)]


def test_an_interrupt_ends_everybody_soon() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        start = time.monotonic()
        said = b""
        for _ in range(3):  # Python loses one that comes while it finalises an object; whoever waits presses again
            os.killpg(running.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, said = running.communicate(timeout=6)
                break
        assert running.returncode not in (None, 0), said
        assert time.monotonic() - start < 20
    while somebody(running.pid):  # the tracker of resources ends when it sees that all others have
        assert time.monotonic() - start < 30
        time.sleep(0.05)


def somebody(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
