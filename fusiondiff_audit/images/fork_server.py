"""The process from which decoder processes are forked: it has loaded the libraries, and never reads a file.

A message stands for one file: the sizes of the file and of its header in the inbox, and the limits of decoding. A child
is forked, enters the sandbox, decodes the inbox, hashes the pixels, writes pixels and summary into the outbox, and
exits. The reply to the message states only how the child ended, and the time it took by the system's count.
"""

import gc
import json
import mmap
import os
import select
import signal
import socket
import sys
import time

from fusiondiff_audit.images import sandbox
from fusiondiff_audit.images.decoder_result import (
    MAX_RESULT,
    READY,
    ProcessExit,
    result_size,
    write_pixels,
    write_refusal,
)
from fusiondiff_audit.images.decoding import decode_samples, warm_up
from fusiondiff_audit.images.errors import ImageError, too_large
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.resources import MEMORY, MOST_PROCESSOR

_MEMORIES, _LONGEST = 2, 100  # descriptors and bytes of a message


def serve() -> None:
    """Serve the parent, whose socket is the one argument, until the parent closes it."""
    parent_socket = socket.socket(fileno=int(sys.argv[1]))
    own = os.getpid()
    _load()
    parent_socket.send(_test_sandbox().encode())
    while True:
        message, memories, *_ = socket.recv_fds(parent_socket, _LONGEST, _MEMORIES)
        if not message:
            return
        size, length, processor, clock, memory = map(int, message.split())
        started = time.monotonic()
        child = os.fork()
        if not child:
            parent_socket.close()
            _run(size, length, memories, processor=processor, memory=memory, parent=own)
        for descriptor in memories:
            os.close(descriptor)
        parent_socket.send(_await(child, parent_socket, started, clock).to_text().encode())


def _run(size: int, length: int, memories: list[int], *, processor: int, memory: int, parent: int) -> None:
    """Decode in the child process, and exit."""
    try:
        inbox, outbox = memories
        content = memoryview(mmap.mmap(inbox, size + length, prot=mmap.PROT_READ))
        header = ImageHeader.from_data(json.loads(bytes(content[size:])))
        sandbox.enter(seconds=processor, memory=memory, writable=result_size(header), parent=parent)
        _decode(content[:size], header, outbox)
    except BaseException:  # whatever happens, a child must not return into the loop of `serve`
        os._exit(1)
    os._exit(0)


def _decode(data: memoryview, header: ImageHeader, outbox: int) -> None:
    try:
        write_pixels(outbox, header, decode_samples(data, header))
    except ImageError as e:
        write_refusal(outbox, header, e)
    except MemoryError:
        write_refusal(outbox, header, too_large("decoding it takes more memory than a decoder has"))


def _await(child: int, parent_socket: socket.socket, started: float, clock: int) -> ProcessExit:
    """Wait until the child ends, the time is up or the parent has closed the socket; return how the child ended."""
    descriptor = os.pidfd_open(child)
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    waiting.register(parent_socket, 0)  # reports that the parent closed it
    events = dict(waiting.poll(clock * 1000))
    ended = descriptor in events
    os.close(descriptor)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    taken = time.monotonic() - started
    return ProcessExit(os.waitstatus_to_exitcode(status), not ended, used.ru_utime + used.ru_stime, taken)


def _load() -> None:
    """Load all that decoders need, since no file can be opened in the sandbox."""
    sandbox.build_filter()
    warm_up()
    gc.collect()
    gc.freeze()  # a collection in the child would copy every page that it looks at


def _test_sandbox() -> str:
    """Test the sandbox in a child with the limits of the largest files; return READY or the fault."""
    reader, writer = os.pipe()
    own = os.getpid()
    child = os.fork()
    if not child:
        try:
            sandbox.enter(seconds=MOST_PROCESSOR, memory=MEMORY, writable=MAX_RESULT, parent=own)
            sandbox.self_test()
            verdict = READY
        except BaseException as e:
            verdict = str(e) or type(e).__name__
        os.write(writer, verdict.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as file:
        return file.read(1000).decode() or "a decoder's process ended at once"
