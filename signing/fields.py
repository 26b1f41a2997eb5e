"""JSON objects with a closed set of keys, read field by field: one field of another type refuses the whole text."""

import json
import math
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NoReturn, TypeVar

from signing.errors import Reason, SigningError
from signing.strict import MAX_TEXT, is_plain, is_sha256, malformed, read_base64, refuse_large
from signing.times import read_time

_Member = TypeVar("_Member", bound=StrEnum)
MAX_DEPTH = 16  # levels; our deepest format has 7, and parsers recurse
_LARGEST = 1e300  # of a number that need not be whole


def read_json(data: bytes, where: str, *, limit: int, tokens: int = 1000) -> "Fields":
    """Parse one JSON object; duplicate keys, NaN, deep nesting and the like are refused."""
    refuse_large(data, where, limit=limit, tokens=tokens)
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError as e:
        raise malformed(where, "nested too deeply") from e
    except ValueError as e:  # UnicodeDecodeError, JSONDecodeError, our own and the one for endless integers
        raise malformed(where, f"not strict JSON ({e})") from e
    _refuse_depth(value, where)
    return Fields(value, where)


class Fields:
    """One JSON object: `value` as it was parsed, and `where`, its name in messages."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise malformed(where, f"expected an object, found {_kind(value)}")
        self.value: dict[str, object] = value
        self.where = where

    def closed(self, *names: str, optional: Iterable[str] = ()) -> "Fields":
        """Refuse a field that is not named, and the lack of a field that is not optional."""
        if extra := sorted(self.value.keys() - {*names, *optional}):
            raise malformed(self.where, f"unknown field {extra[0][:100]!r}")
        if missing := sorted({*names} - self.value.keys()):
            raise malformed(self.where, f"field {missing[0]!r} is missing")
        return self

    def has(self, name: str) -> bool:
        """Say whether an optional field is there."""
        return name in self.value

    def empty(self, name: str) -> bool:
        """Say whether a field is absent, null or empty text."""
        return self.value.get(name) in (None, "")

    def text(self, name: str, *, limit: int = MAX_TEXT) -> str:
        """Return a field of visible text as it stands; empty text is refused."""
        value = self.raw(name, limit=limit)
        if not is_plain(value) or value != value.strip():
            raise malformed(self._at(name), "holds control characters, or white space at its ends")
        if not value:
            raise malformed(self._at(name), "is empty")
        return value

    def raw(self, name: str, *, limit: int) -> str:
        """Return a field of any text that is not a lone surrogate (PEM, base64)."""
        value = self._get(name)
        if not isinstance(value, str):
            raise malformed(self._at(name), f"expected text, found {_kind(value)}")
        if len(value) > limit:
            raise SigningError(Reason.TOO_LARGE, f"{self._at(name)}: {len(value):,} characters, at most {limit:,}")
        if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            raise malformed(self._at(name), "holds half a character (a lone surrogate)")
        return value

    def member(self, name: str, kind: type[_Member]) -> _Member:
        """Return the member of an enumeration that has this value."""
        value = self.text(name)
        if value not in {member.value for member in kind}:
            raise malformed(self._at(name), f"expected {' or '.join(kind)}, found {value[:100]!a}")
        return kind(value)

    def integer(self, name: str, *, least: int, most: int) -> int:
        """Return an integer within the bounds; `true` and `1.0` are refused."""
        value = self._get(name)
        if type(value) is not int or not least <= value <= most:
            raise malformed(self._at(name), f"expected a whole number from {least} to {most}")
        return value

    def time(self, name: str) -> datetime:
        """Return an RFC 3339 time in UTC, to the second."""
        return read_time(self.raw(name, limit=40), self._at(name))

    def sha256(self, name: str) -> str:
        """Return a SHA-256 digest as 64 lower-case hexadecimal digits."""
        value = self.raw(name, limit=64)
        if not is_sha256(value):
            raise malformed(self._at(name), "expected 64 lower-case hexadecimal digits")
        return value

    def base64(self, name: str, *, limit: int) -> bytes:
        """Return the bytes of a strict base64 field."""
        return read_base64(self.raw(name, limit=limit), self._at(name))

    def fields(self, name: str) -> "Fields":
        """Return an inner object."""
        return Fields(self._get(name), self._at(name))

    def optional_text(self, name: str, *, limit: int) -> str | None:
        """Return a field of visible text that may be null."""
        return None if self._get(name) is None else self.text(name, limit=limit)

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self._get(name)
        if not isinstance(value, bool):
            raise malformed(self._at(name), f"expected true or false, found {_kind(value)}")
        return value

    def false(self, name: str) -> None:
        """Refuse anything but false."""
        if self._get(name) is not False:
            raise SigningError(Reason.UNSUPPORTED, f"{self._at(name)}: expected false")

    def texts(self, name: str, *, most: int) -> "list[str]":
        """Return a list of visible texts."""
        return [item.text("item") for item in self.each(name, most=most)]

    def integers(self, name: str, *, least: int, most: int, length: int) -> "list[int]":
        """Return a list of whole numbers within the bounds."""
        return [item.integer("item", least=least, most=most) for item in self.each(name, most=length)]

    def number(self, name: str) -> float:
        """Return a number, whole or not."""
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
            raise malformed(self._at(name), f"expected a number up to {_LARGEST:g}, found {_kind(value)}")
        return float(value)

    def null(self, name: str) -> bool:
        """Say whether a field is null; an absent field is refused."""
        return self._get(name) is None

    def each(self, name: str, *, most: int) -> "list[Fields]":
        """Return the values of a list, each as the field `item` of an object of its own."""
        value = self._get(name)
        if not isinstance(value, list) or len(value) > most:
            raise malformed(self._at(name), f"expected a list of at most {most:,} values")
        return [Fields({"item": item}, self._at(name)) for item in value]

    def names(self) -> "list[str]":
        """Return the names of all fields, for objects whose names are data."""
        return list(self.value)

    def values(self, name: str, *, most: int) -> "list[object]":
        """Return a list of anything, with a bounded length."""
        value = self._get(name)
        if not isinstance(value, list):
            raise malformed(self._at(name), f"expected a list, found {_kind(value)}")
        if len(value) > most:
            raise SigningError(Reason.TOO_LARGE, f"{self._at(name)}: {len(value):,} entries, at most {most:,}")
        return value

    def list(self, name: str, *, least: int, most: int) -> "list[Fields]":
        """Return a list of objects, with a bounded length."""
        value = self.values(name, most=most)
        if len(value) < least:
            raise malformed(self._at(name), f"expected at least {least} entries, found {len(value)}")
        return [Fields(item, f"{self._at(name)}[{i}]") for i, item in enumerate(value)]

    def constant(self, name: str, expected: str) -> None:
        """Refuse any value but the one expected."""
        value = self.raw(name, limit=MAX_TEXT)
        if value != expected:
            raise SigningError(Reason.UNSUPPORTED, f"{self._at(name)}: expected {expected!r}, found {value[:100]!r}")

    def _get(self, name: str) -> object:
        if name not in self.value:
            raise malformed(self.where, f"field {name!r} is missing")
        return self.value[name]

    def _at(self, name: str) -> str:
        return f"{self.where}: {name}"


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("the same key twice in one object")
    return value


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:50]} is out of range")
    return value


def _refuse_depth(value: object, where: str) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level for inner in _children(item)]
        if not level:
            return
    raise malformed(where, f"nested deeper than {MAX_DEPTH} levels")


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _kind(value: object) -> str:
    return {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "null"}.get(
        type(value), "a number"
    )
