"""Options that many verbs share: keys and passphrases, trust stores, times."""

import functools
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import PASSPHRASES, say
from fusiondiff_audit.cli.text import visible
from fusiondiff_audit.page.language import Language

_DIGITS = re.compile("(?:sha256:)?([0-9a-f]{1,64})")
_COMPUTE = re.compile("cpu|cuda(:[0-9]{1,3})?")
PATH = click.Path(path_type=Path)


class Moment(click.ParamType[datetime]):
    """A time, a date or `+90d` from now."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse the text."""
        return value if isinstance(value, datetime) else signing.read_moment(value, signing.now())


class Duration(click.ParamType[timedelta]):
    """A duration such as `90d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse the text."""
        return value if isinstance(value, timedelta) else signing.read_duration(value)


class DigestParameter(click.ParamType[str]):
    """A SHA-256 digest in hexadecimal, or at least its first `least` digits, with or without `sha256:`."""

    name = "fingerprint"

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        match = _DIGITS.fullmatch(value)
        if match and len(match[1]) >= self._least:
            return match[1]
        many = "64" if self._least == 64 else f"{self._least} to 64"
        return self.fail(f"{value!r} is not sha256: and {many} lower-case hexadecimal digits", param, ctx)


class ComputeDevice(click.ParamType[str]):
    """A device of torch, known without torch."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if _COMPUTE.fullmatch(value):
            return str(value)
        return self.fail(f"{value!r} is no device; cpu, cuda and cuda:N are", param, ctx)


FINGERPRINT = DigestParameter(64)
KEYID = DigestParameter(8)


def trust_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a trust store to a verb, which gets the verified store as `trust`."""
    return _trust_options(function, "The trust store that you pinned.", required=True)


def optional_trust_options(purpose: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the same options to a verb that can do without, which then gets None; `purpose` is the help of --trust."""
    return lambda function: _trust_options(function, purpose, required=False)


def _trust_options(function: Callable[..., Any], purpose: str, *, required: bool) -> Callable[..., Any]:
    @click.option("--trust", "trust_path", type=PATH, required=required, help=purpose)
    @click.option("--root", type=FINGERPRINT, help="Your pin, all 64 digits: refuse any other store.")
    @click.option("--min-trust-version", type=click.IntRange(min=1), default=1, help="Refuse an older store.")
    @click.option("--at", type=Moment(), help="Judge as of this time instead of now.")
    @functools.wraps(function)
    def wrapped(
        trust_path: Path | None, root: str | None, min_trust_version: int, at: datetime | None, **rest: Any
    ) -> Any:
        if trust_path is None:
            if root is not None or at is not None or min_trust_version > 1:
                raise click.UsageError("--root, --min-trust-version and --at are about a trust store; give --trust")
            return function(trust=None, **rest)
        trust = signing.load_trust(trust_path, at=at or signing.now(), root=root, min_version=min_trust_version)
        say(trust_line(trust, trust_path))
        if root is None:
            say("trust: no --root given, so only the file itself says that this is the right trust store")
        return function(trust=TrustContext(trust, pinned=root is not None, now=at is None), **rest)

    return wrapped


@dataclass(frozen=True, slots=True)
class TrustContext:
    """A verified trust store, whether the user pinned it, and whether it is judged as of now."""

    store: signing.TrustStore
    pinned: bool
    now: bool

    def remarks(self) -> str:
        """Return the reservations that a sentence about a verification with this store must state."""
        remarks = [] if self.now else [f"as of {signing.write_time(self.store.at)}, by --at"]
        return "".join(f" ({text})" for text in (remarks if self.pinned else [*remarks, "trust store not pinned"]))

    def data(self) -> dict[str, Any]:
        """Return the store as data."""
        return trust_data(self.store) | {"pinned": self.pinned, "judgedNow": self.now}


def trust_line(trust: signing.TrustStore, path: Path) -> str:
    """Return the sentence that names a trust store."""
    expires = signing.write_time(trust.root.expires)
    return f"trust: {path}, version {trust.root.version}, root sha256:{trust.fingerprint}, expires {expires}"


def trust_data(trust: signing.TrustStore) -> dict[str, Any]:
    """Return a trust store as data."""
    return {
        "root": f"sha256:{trust.fingerprint}",
        "version": trust.root.version,
        "expires": signing.write_time(trust.root.expires),
        "judgedAt": signing.write_time(trust.at),
    }


def passphrase_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb that signs the option `--passphrase-file`."""
    return click.option(
        "--passphrase-file",
        PASSPHRASES,
        type=PATH,
        multiple=True,
        help="Read the passphrase from this file; with several keys, one file for each.",
    )(function)


def language_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb that writes a page the option `--language`."""
    return click.option(
        "--language",
        type=click.Choice(tuple(map(str, Language))),
        default=str(Language.ENGLISH),
        show_default=True,
        callback=lambda ctx, param, code: Language(code),
        help="The language of report.html; nothing signed is translated.",
    )(function)


def open_key(path: Path, passphrase_files: tuple[Path, ...]) -> signing.PrivateKey:
    """Load a private key, with a passphrase from one of the files or from the terminal."""
    for file in passphrase_files[:-1]:
        try:
            return signing.load_key(path, passphrase=partial(signing.read_passphrase, file))
        except signing.SigningError as e:
            if e.reason is not signing.Reason.BAD_PASSPHRASE:
                raise
    return signing.load_key(path, passphrase=lambda: ask_passphrase(path, passphrase_files[-1:]))


def open_model_key(path: Path | None, passphrase_files: tuple[Path, ...]) -> signing.PrivateKey | None:
    """Load a key that can sign a bundle; None without a path."""
    if path is None:
        return None
    key = open_key(path, passphrase_files)
    signing.refuse_unfit(key)
    return key


def ask_passphrase(key: Path, files: tuple[Path, ...], *, new: bool = False) -> bytes:
    """Return the passphrase of a key, from a file or the terminal, never from an argument, which others can see."""
    if files:
        return signing.read_passphrase(files[0])
    if sys.stdin is None or not sys.stdin.isatty():
        raise signing.SigningError(
            signing.Reason.BAD_PASSPHRASE,
            f"{key}: needs a passphrase, and there is no terminal to ask for it",
            hint="say --passphrase-file FILE",
        )
    least = f", {signing.MIN_PASSPHRASE} characters or more" if new else ""
    text = _prompt(f"passphrase for {visible(str(key))}{least}")
    if new and len(text) >= signing.MIN_PASSPHRASE and _prompt("again") != text:
        raise signing.SigningError(signing.Reason.BAD_PASSPHRASE, f"{key}: the two passphrases differ")
    return text


def _prompt(question: str) -> bytes:
    try:
        text: str = click.prompt(question, hide_input=True, err=True, default="", show_default=False)
        return text.encode("utf-8")
    except UnicodeError:  # without the cause, which would show what was typed
        raise signing.SigningError(signing.Reason.BAD_PASSPHRASE, "what was typed is not UTF-8 text") from None
