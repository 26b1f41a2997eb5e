"""Read many records of one kind at once, column by column: a report has up to a million rows.

`read_records` accepts exactly the rows that `signing.records.read_record` accepts one by one, in a fifth of the time:
nearly all columns hold plain ASCII, integers or members of an enumeration, which a few calls verify for a whole column.
Otherwise `read_record` reads each object, and its refusal names the fault.
"""

import dataclasses
import types
import typing
from collections.abc import Sequence
from enum import Enum
from itertools import chain, islice
from operator import itemgetter
from typing import Any, TypeVar

from signing.fields import Fields
from signing.records import LONGEST, MOST_INTEGER, field_types, read_record
from signing.strict import MAX_TEXT, is_plain

_Record = TypeVar("_Record")


class _NotPlainError(Exception):
    """A column that has to be read row by row."""


def read_records(kind: type[_Record], items: Sequence[object], where: str) -> list[_Record]:
    """Return the records that JSON objects stand for, or refuse them all."""
    try:
        return _records(kind, items)
    except _NotPlainError:
        return [read_record(kind, Fields(item, f"{where}[{i}]")) for i, item in enumerate(items)]


def _records(kind: Any, items: Sequence[Any]) -> list[Any]:
    hints = field_types(kind)
    if not hints or not _all_of(items, dict) or any(item.keys() != hints.keys() for item in items):
        raise _NotPlainError
    columns = [_column(hint, list(map(itemgetter(name), items))) for name, hint in hints.items()]
    try:
        return list(map(kind, *columns))
    except ValueError:
        raise _NotPlainError from None


def _column(hint: Any, values: list[Any]) -> list[Any]:
    """Return one field of all records in the type that the records declare."""
    if isinstance(hint, types.UnionType):  # a type or null
        (inner,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        present = iter(_column(inner, [value for value in values if value is not None]))
        return [None if value is None else next(present) for value in values]
    if typing.get_origin(hint) is tuple:
        if not _all_of(values, list) or max(map(len, values), default=0) > LONGEST:
            raise _NotPlainError
        flat = iter(_column(typing.get_args(hint)[0], list(chain.from_iterable(values))))
        return [tuple(islice(flat, len(value))) for value in values]
    if dataclasses.is_dataclass(hint):
        return _records(hint, values)
    if hint is int and _all_of(values, int) and all(abs(value) <= MOST_INTEGER for value in values):
        return values
    if hint is bool and _all_of(values, bool):
        return values
    if issubclass(hint, str | Enum) and _are_plain(values):
        return values if hint is str else _members(hint, values)
    raise _NotPlainError  # decimals and fractions, which rows of reports do not have


def _members(hint: Any, values: list[str]) -> list[Any]:
    try:
        return list(map({member.value: member for member in hint}.__getitem__, values))
    except KeyError:
        raise _NotPlainError from None


def _are_plain(values: list[Any]) -> bool:
    """Say whether every value is text that `Fields.text` accepts."""
    if not _all_of(values, str) or not all(values) or max(map(len, values), default=0) > MAX_TEXT:
        return False
    return list(map(str.strip, values)) == values and is_plain("".join(values))


def _all_of(values: Sequence[Any], kind: type) -> bool:
    return set(map(type, values)) <= {kind}
