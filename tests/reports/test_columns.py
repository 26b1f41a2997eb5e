"""Reading by columns takes what reading one by one takes, and refuses the same."""

import copy
import json
from typing import Any

import pytest

from reports.verdict.rows import ImageRow
from signing import SigningError
from signing.columns import read_records
from signing.fields import Fields
from signing.records import read_record, write_record
from tests.reports.made import fields, image

ROWS = [json.loads(json.dumps(write_record(image(number)))) for number in range(15)]
NUMBERS = (None, True, 1.5, 2**53 + 1, -1)
TEXTS = ("", " x", "x\n", "\ud800", "é", "Алд", "x" * 5000, "AUTHENTIC")
STRANGE: tuple[Any, ...] = (*NUMBERS, *TEXTS, [], ["a", 1], {})


def one_by_one(rows: list[Any]) -> list[ImageRow] | str:
    """Return the rows, or that they are refused."""
    try:
        return [read_record(ImageRow, Fields(row, "rows")) for row in rows]
    except SigningError as e:
        return e.reason.value


def by_columns(rows: list[Any]) -> list[ImageRow] | str:
    """Return the same, read the other way."""
    try:
        return read_records(ImageRow, rows, "rows")
    except SigningError as e:
        return e.reason.value


@pytest.mark.parametrize("strange", STRANGE)
def test_whatever_stands_in_a_field_both_ways_say_the_same(strange: Any) -> None:
    assert by_columns(ROWS) == one_by_one(ROWS) == [image(number) for number in range(15)]
    refused = taken = 0
    for number in (0, 6):  # judged, and refused
        for way in fields(ROWS[number]):
            rows = copy.deepcopy(ROWS)
            at = rows[number]
            for step in way[:-1]:
                at = at[step]
            at[way[-1]] = strange
            found = by_columns(rows)
            assert found == one_by_one(rows), way
            refused, taken = refused + isinstance(found, str), taken + isinstance(found, list)
    assert refused > taken  # most fields are no place for it


def test_fields_too_many_and_too_few_are_refused() -> None:
    for number in (0, 6):
        more, fewer = copy.deepcopy(ROWS), copy.deepcopy(ROWS)
        more[number]["more"] = 1
        del fewer[number]["name"]
        assert by_columns(more) == one_by_one(more) == "malformed"
        assert by_columns(fewer) == one_by_one(fewer) == "malformed"
        assert by_columns([*ROWS, number]) == one_by_one([*ROWS, number]) == "malformed"
    assert read_records(ImageRow, [], "rows") == []
