"""Failures: an exit code by the table, a stable reason code, a sentence and hints."""

from collections.abc import Sequence
from dataclasses import dataclass

import click

from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.file_kinds import wrong_file_hint
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.images.errors import ImageError, ImageReason
from signing.errors import Reason, SigningError

# Every reason that is not named here is one of integrity: a file is not what was signed, or nobody trusted signed it.
_CODES: dict[str, Exit] = dict.fromkeys((*Reason, *AuditReason, *ImageReason), Exit.INTEGRITY) | {
    Reason.MALFORMED: Exit.UNREADABLE,
    Reason.TOO_LARGE: Exit.UNREADABLE,
    Reason.UNSUPPORTED: Exit.UNREADABLE,
    Reason.UNREADABLE: Exit.UNREADABLE,
    Reason.EMPTY: Exit.UNREADABLE,
    Reason.BAD_REQUEST: Exit.USAGE,
    Reason.BAD_PASSPHRASE: Exit.USAGE,
    Reason.EXISTS: Exit.USAGE,
    Reason.CANNOT_WRITE: Exit.ENVIRONMENT,
    AuditReason.DIVERGED: Exit.INCONCLUSIVE,
    AuditReason.NOT_INSTALLED: Exit.ENVIRONMENT,
    AuditReason.FOREIGN_ENVIRONMENT: Exit.ENVIRONMENT,
    AuditReason.GATE_FAILED: Exit.GATE,
    AuditReason.NOT_STRESS_TESTED: Exit.GATE,
    AuditReason.SEEN_LABEL: Exit.USAGE,
    AuditReason.MISSING_EXTRA: Exit.ENVIRONMENT,
    AuditReason.NO_DEVICE: Exit.ENVIRONMENT,
    AuditReason.NO_SANDBOX: Exit.ENVIRONMENT,
    AuditReason.NOT_ASSESSABLE: Exit.INCONCLUSIVE,
    AuditReason.NOT_ENROLLED: Exit.USAGE,
    ImageReason.AMBIGUOUS: Exit.UNREADABLE,
    ImageReason.TIMED_OUT: Exit.UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as it is printed; `trace` is set only for faults of the tool."""

    code: Exit
    reason: str
    sentence: str
    hints: tuple[str, ...] = ()
    trace: str = ""


def explain(error: BaseException, verb: str = "", arguments: Sequence[str] = ()) -> Failure:
    """Return the failure that an exception means; the arguments of the verb may tell more."""
    if isinstance(error, SigningError | AuditError | ImageError):
        hints = [*getattr(error, "__notes__", ())]
        if (advice := wrong_file_hint(error, verb, _value_of("--trust", arguments))) is not None:
            hints.append(advice)
        return Failure(exit_code(error.reason), error.reason.value, str(error), tuple(hints))
    if isinstance(error, click.UsageError):
        about = error.ctx.command_path if error.ctx else "fusiondiff-audit"
        hints = [f"{about} --help explains"]
        if error.format_message().startswith("Got unexpected extra argument"):
            hints.insert(0, "a folder is named as a whole, without its files; a name with spaces stands in quotes")
        return Failure(Exit.USAGE, "usage", error.format_message(), tuple(hints))
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Failure(Exit.ENVIRONMENT, "interrupted", "interrupted")
    import traceback

    trace = "".join(traceback.format_exception(error))
    hint = "this is a fault of fusiondiff-audit; please report it with the lines above"
    return Failure(Exit.FAULT, "fault", f"{type(error).__name__}: {error}", (hint,), trace)


def _value_of(option: str, arguments: Sequence[str]) -> str | None:
    """Return the value of an option on the command line."""
    for place, word in enumerate(arguments):
        if word == option:
            return next(iter(arguments[place + 1 :]), None)
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def exit_code(reason: str) -> Exit:
    """Return the exit code of a reason; KeyError if there is no such reason."""
    return _CODES[reason]
