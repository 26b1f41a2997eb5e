"""The sandbox of a decoder process, which may compute, in bounded memory and time, and write into given memory.

The kernel enforces it (seccomp, in filter mode): every system call but those listed below fails, whatever code runs. No
file can be opened, no program started, no process made or signalled, no network reached.
"""

import ctypes
import functools
import os
import platform
import resource
import signal
import socket
import struct

_GRACE = 1  # second from SIGXCPU, which a process can pass over, to SIGKILL
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _FILTER = 1, 22, 38, 2  # linux/prctl.h
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h, with word, absolute, constant
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x80000000  # linux/seccomp.h; 1 is EPERM
# System calls that are allowed: memory, reading and writing what is open, waiting on a lock, clocks, ending.
_MACHINES = {  # architecture of linux/audit.h, numbers of its system calls
    "x86_64": (0xC000003E, {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "lseek": 8, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
        "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "pwrite64": 18, "sched_yield": 24,
        "mremap": 25, "madvise": 28, "getpid": 39, "exit": 60, "sigaltstack": 131, "gettid": 186, "futex": 202,
        "restart_syscall": 219, "clock_gettime": 228, "exit_group": 231, "newfstatat": 262, "getrandom": 318,
    }),
    "aarch64": (0xC00000B7, {
        "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "mmap": 222, "mprotect": 226, "munmap": 215,
        "brk": 214, "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "pread64": 67, "pwrite64": 68,
        "sched_yield": 124, "mremap": 216, "madvise": 233, "getpid": 172, "exit": 93, "sigaltstack": 132, "gettid": 178,
        "futex": 98, "restart_syscall": 128, "clock_gettime": 113, "exit_group": 94, "newfstatat": 79, "getrandom": 278,
    }),
}  # fmt: skip
_libc = ctypes.CDLL(None, use_errno=True)


class NoSandboxError(Exception):
    """The kernel does not provide the sandbox."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def enter(*, seconds: int, memory: int, writable: int, parent: int) -> None:
    """Give up everything but computing; there is no way back.

    From here on the process may use `seconds` of processor time, allocate `memory` bytes beside those that it has, and
    write `writable` bytes to a file. Lower limits that the system imposes raise `NoSandboxError`: whether a file is
    refused must not depend on them.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # nobody would read the result
    if os.getppid() != parent:  # the parent had ended before the line above
        os._exit(1)
    space = _address_space() + memory
    for what, limit, soft, hard in (
        ("bytes of address space", resource.RLIMIT_AS, space, space),
        ("seconds of processor time", resource.RLIMIT_CPU, seconds, seconds + _GRACE),
        ("bytes of a file", resource.RLIMIT_FSIZE, writable, writable),
        ("bytes of a core dump", resource.RLIMIT_CORE, 0, 0),
    ):
        most = resource.getrlimit(limit)[1]
        if most != resource.RLIM_INFINITY and most < hard:
            raise NoSandboxError(f"a decoder needs up to {hard:,} {what}, this system allows {most:,}")
        resource.setrlimit(limit, (soft, hard))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    code = build_filter()
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    _prctl(_PR_SET_SECCOMP, _FILTER, ctypes.addressof(program))


def self_test() -> None:
    """Attempt in a sandboxed process what must fail."""
    for what, attempt in (
        ("open a file", lambda: os.open("/", os.O_RDONLY)),
        ("reach a network", socket.socket),
        ("make a process", os.fork),
        ("signal a process", lambda: os.kill(os.getppid(), 0)),
        ("run a program", lambda: os.execv("/bin/true", ["true"])),  # noqa: S606
    ):
        try:
            attempt()
        except PermissionError:
            continue
        raise NoSandboxError(f"a decoder could {what}")


def _address_space() -> int:
    """Return how many bytes of address space this process has."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


@functools.cache  # built before processes are forked
def build_filter() -> bytes:
    """Return the filter for the kernel's small machine: the architecture, then each number that may be called."""
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in _MACHINES:
        raise NoSandboxError(f"no sandbox is known for {platform.system()} on {machine}")
    architecture, calls = _MACHINES[machine]
    numbers = sorted(calls.values())
    steps = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        *((_JUMP_IF_EQUAL, len(numbers) - i, 0, number) for i, number in enumerate(numbers)),
        (_RETURN, 0, 0, _FAIL),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _prctl(option: int, first: int, second: int = 0) -> None:
    if _libc.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise NoSandboxError(f"the kernel refuses a sandbox: {os.strerror(ctypes.get_errno()).lower()}")
