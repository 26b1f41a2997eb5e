"""Options that many verbs share: keys and passphrases, trust stores, moments in time."""

import functools
import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import say

_FINGERPRINT = re.compile("(?:sha256:)?([0-9a-f]{64})")
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


class Fingerprint(click.ParamType[str]):
    """A SHA-256, with or without its `sha256:`."""

    name = "fingerprint"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the 64 hexadecimal digits."""
        if match := _FINGERPRINT.fullmatch(value):
            return match[1]
        return self.fail(f"{value!r} is not sha256: and 64 lower-case hexadecimal digits", param, ctx)


def trust_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb the trust store that the user pins, verified, as `trust`."""

    @click.option("--trust", "path", type=PATH, required=True, help="The trust store that you pinned.")
    @click.option("--root", type=Fingerprint(), help="Refuse any store without a version of this fingerprint.")
    @click.option("--min-trust-version", type=click.IntRange(min=1), default=1, help="Refuse an older store.")
    @click.option("--at", type=Moment(), help="Judge as of this time instead of now.")
    @functools.wraps(function)
    def wrapped(path: Path, root: str | None, min_trust_version: int, at: datetime | None, **rest: Any) -> Any:
        trust = signing.load_trust(path, at=at or signing.now(), root=root, min_version=min_trust_version)
        say(trust_line(trust, path))
        if root is None:
            say("trust: no --root given, so nothing but the file itself says that this is the store you pinned")
        return function(trust=trust, **rest)

    return wrapped


def trust_line(trust: signing.TrustStore, path: Path) -> str:
    """Return the sentence that names a trust store."""
    expires = signing.write_time(trust.root.expires)
    return f"trust: {path}, version {trust.root.version}, root sha256:{trust.fingerprint}, expires {expires}"


def trust_data(trust: signing.TrustStore) -> dict[str, Any]:
    """Return the same as data."""
    return {
        "root": f"sha256:{trust.fingerprint}",
        "version": trust.root.version,
        "expires": signing.write_time(trust.root.expires),
        "judgedAt": signing.write_time(trust.at),
    }


def passphrase_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb that signs the option `--passphrase-file`."""
    option = click.option("--passphrase-file", type=PATH, help="Read the key's passphrase from this file.")
    return option(function)


def open_key(path: Path, passphrase_file: Path | None) -> signing.PrivateKey:
    """Load a private key, with the passphrase from the file or from the terminal."""
    return signing.load_key(path, passphrase=lambda: passphrase(path, passphrase_file))


def passphrase(key: Path, file: Path | None, *, confirm: bool = False) -> bytes:
    """Return the passphrase for a key; it is never taken from an argument, which others could see."""
    if file is not None:
        return signing.read_passphrase(file)
    if not sys.stdin.isatty():
        raise signing.SigningError(
            signing.Reason.BAD_PASSPHRASE,
            f"{key}: needs a passphrase, and there is no terminal to ask at",
            hint="say --passphrase-file FILE",
        )
    text: str = click.prompt(
        f"passphrase for {key}", hide_input=True, err=True, confirmation_prompt="again" if confirm else False
    )
    return text.encode("utf-8")
