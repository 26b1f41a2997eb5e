"""A process that holds a key or a passphrase leaves no copy of its memory behind."""

import sys

import click

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_files() -> None:
    """Let a crash write no core file, of this process and of those that it starts; nothing can allow them again."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as e:
        _tell(f"core files cannot be forbidden ({e}): a crash could leave a key in one")


def forbid_dumps() -> None:
    """Keep the memory of this process from other processes of the same user, and from programs that collect crashes.

    The kernel hands a crash to a collector (systemd-coredump, apport) whatever the limit of `forbid_core_files` says;
    of a process that is not dumpable it hands on nothing. The price: no debugger or profiler of the same user attaches,
    and /proc/PID/environ and its like belong to root. Programs that this process starts are as they were.
    """
    if sys.platform != "linux":
        return
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, *map(ctypes.c_ulong, (0, 0, 0, 0))):
        _tell("the kernel does not keep this process from being dumped: a crash could leave a key in a collector")


def _tell(sentence: str) -> None:
    click.echo(f"warning: {sentence}", err=True)
