"""Exit codes: one table for all verbs (docs/exit-codes.md)."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Exit code of a verb."""

    DONE = 0
    GATE = 1
    USAGE = 2
    INTEGRITY = 3
    UNREADABLE = 4
    ENVIRONMENT = 5
    INCONCLUSIVE = 6
    FAULT = 70


_ORDER = (
    Exit.FAULT,
    Exit.USAGE,
    Exit.ENVIRONMENT,
    Exit.INTEGRITY,
    Exit.UNREADABLE,
    Exit.INCONCLUSIVE,
    Exit.GATE,
    Exit.DONE,
)


def worst(codes: Iterable[Exit]) -> Exit:
    """Return the code to exit with if several apply."""
    return min(codes, key=_ORDER.index, default=Exit.DONE)
