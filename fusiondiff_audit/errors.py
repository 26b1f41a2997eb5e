"""The core's exception, with a reason that programs can read."""

from enum import StrEnum


class AuditReason(StrEnum):
    """Why the core refused; the codes are stable, like those of the other packages."""

    CODE_ALTERED = "code-altered"
    DIVERGED = "diverged"
    DUPLICATE_PIXELS = "duplicate-pixels"
    FOREIGN_ENVIRONMENT = "foreign-environment"
    GATE_FAILED = "gate-failed"
    LEDGER_ALTERED = "ledger-altered"
    MISSING_EXTRA = "missing-extra"
    NO_DEVICE = "no-device"
    NO_SANDBOX = "no-sandbox"
    NOT_ASSESSABLE = "not-assessable"
    NOT_ENROLLED = "not-enrolled"
    NOT_INSTALLED = "not-installed"
    NOT_STRESS_TESTED = "not-stress-tested"
    REPLAYED = "replayed"
    SEEN_LABEL = "seen-label"


class AuditError(Exception):
    """A refusal by the core. Its notes are remedies, which the command line prints as hints."""

    def __init__(self, reason: AuditReason, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        if hint is not None:
            self.add_note(hint)
