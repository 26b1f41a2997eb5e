"""The guarded child: what it may do, what it may use, how it may end, and what is believed of its answer."""

import gc
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images import decoder_result, sandbox, shared_memory, worker
from fusiondiff_audit.images import guard as guarding
from fusiondiff_audit.images.decoder_result import ProcessExit, read_result, result_size
from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.pixels import digest_pixels
from fusiondiff_audit.images.resources import ResourceLimits
from tests.images.synthetic import written
from tests.images.test_header import CASES, GREY16, RGB16, TIFFS
from tests.vectors.images import make

PACKED = written(GREY16, compression="deflate")


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard() as shared:
        yield shared


def head(data: bytes, name: str = "x.tif") -> ImageHeader:
    return read_image_header(data, name)


def test_an_image_comes_through_the_guard_as_it_was_written(guard: Guard) -> None:
    for pixels, data in ((GREY16, PACKED), (RGB16, written(RGB16, photometric="rgb", compression="lzw"))):
        decoded = guard.decode(data, head(data))
        assert decoded.pixels.dtype == np.uint16
        assert (decoded.pixels == pixels.reshape(decoded.pixels.shape)).all()
        assert decoded.digest == digest_pixels(decoded.pixels)
        assert not decoded.pixels.flags.writeable


@pytest.mark.parametrize("case", TIFFS)
def test_every_header_goes_to_the_child_and_back(case: str, guard: Guard) -> None:
    pixels, options, _ = TIFFS[case]
    data = written(pixels, **dict(options))
    header = head(data)
    assert ImageHeader.from_data(json.loads(json.dumps(header.to_data()))) == header
    decoded = guard.decode(data, header)
    assert digest_pixels(decoded.pixels) == decoded.digest


def test_two_threads_get_their_own_images(guard: Guard) -> None:
    files = [written(np.full((64, 64), i, np.uint16), compression="deflate") for i in range(40)]
    with ThreadPoolExecutor(4) as pool:
        decoded = list(pool.map(lambda data: guard.decode(data, head(data)), files))
    assert [int(item.pixels.max()) for item in decoded] == list(range(40))


def test_memory_is_reused_only_after_all_its_views_are_gone(guard: Guard) -> None:
    first = guard.decode(PACKED, head(PACKED)).pixels
    part = first[3:5]
    del first
    gc.collect()
    for i in range(5):
        other = written(np.full_like(GREY16, i), compression="deflate")
        guard.decode(other, head(other))
    assert (part[:, :, 0] == GREY16[3:5]).all()


def test_a_pool_takes_back_what_was_lent_and_gives_up_what_does_not_fit() -> None:
    pool = shared_memory.MemoryPool()
    first = pool.take(1000)
    view: Any = pool.lend(first)
    other = pool.take(1000)
    assert other is not first
    del view
    assert pool.take(1000) is first
    pool.lend(first)  # and at once given back, since nobody holds the view
    big = pool.take(200 << 20)
    assert big.size >= 200 << 20
    assert not hasattr(first, "view")  # given up
    kept = pool.lend(big)
    pool.close()
    assert kept[0] == 0
    other.close()


def test_a_caller_that_keeps_a_batch_does_not_run_out_of_descriptors(guard: Guard) -> None:
    before = len(os.listdir("/proc/self/fd"))
    kept = [guard.decode(PACKED, head(PACKED)).pixels for _ in range(100)]
    assert len(os.listdir("/proc/self/fd")) - before < 100
    assert all((pixels[:, :, 0] == GREY16).all() and not pixels.flags.writeable for pixels in kept)
    del kept
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) - before < 30


def test_shared_memory_cannot_be_shrunk() -> None:
    piece = shared_memory.SharedMemory(100)
    for size in (0, piece.size * 2):
        with pytest.raises(PermissionError):
            os.ftruncate(piece.descriptor, size)
    piece.close()


