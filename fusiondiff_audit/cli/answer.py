"""Answers of verbs: text or one JSON object on stdout, messages on stderr, and an exit code by the table."""

import errno
import functools
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from fusiondiff_audit.cli.core_dumps import forbid_dumps
from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.cli.text import visible

if TYPE_CHECKING:
    from fusiondiff_audit.cli.failure import Failure

PROGRAM = "fusiondiff-audit"
PASSPHRASES = "passphrase_files"  # the parameter of every verb that opens or makes a key
_COLOURS = {"PASSED": "green", "DONE": "green", "REFUSED": "red", "INCONCLUSIVE": "yellow"}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a verb: an outcome word, a sentence and a text for people, and the same as data.

    A document is a file's text for another program: it has stdout for itself, and the sentence goes to stderr.
    """

    word: str
    sentence: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    code: Exit = Exit.DONE
    document: str = ""


def answering(*, trusted: bool = True) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Make a verb of a function that returns an answer; a `trusted` verb first checks the installed code."""

    def decorate(function: Callable[..., Answer]) -> Callable[..., None]:
        @click.option("--json", "as_json", is_flag=True, help="Put one JSON object on stdout.")
        @click.pass_context
        @functools.wraps(function)
        def verb(ctx: click.Context, /, as_json: bool, **arguments: Any) -> None:
            if trusted:
                from fusiondiff_audit.environment import refuse_foreign_variables
                from fusiondiff_audit.origin import check_origin

                refuse_foreign_variables()
                check_origin()
            if ctx.obj is not None:
                ctx.obj.tell(ctx)
            if PASSPHRASES in arguments:
                forbid_dumps()
            answer = function(**arguments)
            try:
                _show(answer, ctx.command_path.partition(" ")[2], as_json=as_json)
            except OSError as e:
                raise UnwritableError(e) from e
            _flush()
            ctx.exit(answer.code)

        verb.checks_origin = trusted  # type: ignore[attr-defined]  # read by a test
        return verb

    return decorate


def run_verbs(verbs: click.Command, arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; every exception becomes a sentence and a code."""
    try:
        if sys.stdout is None:  # started with stdout closed: nobody can get the answer
            return Exit.ENVIRONMENT
        code = int(verbs.main(list(arguments), prog_name=PROGRAM, standalone_mode=False) or 0)
        _flush()  # the help, which click wrote
    except click.exceptions.NoArgsIsHelpError as e:
        click.echo(e.format_message(), err=True)
        return Exit.USAGE
    except (UnwritableError, SystemExit) as e:  # click raises SystemExit for a broken pipe
        return _give_up(e.cause if isinstance(e, UnwritableError) else None)
    except (Exception, KeyboardInterrupt) as e:
        if isinstance(e, OSError) and e.errno in (errno.EPIPE, errno.ENOSPC):  # from writing the help
            return _give_up(e)
        from fusiondiff_audit.cli.failure import explain

        verb = _verb(verbs, arguments)
        failure = explain(e, verb, arguments)
        try:
            _tell(failure, verb, as_json="--json" in arguments)
            sys.stdout.flush()
        except OSError as lost:
            return _give_up(lost)
        return failure.code
    else:
        return code


class UnwritableError(Exception):
    """The answer could not be written: a pipe was closed, or the disk is full."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError as e:
        raise UnwritableError(e) from e


def _give_up(error: OSError | None) -> int:
    """Return the exit code of a run whose answer cannot be written."""
    sys.stdout = None  # else the interpreter flushes it again on exit, and prints an error
    if error is not None and error.errno != errno.EPIPE and sys.stderr is not None:
        why = (error.strerror or str(error)).lower()
        say(f"the answer cannot be written: {why} (cannot-write)", word="REFUSED")
    return Exit.ENVIRONMENT


def say(sentence: str, *, word: str = "") -> None:
    """Print a message on stderr, in one line."""
    click.echo((f"{_word(word)}: " if word else "") + visible(sentence), err=True)


def say_some(sentences: Sequence[str], *, most: int, word: str = "", where: str = "") -> None:
    """Print the first `most` messages, how many more there are, and where to find them."""
    for sentence in sentences[:most]:
        say(sentence, word=word)
    if len(sentences) > most:
        say(f"and {len(sentences) - most:,} more{where}", word=word)


def _show(answer: Answer, verb: str, *, as_json: bool) -> None:
    if as_json:
        outcome = {"verb": verb, "outcome": answer.word, "exit": int(answer.code), "sentence": answer.sentence}
        _put(outcome | answer.data)
        return
    if answer.document:
        click.echo(answer.document, nl=False)
        say(answer.sentence, word=answer.word)
        return
    if answer.text:
        click.echo(visible(answer.text, keep="\n"))
    click.echo(f"{_word(answer.word)}: {visible(answer.sentence)}")


def _tell(failure: "Failure", verb: str, *, as_json: bool) -> None:
    if failure.trace:
        click.echo(visible(failure.trace, keep="\n"), err=True)
    if as_json:
        outcome = {"verb": verb, "outcome": "REFUSED", "exit": int(failure.code), "reason": failure.reason}
        _put(outcome | {"sentence": failure.sentence, "hints": failure.hints})
        return
    for hint in failure.hints:
        say(f"hint: {hint}")
    say(f"{failure.sentence} ({failure.reason})", word="REFUSED")


def _put(answer: dict[str, Any]) -> None:
    click.echo(json.dumps(_encodable(answer), indent=2))


def _encodable(value: Any) -> Any:
    """Return a value without lone surrogates, which names of files may hold and UTF-8 may not."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _encodable(inner) for key, inner in value.items()}
    return [_encodable(inner) for inner in value] if isinstance(value, list | tuple) else value


def _verb(verbs: click.Command, arguments: Sequence[str]) -> str:
    """Return the words on the command line that name a verb."""
    words: list[str] = []
    command: click.Command | None = verbs
    for word in arguments:
        command = command.get_command(click.Context(command), word) if isinstance(command, click.Group) else None
        if command is None:
            break
        words.append(word)
    return " ".join(words)


def _word(word: str) -> str:
    if "NO_COLOR" in os.environ:  # no-color.org, which click does not follow
        return word
    return click.style(word, fg=_COLOURS[word], bold=True)
