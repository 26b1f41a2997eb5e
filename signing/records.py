"""Frozen dataclasses as JSON objects and back: a dataclass is its own schema, with a closed set of keys at every level.

>>> from dataclasses import dataclass
>>> from signing.fields import Fields
>>> @dataclass(frozen=True)
... class Kiln:
...     name: str
...     hours: tuple[int, ...] = (8,)
>>> read_record(Kiln, Fields({"name": "alder", "hours": [6, 10]}, "kiln.json"))
Kiln(name='alder', hours=(6, 10))
>>> write_record(Kiln("birch"))
{'name': 'birch', 'hours': [8]}
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, TypeVar

from signing.fields import Fields
from signing.strict import malformed

MOST_INTEGER = 2**53
LONGEST = 100_000  # entries of a list
OPTIONAL_FIELD: Mapping[str, bool] = {"optional": True}  # metadata: the key is left out, never null, where it is None
_Record = TypeVar("_Record")


def read_record(kind: type[_Record], fields: Fields) -> _Record:
    """Return the record that a JSON object stands for.

    Every field that is not optional must be there, and every field be of its type.
    """
    hashable = typing.cast("Any", kind)
    hints, optional = field_types(hashable), optional_fields(hashable)
    fields.closed(*(hints.keys() - optional), optional=optional)
    for name in filter(fields.has, sorted(optional)):
        if fields.null(name):
            raise malformed(fields.where, f"{name}: is left out where there is none")
    present = (name for name in hints if name not in optional or fields.has(name))
    values = {name: _read(hints[name], fields, name) for name in present}
    try:
        return kind(**values)
    except ValueError as e:
        raise malformed(fields.where, str(e)) from e


@functools.cache
def field_types(kind: Any) -> dict[str, Any]:
    """Return the type of each field."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


@functools.cache
def optional_fields(kind: Any) -> frozenset[str]:
    """Return the names of the fields that are declared with `OPTIONAL_FIELD`."""
    return frozenset(field.name for field in dataclasses.fields(kind) if field.metadata == OPTIONAL_FIELD)


def write_record(record: Any) -> dict[str, Any]:
    """Return the JSON object that `read_record` reads as this record."""
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    absent = {name for name in optional_fields(typing.cast("Any", type(record))) if values[name] is None}
    return {name: _write(value) for name, value in values.items() if name not in absent}


def _write(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return write_record(value)
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Decimal) else value


def _read(hint: Any, fields: Fields, name: str) -> Any:
    """Return one field in the type that its record declares."""
    if isinstance(hint, types.UnionType):  # a type or null
        (inner,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        return None if fields.null(name) else _read(inner, fields, name)
    if typing.get_origin(hint) is tuple:
        return _read_list(typing.get_args(hint)[0], fields, name)
    if dataclasses.is_dataclass(hint):
        return read_record(hint, fields.fields(name))  # type: ignore[arg-type]
    if hint is bool:
        return fields.boolean(name)
    if hint is int:
        return fields.integer(name, least=-MOST_INTEGER, most=MOST_INTEGER)
    if hint is float:
        return fields.number(name)
    if hint is str:
        return fields.text(name)
    return _read_text(hint, fields, name)


def _read_text(hint: Any, fields: Fields, name: str) -> Any:
    """Return a member of an enumeration or a decimal."""
    text = fields.text(name)
    try:
        return hint(text)
    except (ValueError, InvalidOperation) as e:
        members = f"; known are {', '.join(str(item.value) for item in hint)}" if issubclass(hint, Enum) else ""
        raise malformed(fields.where, f"{name}: {text[:100]!a} is not understood{members}") from e


def _read_list(inner: Any, fields: Fields, name: str) -> tuple[Any, ...]:
    if dataclasses.is_dataclass(inner):
        return tuple(read_record(inner, item) for item in fields.list(name, least=0, most=LONGEST))  # type: ignore[arg-type]
    return tuple(_read(inner, item, "item") for item in fields.each(name, most=LONGEST))
