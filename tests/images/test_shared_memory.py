"""Memory that is lent comes back wherever the collector runs, and nobody waits for himself."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

from fusiondiff_audit.images.shared_memory import MemoryPool, SharedMemory

ROOT = Path(__file__).parents[2]
SIZE = 1 << 20
HANG = 60  # seconds, in which the rounds below are done many times over

# As an exception keeps an image whose traceback holds the frame that made it: freed by the collector alone.
ROUNDS = f"""
import faulthandler, gc, sys, threading
faulthandler.dump_traceback_later({HANG}, exit=True)
from fusiondiff_audit.images.shared_memory import MemoryPool

class Holder: pass

def lend(rounds):
    for _ in range(rounds):
        image = pool.lend(pool.take({SIZE}))[:100].reshape(10, 10)
        holder = Holder()
        holder.itself, holder.image = holder, image

pool = MemoryPool()
gc.set_threshold(50)
threads = [threading.Thread(target=lend, args=(int(sys.argv[1]) // int(sys.argv[2]),)) for _ in range(int(sys.argv[2]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("no hang")
"""


def lend(rounds: int, threads: int) -> None:
    command = [sys.executable, "-c", ROUNDS, str(rounds), str(threads)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=2 * HANG, check=False)
    assert (done.returncode, done.stdout) == (0, "no hang\n"), done.stderr


def test_ten_thousand_images_in_cycles_come_back_without_a_hang() -> None:
    lend(10_000, 1)


def test_threads_that_lend_at_once_do_not_hang() -> None:
    lend(4_000, 4)


def test_a_memory_comes_back_while_the_lock_is_held() -> None:
    """What the collector does at the worst moment, and in this very thread."""
    pool = MemoryPool()
    memory = pool.take(SIZE)
    image = pool.lend(memory)
    ended = threading.Event()

    def drop() -> None:
        nonlocal image
        with pool._lock:
            del image
        ended.set()

    threading.Thread(target=drop, daemon=True).start()
    assert ended.wait(10)
    assert pool.take(SIZE) is memory


EACH = 2  # descriptors of a memory: its own, and the one that its map holds


def descriptors() -> int:
    """Count them, those of earlier tests' garbage left out."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def test_no_descriptor_is_lost_however_memories_come_back() -> None:
    """More than are kept, while it is open, at its end, and after it."""
    before = descriptors()
    pool = MemoryPool()
    lent = [pool.lend(pool.take(SIZE)) for _ in range(100)]
    late = lent.pop(0)
    del lent
    gc.collect()
    assert descriptors() - before <= EACH * 17
    pool.close()
    assert descriptors() - before == EACH
    del late
    assert descriptors() == before


def test_a_memory_that_comes_back_while_the_pool_is_closed_is_closed() -> None:
    """Between the look whether it is open and the return there may be the end of it, in another thread."""
    before = descriptors()
    pool = MemoryPool()
    memory = pool.take(SIZE)
    queue = pool._returned

    class Late:
        """A queue into which something comes when the pool is closed already."""

        qsize, get_nowait = staticmethod(queue.qsize), staticmethod(queue.get_nowait)

        def put(self, item: SharedMemory | None) -> None:
            pool.close()
            queue.put(item)

    vars(pool)["_returned"] = Late()
    pool._give(memory)
    del memory
    assert descriptors() == before


def test_a_large_memory_is_not_kept() -> None:
    """Sixteen images of the largest size would hold four gigabytes until the next one is decoded."""
    before = descriptors()
    pool = MemoryPool()
    lent = [pool.lend(pool.take(64 << 20)) for _ in range(3)]
    del lent
    gc.collect()
    assert descriptors() == before
    pool.close()
