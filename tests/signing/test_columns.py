"""`read_records` reads column by column, and accepts and refuses exactly what `read_record` does row by row."""

import copy
import dataclasses
import json
import types
import typing
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.verdict.rows import ImageRow
from signing import SigningError
from signing.columns import read_records
from signing.fields import Fields
from signing.records import MOST_INTEGER, field_types, read_record, write_record
from signing.strict import MAX_TEXT
from tests.reports.verdict.made import fields, image

ROWS = [json.loads(json.dumps(write_record(image(number)))) for number in range(15)]
NUMBERS = (None, True, 1.5, 2**53 + 1, -1)
TEXTS = ("", " x", "x\n", "\ud800", "é", "Алд", "x" * 5000, "AUTHENTIC")
STRANGE: tuple[Any, ...] = (*NUMBERS, *TEXTS, [], ["a", 1], {})


def row_by_row(kind: Any, rows: list[Any]) -> list[Any] | str:
    """Return the records, or the refusal."""
    try:
        return [read_record(kind, Fields(row, f"rows[{number}]")) for number, row in enumerate(rows)]
    except SigningError as e:
        return f"{e.reason}: {e}"


def by_columns(kind: Any, rows: list[Any]) -> list[Any] | str:
    """Return the records, or the refusal."""
    try:
        return read_records(kind, rows, "rows")
    except SigningError as e:
        return f"{e.reason}: {e}"


@pytest.mark.parametrize("strange", STRANGE)
def test_any_value_in_any_field_is_read_alike(strange: Any) -> None:
    assert by_columns(ImageRow, ROWS) == row_by_row(ImageRow, ROWS) == [image(number) for number in range(15)]
    refused = taken = 0
    for number in (0, 6):  # judged, and refused
        for way in fields(ROWS[number]):
            rows = copy.deepcopy(ROWS)
            at = rows[number]
            for step in way[:-1]:
                at = at[step]
            at[way[-1]] = strange
            result = by_columns(ImageRow, rows)
            assert result == row_by_row(ImageRow, rows), way
            refused, taken = refused + isinstance(result, str), taken + isinstance(result, list)
    assert refused > taken  # most fields are no place for it


def test_fields_too_many_and_too_few_are_refused() -> None:
    for number in (0, 6):
        more, fewer = copy.deepcopy(ROWS), copy.deepcopy(ROWS)
        more[number]["more"] = 1
        del fewer[number]["name"]
        for rows in (more, fewer, [*ROWS, number]):
            refusal = by_columns(ImageRow, rows)
            assert refusal == row_by_row(ImageRow, rows)
            assert str(refusal).startswith("malformed")
    assert read_records(ImageRow, [], "rows") == []


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Point:
    across: int
    name: str | None

    def __post_init__(self) -> None:
        if self.across == 7:
            raise ValueError("a point at 7")


@dataclass(frozen=True)
class Empty:
    pass


@dataclass(frozen=True)
class Everything:
    """Every type that a record may have, alone, optional, in lists and in lists of lists."""

    text: str
    count: int
    on: bool
    colour: Colour
    level: Level
    exact: Decimal
    share: float
    point: Point
    empty: Empty
    maybe_text: str | None
    maybe_count: int | None
    maybe_colour: Colour | None
    maybe_point: Point | None
    maybe_texts: tuple[str, ...] | None
    texts: tuple[str, ...]
    counts: tuple[int, ...]
    flags: tuple[bool, ...]
    colours: tuple[Colour, ...]
    points: tuple[Point, ...]
    lists: tuple[tuple[int, ...], ...]
    maybes: tuple[str | None, ...]


@dataclass(frozen=True)
class Plain:
    """The types for which columns have a fast way, so that most rows go it."""

    text: str
    count: int
    on: bool
    colour: Colour
    maybe_point: Point | None
    colours: tuple[Colour, ...]
    points: tuple[Point, ...]
    lists: tuple[tuple[int | None, ...], ...]


@dataclass(frozen=True)
class Levels:
    """An enumeration of numbers, which no text is a member of."""

    level: Level
    maybe_level: Level | None


EDGES = (MOST_INTEGER, -MOST_INTEGER, MOST_INTEGER + 1, -MOST_INTEGER - 1, 7, 0)
SHORT_TEXTS = st.sampled_from(["x", "red", "1", "True", "7", "0.5", "none", "12.5 nm"])
HOSTILE_TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=3),
    st.sampled_from(["", " ", " x", "x ", "x\u00a0", "\u202ex", "\ud800", "x\u200b", "\U0001f600", "x\x7f", "\u2800"]),
    st.sampled_from(["x" * MAX_TEXT, "x" * (MAX_TEXT + 1), "NaN", "Infinity", "1e400", "RED"]),
)
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.sampled_from(EDGES) | st.floats() | HOSTILE_TEXTS | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["across", "name", "x"]), inner),
    max_leaves=4,
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Draw JSON for a type: mostly what it takes, and sometimes anything else."""
    fitting = fitting_values(hint)
    return st.integers(0, 39).flatmap(lambda draw: fitting if draw else HOSTILE)


def fitting_values(hint: Any) -> st.SearchStrategy[Any]:
    """Draw JSON that a type takes, save for what hides inside."""
    if isinstance(hint, types.UnionType):
        (inner,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        return st.none() | values(inner)
    if typing.get_origin(hint) is tuple:
        return st.lists(values(typing.get_args(hint)[0]), max_size=3)
    if dataclasses.is_dataclass(hint):
        return objects(hint)
    if issubclass(hint, Enum):
        return st.sampled_from([str(member.value) for member in hint])
    simple: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        int: st.integers(0, 9) | st.sampled_from(EDGES),
        float: st.floats(0, 1),
        Decimal: st.sampled_from(["0.5", "1"]),
        str: SHORT_TEXTS,
    }
    return simple[hint]


def objects(kind: Any) -> st.SearchStrategy[Any]:
    """Draw objects with the keys of a record, seldom with one more or one less."""
    fields = {name: values(hint) for name, hint in field_types(kind).items()}
    return st.tuples(st.fixed_dictionaries(fields), st.integers(0, 60), HOSTILE).map(lambda drawn: harmed(*drawn))


def harmed(row: dict[str, Any], draw: int, value: object) -> dict[str, Any]:
    if draw == 0:
        return row | {"more": value}
    return {name: row[name] for name in list(row)[1:]} if draw == 1 else row


@pytest.mark.parametrize("kind", [Plain, Everything, Levels, Empty])
@settings(max_examples=60)
@given(data=st.data())
def test_hostile_columns_are_read_alike(kind: Any, data: st.DataObject) -> None:
    rows = data.draw(st.lists(objects(kind) | HOSTILE if kind is Plain else objects(kind), max_size=4))
    result = by_columns(kind, rows)
    assert repr(result) == repr(row_by_row(kind, rows))  # 1 and True are equal, and not the same


@given(data=st.data())
def test_hostile_values_in_true_rows_are_read_alike(data: st.DataObject) -> None:
    """Made-up rows of images are refused by their own rules; these pass them."""
    rows = copy.deepcopy(ROWS[: data.draw(st.integers(1, 15))])
    for _ in range(data.draw(st.integers(0, 2))):
        row: Any = data.draw(st.sampled_from(rows))
        way = data.draw(st.sampled_from(list(fields(row))))
        for step in way[:-1]:
            row = row[step]
        row[way[-1]] = data.draw(HOSTILE | SHORT_TEXTS)
    result = by_columns(ImageRow, rows)
    assert repr(result) == repr(row_by_row(ImageRow, rows))
