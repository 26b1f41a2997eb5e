"""What decoding may take: samples within a limit, processor time that no file comes near, memory that suffices."""

import os
import resource
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest

from fusiondiff_audit.images import guard as guarding
from fusiondiff_audit.images import resources, sandbox, shared_memory, worker
from fusiondiff_audit.images.decoder_result import ProcessExit
from fusiondiff_audit.images.errors import ImageError, ImageReason
from fusiondiff_audit.images.formats.recognition import read_image_header
from fusiondiff_audit.images.formats.registry import FORMATS
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.header import MAX_BYTES, MAX_IMAGE_FILE, Compression, ImageHeader, PlaneLayout, TiffLayout
from fusiondiff_audit.images.resources import MEMORY, MOST_PROCESSOR, ResourceLimits, limit_resources
from tests.images import heavy
from tests.images.dm_model import dm_model
from tests.images.test_guard import PACKED, children_of, head, hostile
from tests.vectors.images import make

MIB = 2**20


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard() as shared:
        yield shared


def empty_png(width: int, height: int) -> bytes:
    """Return a PNG of 16 bits with colour and opacity that has a header and no samples."""
    data = make.chunk(b"IDAT", zlib.compress(b""))
    return make.png(make.ihdr(width, height, bits=16, colour=6), data)


def test_samples_are_limited_by_their_bytes_and_not_by_pixels_alone() -> None:
    """Images of 10,000 x 10,000 pixels, with opacity, at 16 bits, took 0.8 GB each."""
    with pytest.raises(ImageError, match="800,000,000 bytes, at most 268,435,456") as caught:
        read_image_header(empty_png(10_000, 10_000), "rgba.png")
    assert caught.value.reason is ImageReason.TOO_LARGE


def limit_tiff(rows: int) -> bytes:
    """Return a TIFF in strips of 64 rows, which all hold the same zeros."""
    strip = zlib.compress(bytes(4096 * 64 * 8), 1)
    return heavy.tiff_of(strip, -(-rows // 64), 4096, rows, compression=8, channels=4, rows=64)


# One row more is too much: 4096 x 8192 samples of 8 bytes are 256 MiB.
AT_THE_LIMIT: dict[str, tuple[Callable[[], bytes], Callable[[], bytes]]] = {
    "x.png": (lambda: heavy.flat_png(4096, 8192, 6, 16), lambda: empty_png(4096, 8193)),
    "x.tif": (lambda: limit_tiff(8192), lambda: limit_tiff(8193)),
}


@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_images_at_the_limit_are_read_and_larger_ones_refused(name: str) -> None:
    largest_file, larger_file = AT_THE_LIMIT[name]
    assert read_image_header(largest_file(), name).nbytes == MAX_BYTES
    with pytest.raises(ImageError, match="at most 268,435,456") as caught:
        read_image_header(larger_file(), name)
    assert caught.value.reason is ImageReason.TOO_LARGE


def test_tiles_count_with_their_padding() -> None:
    """A row of 32,768 pixels may lie in a tile of 1024 rows."""
    piece = bytes(imagecodecs.deflate_encode(bytes(32_768 * 1024 * 8)))
    data = heavy.tiff_of(piece, 2, 32_768, 1025, compression=8, channels=4, tile=(32_768, 1024))
    with pytest.raises(ImageError, match="536,870,912 bytes"):
        read_image_header(data, "x.tif")
    data = heavy.tiff_of(piece, 1, 32_768, 1, compression=8, channels=4, tile=(32_768, 1024))
    header = read_image_header(data, "x.tif")
    assert (header.nbytes, header.decoded) == (32_768 * 8, MAX_BYTES)


def largest(format_: str, **changes: object) -> ImageHeader:
    """Return the header of an image of 256 MiB with three channels, which are all kept until they are compared."""
    plain = {"format": format_, "width": 8192, "height": 10_922, "channels": 3, "bits": 8}
    return ImageHeader(**(plain | changes))  # type: ignore[arg-type]


def layout(compression: Compression, *, tile: tuple[int, int] | None = None) -> TiffLayout:
    columns, rows = tile or (8192, 10_922)
    return TiffLayout("<", compression, True, tile is not None, rows, columns, ((8, 100),))


LARGEST = {
    "png": largest("png"),
    "png with opacity": largest("png", width=4096, height=8192, channels=4, bits=16, alpha=True),
    "jpeg": largest("jpeg"),
    "jpeg of one column": largest("jpeg", width=1, height=32_768),
    **{f"tiff, {c}": largest("tiff", layout=layout(c)) for c in Compression},
    **{
        f"{name}, {kind}": largest(name, width=8192, height=8192, channels=1, bits=16, plane=PlaneLayout(kind, 1024))
        for name, kind in (("mrc", "<f4"), ("dm3", "<i2"), ("dm4", "<f8"), ("ser", "<i4"))
    },
    **{f"tiff, two tiles of {c}": largest("tiff", layout=layout(c, tile=(4096, 10_928))) for c in Compression},
}


def test_every_format_has_a_largest_image() -> None:
    assert {header.format for header in LARGEST.values()} == {image_format.name for image_format in FORMATS}


@pytest.mark.parametrize("case", LARGEST)
def test_no_file_needs_more_memory_than_all_decoders_have(case: str) -> None:
    limits = limit_resources(LARGEST[case], MAX_IMAGE_FILE)
    assert limits.total <= MEMORY
    assert limits.processor <= MOST_PROCESSOR
    assert limits.clock >= 10 * limits.processor


def endings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ProcessExit, ResourceLimits]]:
    """Return a list that grows by how each decoder ends, and what it was allowed."""
    recorded: list[tuple[ProcessExit, ResourceLimits]] = []
    real = worker.Worker.ask

    def ask(
        self: worker.Worker,
        header: ImageHeader,
        data: bytes,
        outbox: shared_memory.SharedMemory,
        limits: ResourceLimits,
    ) -> ProcessExit:
        ending = real(self, header, data, outbox, limits)
        recorded.append((ending, limits))
        return ending

    monkeypatch.setattr(worker.Worker, "ask", ask)
    return recorded


