"""Keeps the memory of a process that holds a key or a passphrase out of core files and crash collectors."""

import sys

import click

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_files() -> None:
    """Forbid core files of this process and its children, irrevocably."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as e:
        _tell(f"core files cannot be forbidden ({e}): a crash could leave a key in one")


def forbid_dumps() -> None:
    """Keep the memory of this process from other processes of the same user, and from crash collectors.

    The kernel gives a crash to a collector (systemd-coredump, apport) despite the limit of `forbid_core_files`, but not
    that of a process that is not dumpable. The cost: no debugger or profiler of the same user can attach, and
    /proc/PID/environ belongs to root. Child processes are dumpable.
    """
    if sys.platform != "linux":
        return
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, *map(ctypes.c_ulong, (0, 0, 0, 0))):
        _tell("the kernel cannot make this process undumpable: a crash could leave a key with a crash collector")


def _tell(sentence: str) -> None:
    click.echo(f"warning: {sentence}", err=True)
