"""The parent's side of one fork server, with which it exchanges messages and shares memory."""

import json
import socket
import subprocess
import sys
import tempfile

from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.extras import require
from fusiondiff_audit.images.decoder_result import READY, ProcessExit
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.resources import ResourceLimits
from fusiondiff_audit.images.shared_memory import SharedMemory

_START = "from fusiondiff_audit.images.fork_server import serve; serve()"
_PATIENCE = 60  # seconds for the process to start; on a busy machine with cold disks it needs a few
_LONGEST = 1000  # bytes of a reply
_KEPT = 16 * 1024**2  # bytes; a larger inbox is given back to the system after use
# One thread: the libraries would keep address space for as many as the machine has cores.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}


class WorkerLostError(Exception):
    """The fork server is gone, or does not answer."""


class Worker:
    """A fork server that has one file decoded at a time."""

    def __init__(self) -> None:
        require("images", "decoding micrographs")
        self._socket, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._inbox = SharedMemory(1)
        with far, tempfile.TemporaryFile() as stderr_file:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-c", _START, str(far.fileno())],
                pass_fds=(far.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr_file,
                env=_ENVIRONMENT,
                start_new_session=True,  # keyboard interrupts are for the parent alone
            )
            far.close()
            reply = self._hear(_PATIENCE)
            if reply != READY:
                self.close()
                stderr_file.seek(0)
                last = stderr_file.read().decode("utf-8", "replace").strip().splitlines()[-1:]
                raise AuditError(
                    AuditReason.NO_SANDBOX,
                    f"no guarded process to decode in: {reply or ''.join(last) or 'it ended at once'}",
                    hint="decoding needs Linux 5.3 or newer with seccomp, on x86_64 or aarch64",
                )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, header: ImageHeader, data: bytes, outbox: SharedMemory, limits: ResourceLimits) -> ProcessExit:
        """Have a file decoded into the outbox within the limits; return how the child ended."""
        packed_header = json.dumps(header.to_data()).encode("ascii")
        size = len(data) + len(packed_header)
        inbox = self._inbox = self._inbox.fitting(size)
        inbox.view[: len(data)] = data
        inbox.view[len(data) : size] = packed_header
        message = f"{len(data)} {len(packed_header)} {limits.processor} {limits.clock} {limits.memory}".encode("ascii")
        try:
            socket.send_fds(self._socket, [message], [inbox.descriptor, outbox.descriptor])
        except OSError as e:
            raise WorkerLostError("the decoder's process is gone") from e
        reply = self._hear(limits.clock + _PATIENCE)
        if not reply:
            raise WorkerLostError("the decoder's process is gone, or does not answer")
        if inbox.size > _KEPT:
            inbox.close()
            self._inbox = SharedMemory(1)
        return ProcessExit.from_text(reply)

    def close(self) -> None:
        """End the process; its children end with it."""
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._inbox.close()

    def _hear(self, seconds: int) -> str:
        self._socket.settimeout(seconds)
        try:
            return self._socket.recv(_LONGEST).decode("ascii", "replace")
        except OSError:  # a timeout among them
            return ""
