"""What a stress test comes to."""

from enum import StrEnum


class Outcome(StrEnum):
    """What a stress test comes to."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INCONCLUSIVE = "INCONCLUSIVE"
