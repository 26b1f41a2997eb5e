"""The settings file of a laboratory: values for options that nobody wants to type each time.

It is read only where `--settings` names it, never found by itself: a file that lies in a folder of evidence must not
choose whom to trust. A value from it counts where the command line is silent, and every verb prints which values came
from it. Paths are relative to the file's folder.
"""

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

import signing
from fusiondiff_audit.cli.answer import say
from signing import Reason, SigningError

MAX_SETTINGS_FILE = 64 * 1024  # bytes
_PATHS = {"trust", "ledger", "policy"}
_TEXTS = {"root", "language", "device"}
_KEYS = "keys"  # the table of private keys, by role
_ROLES = {"sign": "device", "audit": "auditor", "stress": "auditor", "enrol": "model"}  # whose key a verb's --key is
_VERBS = {"policy": {"audit"}, "ledger": {"audit"}, "device": {"sign", "enrol"}}  # elsewhere they mean something else
_LABELLER_KEY = "labeller-key"  # the option of `enrol` for the labeller's key, since its --key is the model's


@dataclass(frozen=True, slots=True)
class LabSettings:
    """The values of a settings file; `values` are by the long names of options."""

    path: Path
    values: Mapping[str, str]
    keys: Mapping[str, str]  # by role

    @classmethod
    def read(cls, path: Path) -> "LabSettings":
        """Read a file that nobody else can change; an unknown key is refused."""
        data = signing.read_capped(path, limit=MAX_SETTINGS_FILE, check=_refuse_changeable)
        try:
            table = tomllib.loads(data.decode())
        except (ValueError, RecursionError) as e:  # UnicodeDecodeError and TOMLDecodeError are ValueErrors
            raise SigningError(Reason.MALFORMED, f"{path}: not TOML: {e}") from e
        keys = table.pop(_KEYS, {})
        roles = {role.value for role in signing.Role}
        for name, value in [*table.items(), *(keys.items() if isinstance(keys, dict) else [(_KEYS, None)])]:
            if not isinstance(value, str):
                raise SigningError(Reason.MALFORMED, f"{path}: {name} is no text")
        known = _PATHS | _TEXTS
        if unknown := sorted([*(set(table) - known), *(f"{_KEYS}.{role}" for role in set(keys) - roles)]):
            hint = f"known are {', '.join(sorted(known))}, and in [{_KEYS}] {', '.join(sorted(roles))}"
            raise SigningError(Reason.MALFORMED, f"{path}: unknown setting {unknown[0][:100]!a}", hint=hint)
        home = path.absolute().parent
        values = {name: os.path.join(home, value) if name in _PATHS else value for name, value in table.items()}
        return cls(path, values, {role: os.path.join(home, key) for role, key in keys.items()})

    def of_verb(self, verb: str, command: click.Command) -> dict[str, Any]:
        """Return the values for the options of a verb, and of the verbs in its group, by names of parameters."""
        found: dict[str, Any] = {}
        for parameter in command.params:
            for option in parameter.opts:
                if parameter.name is not None and (value := self._value(option, verb)) is not None:
                    found[parameter.name] = value
        if isinstance(command, click.Group):
            found |= {name: self.of_verb(verb, inner) for name, inner in command.commands.items()}
        return found

    def _value(self, option: str, verb: str) -> str | None:
        name = option.removeprefix("--")
        if name == "key":
            return self.keys.get(_ROLES.get(verb, ""))
        if name == _LABELLER_KEY:
            return self.keys.get("labeller")
        return self.values.get(name) if verb in _VERBS.get(name, {verb}) else None

    def tell(self, ctx: click.Context) -> None:
        """Print which values of a verb came from the file, and refuse a file inside a folder that the verb uses."""
        home = self.path.resolve().parent
        for value in ctx.params.values():
            folder = value.resolve() if isinstance(value, Path) else None
            if folder is not None and folder.is_dir() and folder in (home, *home.parents):
                fault = f"{self.path}: lies inside {value}, which this verb reads or writes"
                raise SigningError(Reason.BAD_REQUEST, fault, hint="keep the settings file where no evidence is")
        for option, value in _taken(ctx):
            say(f"settings: {option} {value}, from {self.path}")


def _taken(ctx: click.Context) -> Iterator[tuple[str, object]]:
    for parameter in ctx.command.params:
        name = parameter.name
        if name is not None and ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP:
            yield parameter.opts[0], ctx.params[name]


def _refuse_changeable(path: Path, status: os.stat_result, data: bytes) -> None:
    """Refuse a file that others can change, or exchange by one of the folders above it."""
    for place in (path, *path.resolve().parents):
        checked = status if place is path else os.stat(place)
        sticky = place is not path and checked.st_mode & stat.S_ISVTX  # others exchange nothing that is not theirs
        if checked.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
            fault = f"{path}: others on this machine can change {place}"
            raise SigningError(Reason.BAD_REQUEST, fault, hint=f"chmod go-w {place}")
        if checked.st_uid not in (0, os.geteuid()):
            raise SigningError(Reason.BAD_REQUEST, f"{path}: {place} belongs to another user")


def unless_set(name: str, value: Any) -> Any:
    """Return the value of a parameter of the running verb, or None if the settings file gave it; then that is said."""
    if click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT_MAP:
        return value
    say(f"settings: {value} is not used, by another option of the command line")
    return None
