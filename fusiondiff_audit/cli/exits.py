"""Exit codes: one table for all verbs (docs/exit-codes.md)."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Exit code of a verb, the gravest first."""

    FAULT = 70
    USAGE = 2
    ENVIRONMENT = 5
    INTEGRITY = 3
    UNREADABLE = 4
    INCONCLUSIVE = 6
    GATE = 1
    DONE = 0


def worst(codes: Iterable[Exit]) -> Exit:
    """Return the gravest of several codes."""
    return min(codes, key=list(Exit).index, default=Exit.DONE)