def inside(attempt: Callable[[], object], *, seconds: int = 5, writable: int = 0) -> str:
    """Return what becomes of an attempt within the sandbox: `done`, an error's name, or a signal's."""
    reader, writer = os.pipe()
    own = os.getpid()
    sandbox.build_filter()
    child = os.fork()
    if not child:
        try:
            sandbox.enter(seconds=seconds, memory=2**30, writable=writable, parent=own)
            attempt()
            outcome = "done"
        except BaseException as e:
            outcome = type(e).__name__
        os.write(writer, outcome.encode())
        os._exit(0)
    os.close(writer)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with os.fdopen(reader, "rb") as file:
        outcome = file.read().decode()
    return outcome if not code else signal.Signals(-code).name


FORBIDDEN: dict[str, Callable[[], object]] = {
    "open": lambda: os.open("/etc/hostname", os.O_RDONLY),
    "create": lambda: os.open("/tmp/never", os.O_CREAT | os.O_WRONLY),
    "list": lambda: os.listdir("/"),
    "socket": socket.socket,
    "unix socket": lambda: socket.socketpair(),
    "fork": os.fork,
    "exec": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
    "kill": lambda: os.kill(1, 0),
    "unlink": lambda: os.unlink("/tmp/never"),
    "duplicate": lambda: os.dup(0),
    "shared memory": lambda: os.memfd_create("x"),
    "priority": lambda: os.nice(1),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_sandbox_forbids(what: str) -> None:
    assert inside(FORBIDDEN[what]) == "PermissionError"


def test_the_sandbox_allows_computing_within_its_limits() -> None:
    assert inside(lambda: sum(range(1000))) == "done"
    assert inside(lambda: bytearray(3 * 2**30)) == "MemoryError"
    assert inside(lambda: all(iter(lambda: True, False)), seconds=1) == "SIGXCPU"
    descriptor = os.memfd_create("limit")
    assert inside(lambda: os.pwrite(descriptor, bytes(100), 0), writable=50) == "done"  # as far as it may
    assert os.fstat(descriptor).st_size == 50
    assert inside(lambda: os.pwrite(descriptor, bytes(100), 50), writable=50) in ("OSError", "SIGXFSZ")
    os.close(descriptor)


def test_a_sandbox_that_does_not_hold_is_noticed() -> None:
    with pytest.raises(sandbox.NoSandboxError, match="could open a file"):
        sandbox.self_test()


def test_the_decoders_know_neither_torch_nor_the_keys() -> None:
    code = "import sys, fusiondiff_audit.images.fork_server; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True).stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"torch", "signing", "cryptography", "subprocess", "fusiondiff_audit.images.guard"}


ENDINGS: dict[str, tuple[str, ImageReason, str]] = {
    "crash": ("os.kill(os.getpid(), 11)", ImageReason.MALFORMED, "SIGSEGV"),
    "abort": ("os.abort()", ImageReason.MALFORMED, "SIG"),
    "no answer": ("os._exit(3)", ImageReason.MALFORMED, "without an answer"),
    "endless": ("[None for _ in iter(int, 1)]", ImageReason.TIMED_OUT, "stopped twice"),
    "endless, deaf to its signal": (
        "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN); [None for _ in iter(int, 1)]",
        ImageReason.TIMED_OUT,
        "stopped twice",
    ),
    "memory": ("bytearray(3 * 2**30)", ImageReason.TOO_LARGE, "memory"),
    "interpreter exits": ("sys.exit(0)", ImageReason.MALFORMED, "without an answer"),
}


def hostile(
    monkeypatch: pytest.MonkeyPatch, code: str, *, processor: int = 1, clock: int = 10, before: str = ""
) -> None:
    """Have decoders that do something else than decode, with so many seconds of processor time and by the clock."""
    limits = ResourceLimits(processor=processor, clock=clock, memory=2**30, shared=2**20)
    monkeypatch.setattr(guarding, "limit_resources", lambda header, size: limits)
    start = (
        "import os, sys; from fusiondiff_audit.images import fork_server, sandbox, decoder_result\n"
        f"{before}\n"
        f"def evil(data, header):\n    {code}\n"
        "fork_server.decode_samples = evil\nfork_server.serve()"
    )
    monkeypatch.setattr(worker, "_START", start)


@pytest.mark.parametrize("case", ENDINGS)
def test_however_a_decoder_ends_there_is_a_reason(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, reason, words = ENDINGS[case]
    before = "sandbox.enter = lambda **_: None" if case in ("crash", "abort") else ""
    if before:  # the proof would fail without a sandbox
        before += "; sandbox.self_test = lambda: None"
    hostile(monkeypatch, code, before=before)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    rounds = 1 if reason is ImageReason.TIMED_OUT else 2  # each takes seconds, twice
    with Guard() as guard:
        for _ in range(rounds):  # the guard works on
            with pytest.raises(ImageError, match=words) as caught:
                guard.decode(PACKED, head(PACKED))
            assert caught.value.reason is reason
    more = resource.getrusage(resource.RUSAGE_CHILDREN)
    tries, limit, grace, start = 2 * rounds, 1, 1, 4  # seconds
    assert more.ru_utime + more.ru_stime - spent.ru_utime - spent.ru_stime < tries * (limit + grace) + start


def test_without_a_sandbox_nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile(monkeypatch, "pass", before="sandbox.enter = lambda **_: None")
    with Guard() as guard, pytest.raises(AuditError, match="could open a file") as caught:
        guard.decode(PACKED, head(PACKED))
    assert caught.value.reason is AuditReason.NO_SANDBOX


def test_a_start_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_START", "raise SystemExit('no such library')")
    with Guard() as guard, pytest.raises(AuditError, match="no such library"):
        guard.decode(PACKED, head(PACKED))


def children_of(process: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def killing(process: int, *, times: int, number: int = signal.SIGKILL) -> threading.Thread:
    """Kill the children of a process as they appear."""

    def watch() -> None:
        seen: set[int] = set()
        while len(seen) < times:
            for child in set(children_of(process)) - seen:
                os.kill(child, number)
                seen.add(child)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_child_killed_once_costs_one_retry_and_twice_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = "import time\n    end = time.monotonic() + 0.5\n    while time.monotonic() < end: pass\n"
    hostile(
        monkeypatch, f"{slow}    return real(data, header)", before="real = fork_server.decode_samples", processor=5
    )
    with Guard() as guard:
        guard.decode(PACKED, head(PACKED))
        process = guard._idle[0]._process.pid
        watch = killing(process, times=1)
        assert (guard.decode(PACKED, head(PACKED)).pixels[:, :, 0] == GREY16).all()
        watch.join()
        watch = killing(process, times=2)
        with pytest.raises(ImageError, match="killed twice") as caught:
            guard.decode(PACKED, head(PACKED))
        assert caught.value.reason is ImageReason.TOO_LARGE
        watch.join()
        assert (guard.decode(PACKED, head(PACKED)).pixels[:, :, 0] == GREY16).all()


def test_a_decoders_process_that_is_killed_is_replaced(guard: Guard) -> None:
    guard.decode(PACKED, head(PACKED))
    for idle in guard._idle:
        idle._process.kill()
        idle._process.wait()
    assert (guard.decode(PACKED, head(PACKED)).pixels[:, :, 0] == GREY16).all()


def asked(monkeypatch: pytest.MonkeyPatch) -> list[worker.Worker]:
    """Return a list that grows by a lane whenever one is asked."""
    workers: list[worker.Worker] = []
    real = worker.Worker.ask

    def ask(
        self: worker.Worker,
        header: ImageHeader,
        data: bytes,
        outbox: shared_memory.SharedMemory,
        limits: ResourceLimits,
    ) -> ProcessExit:
        workers.append(self)
        return real(self, header, data, outbox, limits)

    monkeypatch.setattr(worker.Worker, "ask", ask)
    return workers


def test_a_child_whose_parent_has_ended_does_not_begin() -> None:
    """Whoever asks to end with its parent, and asks too late, would live for ever."""
    child = os.fork()
    if not child:
        try:
            sandbox.enter(seconds=5, memory=2**30, writable=0, parent=1 if os.getppid() != 1 else 2)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_no_process_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile(monkeypatch, "[None for _ in iter(int, 1)]", processor=60, clock=60)
    with Guard() as guard:
        busy = asked(monkeypatch)

        def work() -> None:
            with pytest.raises(ImageError):
                guard.decode(PACKED, head(PACKED))

        thread = threading.Thread(target=work)
        thread.start()
        while not busy or not children_of(busy[0]._process.pid):
            time.sleep(0.01)
        fork_server = busy[0]._process
        child = children_of(fork_server.pid)[0]
        fork_server.kill()  # and the child, which would compute for a minute, ends with it
        deadline = time.monotonic() + 5
        while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        while len(busy) < 2:
            time.sleep(0.01)
        busy[1]._process.kill()
        thread.join(10)
        assert not thread.is_alive()


def test_decoders_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import time; from fusiondiff_audit.images.guard import Guard\n"
        "from tests.images.test_guard import PACKED, head\n"
        "guard = Guard(); guard.decode(PACKED, head(PACKED)); print(guard._idle[0]._process.pid, flush=True)\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    fork_server = int(process.stdout.readline())
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{fork_server}").exists() and "Z" not in Path(f"/proc/{fork_server}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


HEADER = read_image_header(written(GREY16), "x.tif")
LIES: dict[str, Any] = {
    "nothing": b"",
    "no JSON": b"{",
    "deep": b"[" * 1000,
    "another shape": {"channels": 3, "digest": "0" * 64, "steps": []},
    "no digest": {"channels": 1, "digest": "0" * 63, "steps": []},
    "steps that cannot be": {"channels": 1, "digest": "0" * 64, "steps": ["grey palette mapped"]},
    "unknown steps": {"channels": 1, "digest": "0" * 64, "steps": ["all is well"]},
    "more than is asked": {"channels": 1, "digest": "0" * 64, "steps": [], "verdict": "AUTHENTIC"},
    "unknown reason": {"reason": "authentic", "message": "x", "hint": None},
    "a terminal's commands": {"reason": "malformed", "message": "\x1b[2J", "hint": None},
    "a long story": {"reason": "malformed", "message": "x" * 501, "hint": None},
    "numbers": {"channels": 1e400, "digest": 1, "steps": 2},
}


@pytest.mark.parametrize("case", LIES)
def test_results_that_contradict_the_header_are_refused(case: str) -> None:
    words = LIES[case] if isinstance(LIES[case], bytes) else json.dumps(LIES[case]).encode()
    box = bytearray(result_size(HEADER))
    box[HEADER.nbytes :] = (len(words).to_bytes(4, "little") + words).ljust(len(box) - HEADER.nbytes, b"\0")
    with pytest.raises(ImageError, match="nonsense") as caught:
        read_result(np.frombuffer(bytes(box), np.uint8), HEADER)
    assert caught.value.reason is ImageReason.MALFORMED


def test_a_summary_longer_than_the_memory_is_refused() -> None:
    box = bytes(HEADER.nbytes) + b"\xff" * (result_size(HEADER) - HEADER.nbytes)
    assert len(box) == HEADER.nbytes + 4 + decoder_result.MAX_SUMMARY
    with pytest.raises(ImageError, match="nonsense"):
        read_result(np.frombuffer(box, np.uint8), HEADER)


def test_every_file_has_a_process_of_its_own(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = asked(monkeypatch)
    for _ in range(7):
        guard.decode(PACKED, head(PACKED))
    assert len(lanes) == 7
    plain = written(GREY16)  # stored as it is: nothing to decode
    assert head(plain).raw_plane is not None
    assert (guard.decode(plain, head(plain)).pixels[:, :, 0] == GREY16).all()
    assert len(lanes) == 7


@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith("good")])
def test_no_hostile_file_reaches_a_decoder(name: str) -> None:
    outcome, _, file = name.partition("/")
    with pytest.raises(ImageError) as caught:
        read_image_header(CASES[name], file)
    assert caught.value.reason == outcome


def test_the_script_has_files_of_every_outcome() -> None:
    assert {len(files) > 3 for files in make.ALL.values()} == {True}
