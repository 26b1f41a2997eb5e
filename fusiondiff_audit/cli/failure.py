"""Failures: an exit code by the table, a stable reason code, a sentence and hints."""

from dataclasses import dataclass
from enum import StrEnum

import click

from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.errors import ImageError, ImageReason
from signing.errors import Reason, SigningError

_CODES: dict[StrEnum, Exit] = {
    Reason.NO_SIGNATURE: Exit.INTEGRITY,
    Reason.BAD_SIGNATURE: Exit.INTEGRITY,
    Reason.BAD_PROOF: Exit.INTEGRITY,
    Reason.BAD_TIMESTAMP: Exit.INTEGRITY,
    Reason.CONTRADICTION: Exit.INTEGRITY,
    Reason.UNKNOWN_KEY: Exit.INTEGRITY,
    Reason.WRONG_ROLE: Exit.INTEGRITY,
    Reason.WRONG_ROOT: Exit.INTEGRITY,
    Reason.ROLLBACK: Exit.INTEGRITY,
    Reason.EXPIRED: Exit.INTEGRITY,
    Reason.NOT_YET_VALID: Exit.INTEGRITY,
    Reason.REVOKED: Exit.INTEGRITY,
    Reason.DIGEST_MISMATCH: Exit.INTEGRITY,
    Reason.MISSING_FILE: Exit.INTEGRITY,
    Reason.EXTRA_FILE: Exit.INTEGRITY,
    Reason.UNSAFE_NAME: Exit.INTEGRITY,
    Reason.NOT_A_FILE: Exit.INTEGRITY,
    Reason.WEAK_KEY: Exit.INTEGRITY,
    Reason.KEY_EXPOSED: Exit.INTEGRITY,
    Reason.MALFORMED: Exit.UNREADABLE,
    Reason.TOO_LARGE: Exit.UNREADABLE,
    Reason.UNSUPPORTED: Exit.UNREADABLE,
    Reason.UNREADABLE: Exit.UNREADABLE,
    Reason.EMPTY: Exit.UNREADABLE,
    Reason.BAD_REQUEST: Exit.USAGE,
    Reason.BAD_PASSPHRASE: Exit.USAGE,
    Reason.EXISTS: Exit.USAGE,
    Reason.CANNOT_WRITE: Exit.ENVIRONMENT,
    AuditReason.CODE_ALTERED: Exit.INTEGRITY,
    AuditReason.DIVERGED: Exit.INCONCLUSIVE,
    AuditReason.NOT_INSTALLED: Exit.ENVIRONMENT,
    AuditReason.FOREIGN_ENVIRONMENT: Exit.ENVIRONMENT,
    AuditReason.GATE_FAILED: Exit.GATE,
    AuditReason.NOT_STRESS_TESTED: Exit.GATE,
    AuditReason.REPLAYED: Exit.INTEGRITY,
    AuditReason.SEEN_LABEL: Exit.USAGE,
    AuditReason.DUPLICATE_PIXELS: Exit.INTEGRITY,
    AuditReason.LEDGER_ALTERED: Exit.INTEGRITY,
    AuditReason.MISSING_EXTRA: Exit.ENVIRONMENT,
    AuditReason.NO_DEVICE: Exit.ENVIRONMENT,
    AuditReason.NO_SANDBOX: Exit.ENVIRONMENT,
    AuditReason.NOT_ASSESSABLE: Exit.INCONCLUSIVE,
    AuditReason.NOT_ENROLLED: Exit.USAGE,
    ImageReason.AMBIGUOUS: Exit.UNREADABLE,
    ImageReason.TIMED_OUT: Exit.UNREADABLE,
}
_BY_NAME = {reason.value: code for reason, code in _CODES.items()}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as it is printed; `trace` is set only for faults of the tool."""

    code: Exit
    reason: str
    sentence: str
    hints: tuple[str, ...] = ()
    trace: str = ""


def explain(error: BaseException) -> Failure:
    """Return the failure that an exception means."""
    if isinstance(error, SigningError | AuditError | ImageError):
        hints = tuple(getattr(error, "__notes__", ()))
        return Failure(exit_code(error.reason), error.reason.value, str(error), hints)
    if isinstance(error, click.UsageError):
        about = error.ctx.command_path if error.ctx else "fusiondiff-audit"
        return Failure(Exit.USAGE, "usage", error.format_message(), (f"{about} --help explains",))
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Failure(Exit.ENVIRONMENT, "interrupted", "interrupted")
    import traceback

    trace = "".join(traceback.format_exception(error))
    hint = "this is a fault of fusiondiff-audit; please report it with the lines above"
    return Failure(Exit.FAULT, "fault", f"{type(error).__name__}: {error}", (hint,), trace)


def code_of(reason: str) -> Exit:
    """Return the exit code of a reason code in a report; KeyError if there is no such reason."""
    return _BY_NAME[reason]


def exit_code(reason: StrEnum) -> Exit:
    return _CODES[reason]