def noise_row(width: int) -> bytes:
    """Return a row of RGB samples that differ, with the costliest filter."""
    return b"\4" + np.random.default_rng(4).integers(0, 256, width * 6, np.uint8).tobytes()


COSTLY: dict[str, tuple[str, Callable[[], bytes]]] = {
    "deflate blocks that hold nothing": ("x.png", lambda: heavy.empty_blocks(400_000)),
    "65,536 tiles of LZW": ("x.tif", heavy.many_tiles),
    "32,768 strips": ("x.tif", lambda: heavy.flat_tiff(8, 32_768, compression=5, rows=1)),
    "noise in a progressive JPEG": ("x.jpg", lambda: heavy.progressive(2048)),
    "noise in a PNG": ("x.png", lambda: heavy.png_of(3000, 3000, 2, 16, noise_row(3000), level=0)),
    "zeros of LZW": ("x.tif", lambda: heavy.flat_tiff(6000, 4000, compression=5, channels=3)),
    "floating point of 64 bits": (
        "x.dm4", lambda: dm_model(4, bytes(8 * 25_000_000), type_=7, kind=12, depth=8, sides=(5000, 5000)).to_bytes(),
    ),
    "zeros of deflate": ("x.tif", lambda: heavy.flat_tiff(6000, 4000, compression=8, channels=4)),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", COSTLY)
def test_the_costliest_files_come_nowhere_near_their_limits(
    case: str, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In processor time, which a busy machine does not change much, and in half of the memory that is spare."""
    monkeypatch.setattr(resources, "PROCESS", resources.PROCESS // 2)
    recorded = endings(monkeypatch)
    name, make_it = COSTLY[case]
    data = make_it()
    guard.decode(data, read_image_header(data, name))
    ((ending, limits),) = recorded
    assert ending.code == 0
    assert ending.processor < limits.processor / 8


def test_time_in_which_a_decoder_does_not_run_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that is busy with other things: three seconds asleep, with two of processor time allowed."""
    busy = "import time\n    end = time.process_time() + 0.5\n    while time.process_time() < end: pass\n"
    hostile(
        monkeypatch, f"{busy}    return real(data, header)", before="real = fork_server.decode_samples", processor=2
    )
    monkeypatch.setattr(guarding, "limit_resources", lambda *_: ResourceLimits(2, 600, 2**30, 2**20))
    recorded = endings(monkeypatch)
    with Guard() as guard, ThreadPoolExecutor(1) as pool:
        guard.decode(PACKED, head(PACKED))
        process = guard._idle[0]._process.pid
        found = pool.submit(guard.decode, PACKED, head(PACKED))
        while not (children := children_of(process)):
            time.sleep(0.01)
        os.kill(children[0], signal.SIGSTOP)
        time.sleep(3)
        os.kill(children[0], signal.SIGCONT)
        assert found.result(60).pixels.any()
    ending = recorded[-1][0]
    assert len(recorded) == 2  # nothing was tried again
    assert ending.clock > 3
    assert ending.processor < 2


WAITING = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"


def test_a_decoder_that_only_waits_is_ended_by_the_clock_and_tried_once_more_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both times are outcome."""
    hostile(monkeypatch, WAITING, processor=30, clock=1)
    running, most = [0], []
    real = worker.Worker.ask

    def ask(self: worker.Worker, *args: object) -> ProcessExit:
        running[0] += 1
        most.append(running[0])
        try:
            return real(self, *args)  # type: ignore[arg-type]
        finally:
            running[0] -= 1

    monkeypatch.setattr(worker.Worker, "ask", ask)
    with Guard() as guard:
        barrier = threading.Barrier(3)

        def work(_: int) -> ImageError:
            barrier.wait(20)
            with pytest.raises(ImageError) as caught:
                guard.decode(PACKED, head(PACKED))
            return caught.value

        with ThreadPoolExecutor(3) as pool:
            refused = list(pool.map(work, range(3), timeout=60))
    assert len(most) == 6
    assert most[3:] == [1, 1, 1]
    for error in refused:
        assert error.reason is ImageReason.TIMED_OUT
        assert "0 s of processor time, 1 s by the clock (at most 30 s and 1 s)" in str(error)


def test_a_decoder_that_lacked_memory_once_is_tried_again(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system gives none, for others took it, the file is not to blame."""
    tries = iter((MIB, 2**30))
    hostile(monkeypatch, "bytearray(64 * 2**20); return real(data, header)", before="real = fork_server.decode_samples")
    monkeypatch.setattr(
        guarding.Guard, "_attempt",
        lambda self, data, header, limits, real=guarding.Guard._attempt: real(
            self, data, header, ResourceLimits(10, 100, next(tries), MIB)
        ),
    )  # fmt: skip
    with Guard() as guard:
        assert guard.decode(PACKED, head(PACKED)).pixels.any()
    assert next(tries, None) is None


def test_large_files_wait_until_others_have_given_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes more than half of what there is: they run one after the other, and a small one in its turn."""
    half = MEMORY // 2 + MIB
    monkeypatch.setattr(guarding, "limit_resources", lambda *_: ResourceLimits(60, 600, half, 0))
    running, most = [0], [0]
    real, lock = worker.Worker.ask, threading.Lock()

    def ask(self: worker.Worker, *args: object) -> ProcessExit:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        try:
            return real(self, *args)  # type: ignore[arg-type]
        finally:
            with lock:
                running[0] -= 1

    monkeypatch.setattr(worker.Worker, "ask", ask)
    with Guard() as guard, ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: guard.decode(PACKED, head(PACKED)), range(12), timeout=60))
        assert len(guard._idle) == 1
    assert len(found) == 12
    assert most == [1]


def test_a_large_inbox_is_not_kept(guard: Guard) -> None:
    row = noise_row(3000)
    data = heavy.png_of(3000, 1500, 2, 16, row, level=0)
    assert len(data) > 16 * MIB
    guard.decode(data, read_image_header(data, "x.png"))
    assert all(idle._inbox.size <= 16 * MIB for idle in guard._idle)


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        (resource.RLIMIT_CPU, 100, "seconds of processor time, this system allows 100"),
        (resource.RLIMIT_AS, 2**30, "bytes of address space, this system allows 1,073,741,824"),
        (resource.RLIMIT_FSIZE, 2**20, "bytes of a file, this system allows 1,048,576"),
    ],
)
def test_lower_limits_of_the_system_are_refused(limit: int, value: int, words: str) -> None:
    """A lower one would refuse large files here that are admitted elsewhere, so that nothing is decoded at all."""
    reader, writer = os.pipe()
    own = os.getpid()
    child = os.fork()
    if not child:
        outcome = "entered"
        try:
            resource.setrlimit(limit, (value, value))
            sandbox.enter(seconds=MOST_PROCESSOR, memory=MEMORY, writable=MAX_BYTES, parent=own)
        except sandbox.NoSandboxError as e:
            outcome = str(e)
        finally:
            os.write(writer, outcome.encode())
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as file:
        assert words in file.read().decode()
