"""How verbs answer: text or one JSON object on stdout, sentences on stderr, an exit code by the table."""

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
PASSPHRASES = "passphrase_files"  # the argument of every verb that opens or makes a key
_COLOURS = {"PASSED": "green", "DONE": "green", "REFUSED": "red", "INCONCLUSIVE": "yellow"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb found: a word and a sentence, text for people, and the same as data."""

    word: str
    sentence: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    code: Exit = Exit.DONE


def answering(*, trusted: bool = True) -> Callable[[Callable[..., Answer]], Callable[..., None]]:
    """Make a verb out of a function that returns an answer; a `trusted` one first checks the code that runs."""

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
            if PASSPHRASES in arguments:
                forbid_dumps()
            answer = function(**arguments)
            try:
                _show(answer, ctx.command_path.partition(" ")[2], as_json=as_json)
            except OSError as e:
                raise UnwritableError(e) from e
            _flush()
            ctx.exit(answer.code)

        verb.checks_origin = trusted  # type: ignore[attr-defined]  # a test asks every verb
        return verb

    return decorate


def run_verbs(verbs: click.Command, arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; whatever is raised ends in a sentence and a code."""
    try:
        if sys.stdout is None:  # started with it closed: an answer that nobody gets is no answer
            return Exit.ENVIRONMENT
        code = int(verbs.main(list(arguments), prog_name=PROGRAM, standalone_mode=False) or 0)
        _flush()  # of the help, which click wrote
    except click.exceptions.NoArgsIsHelpError as e:
        click.echo(e.format_message(), err=True)
        return Exit.USAGE
    except (UnwritableError, SystemExit) as e:  # click's own way to say that a pipe is broken is the second
        return _give_up(e.cause if isinstance(e, UnwritableError) else None)
    except (Exception, KeyboardInterrupt) as e:
        if isinstance(e, OSError) and e.errno in (errno.EPIPE, errno.ENOSPC):  # of the help
            return _give_up(e)
        from fusiondiff_audit.cli.failure import explain

        failure = explain(e)
        try:
            _tell(failure, _verb(verbs, arguments), as_json="--json" in arguments)
            sys.stdout.flush()
        except OSError as lost:
            return _give_up(lost)
        return failure.code
    else:
        return code


class UnwritableError(Exception):
    """The answer could not be written: the reader of a pipe went away, or the disk is full."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _flush() -> None:
    try:
        sys.stdout.flush()
    except OSError as e:
        raise UnwritableError(e) from e


def _give_up(error: OSError | None) -> int:
    """End without an answer."""
    sys.stdout = None  # else the interpreter tries once more on its way out, and complains
    if error is not None and error.errno != errno.EPIPE and sys.stderr is not None:
        why = (error.strerror or str(error)).lower()
        say(f"the answer cannot be written: {why} (cannot-write)", word="REFUSED")
    return Exit.ENVIRONMENT


def say(sentence: str, *, word: str = "") -> None:
    """Tell people something that is not the answer, in one line."""
    click.echo((f"{_word(word)}: " if word else "") + visible(sentence), err=True)


def say_some(sentences: Sequence[str], *, most: int, word: str = "", where: str = "") -> None:
    """Tell the first of many, how many more there are, and where to find them."""
    for sentence in sentences[:most]:
        say(sentence, word=word)
    if len(sentences) > most:
        say(f"and {len(sentences) - most:,} more{where}", word=word)


def _show(answer: Answer, verb: str, *, as_json: bool) -> None:
    if as_json:
        outcome = {"verb": verb, "outcome": answer.word, "exit": int(answer.code), "sentence": answer.sentence}
        _put(outcome | answer.data)
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
    """Put the one object on stdout."""
    click.echo(json.dumps(_whole(answer), indent=2))


def _whole(value: Any) -> Any:
    """Return a value without half characters, which names of files may hold and JSON may not."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list | tuple) else value


def _verb(verbs: click.Command, arguments: Sequence[str]) -> str:
    """Return the words of the verb that was called, as far as there is one."""
    words: list[str] = []
    command: click.Command | None = verbs
    for word in arguments:
        if (
            not isinstance(command, click.Group)
            or (command := command.get_command(click.Context(command), word)) is None
        ):
            break
        words.append(word)
    return " ".join(words)


def _word(word: str) -> str:
    if "NO_COLOR" in os.environ:  # no-color.org; click heeds it on no terminal of ours
        return word
    return click.style(word, fg=_COLOURS[word], bold=True)
