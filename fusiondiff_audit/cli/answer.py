"""How verbs answer: text or one JSON object on stdout, sentences on stderr, an exit code by the table."""

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from fusiondiff_audit.cli.exits import Exit

if TYPE_CHECKING:
    from fusiondiff_audit.cli.failure import Failure

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
                from fusiondiff_audit.origin import check_origin

                check_origin()
            answer = function(**arguments)
            _show(answer, ctx.info_name or "", as_json=as_json)
            ctx.exit(answer.code)

        return verb

    return decorate


def run(verbs: click.Command, arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; whatever is raised ends in a sentence and a code."""
    try:
        return int(verbs.main(list(arguments), prog_name="fusiondiff-audit", standalone_mode=False) or 0)
    except BrokenPipeError:  # the reader of our answer went away; there is nobody left to tell
        sys.stdout = None  # else the interpreter complains on its way out
        return Exit.ENVIRONMENT
    except (Exception, KeyboardInterrupt) as e:
        from fusiondiff_audit.cli.failure import explain

        failure = explain(e)
        _tell(failure, as_json="--json" in arguments)
        return failure.code


def say(sentence: str) -> None:
    """Tell people something that is not the answer."""
    click.echo(sentence, err=True)


def table(rows: Iterable[Sequence[str]], *, indent: str = "  ") -> str:
    """Lay out rows in columns as wide as their widest cell."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def count(number: int, noun: str) -> str:
    """Return `1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(octets: int) -> str:
    """Return a number of bytes as people read it."""
    value = float(octets)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{octets} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def _show(answer: Answer, verb: str, *, as_json: bool) -> None:
    if as_json:
        outcome = {"verb": verb, "outcome": answer.word, "exit": int(answer.code), "sentence": answer.sentence}
        click.echo(json.dumps(outcome | answer.data, indent=2))
        return
    if answer.text:
        click.echo(answer.text)
    click.echo(f"{_word(answer.word)}: {answer.sentence}")


def _tell(failure: "Failure", *, as_json: bool) -> None:
    if failure.trace:
        say(failure.trace)
    if as_json:
        outcome = {"outcome": "REFUSED", "exit": int(failure.code), "reason": failure.reason}
        click.echo(json.dumps(outcome | {"sentence": failure.sentence, "hints": failure.hints}, indent=2))
        return
    for hint in failure.hints:
        say(f"hint: {hint}")
    say(f"{_word('REFUSED')}: {failure.sentence} ({failure.reason})")


def _word(word: str) -> str:
    if "NO_COLOR" in os.environ:  # no-color.org; click heeds it on no terminal of ours
        return word
    return click.style(word, fg=_COLOURS[word], bold=True)
