"""Tables of a report hold every field of every row, no formula, and the same bytes each time."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from fusiondiff_audit.tables import descriptions
from fusiondiff_audit.tables.csv_file import csv_columns, csv_table, csv_text
from fusiondiff_audit.tables.row_tables import ColumnKind, RowTable, row_tables
from fusiondiff_audit.tables.workbook import LONGEST_CELL, workbook
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.verification import read_unverified
from reports.verdict.wording import p_text, ratio_values
from signing import Algorithm, PrivateKey, Reason, SigningError
from signing.records import write_record
from tests.reports.verdict.made import NOW, changed, fields, report
from tests.reports.verdict.test_vectors import VECTORS

AUDITOR = PrivateKey.generate(Algorithm.ED25519).public
MADE = report(AUDITOR, 40)
VERSIONS = ("v1", "v2", "v2-uncalibrated", "v3", "v3-uncalibrated")
FORMULAS = [
    "=1+1",
    "+1",
    "-cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    ' "=HYPERLINK("http://x")',
    "\uff1d1+1",
    "a;=cmd|' /C calc'!A0;b",
    'a","=1+1',
    "\ud800=\x00",
]


def csv_rows(table: RowTable) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_table(table), newline="")))


def sheets(file: bytes) -> dict[str, list[list[Any]]]:
    book = openpyxl.load_workbook(io.BytesIO(file))
    return {sheet.title: [list(row) for row in sheet.iter_rows()] for sheet in book}


def written(said: Report) -> bytes:
    return workbook(row_tables(said), (("report", said.header.id),), NOW)


def flat(row: ImageRow | SpecimenRow) -> Iterator[tuple[str, Any]]:
    """Yield every plain value of a row as JSON, by its path; a list is one value."""
    record = write_record(row)
    seen = set()
    for path in fields(record):
        names = [name for name in path if isinstance(name, str)]
        value: Any = record
        for name in names:
            value = value[name]
        if tuple(names) not in seen:
            seen.add(tuple(names))
            yield ".".join(names), value


def in_csv(value: Any) -> str:
    if isinstance(value, list):
        return ("; " if value and isinstance(value[0], str) else " ").join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(
    "said", [MADE, *(read_unverified(VECTORS / name) for name in VERSIONS)], ids=["made", *VERSIONS]
)
def test_every_field_of_every_row_is_in_the_table(said: Report) -> None:
    values = 0
    for table in row_tables(said):
        rows = csv_rows(table)
        assert len(rows) == len(table.rows)
        for row, cells in zip(table.rows, rows, strict=True):
            assert cells["report"] == said.header.id
            for path, value in flat(row):
                if value is None and path not in cells:  # a part that is absent
                    assert any(column.startswith(f"{path}.") for column in cells)
                    continue
                assert cells[path].removeprefix("'") == in_csv(value).removeprefix("'"), path
                values += 1
        assert len({column.name for column in table.columns}) == len(table.columns)
        assert all(column.description for column in table.columns)
    assert values > 100


def test_p_values_and_ratios_are_those_of_the_report() -> None:
    specimens, images = row_tables(MADE)
    stated = 0
    for table in (specimens, images):
        for row, cells in zip(table.rows, csv_rows(table), strict=True):
            evidence = row.evidence
            if evidence is None or evidence.authentic is None:
                assert cells["evidence.authentic.p"] == ""
                continue
            p = Decimal(cells["evidence.authentic.p"])
            assert 0 <= p - Decimal(evidence.authentic.p.numerator) / evidence.authentic.p.denominator < Decimal("1e-6")
            assert Decimal(p_text(evidence.authentic)) >= p
            for alternative, ratio in ratio_values(row, MADE.header).items():
                shown = Decimal(cells[f"likelihood_ratio.{alternative}"])
                assert (1 <= shown <= ratio) if ratio >= 1 else (ratio <= shown <= 1)
                assert abs(shown / ratio - 1) < Decimal("0.01")
                stated += 1
    assert stated > 5


@pytest.mark.parametrize("text", FORMULAS, ids=range(len(FORMULAS)))
def test_no_text_is_a_formula(text: str) -> None:
    """Neither as a whole cell nor as a part that a program with other separators takes for a cell."""
    row = replace(MADE.images[0], name=text, remarks=(text,), quality=text)
    said = changed(MADE, images=(row, *MADE.images[1:]))
    _, images = row_tables(said)
    (cells,) = csv_rows(images)[:1]
    for name in ("name", "remarks", "quality"):
        for separator in (";", ",", "\t", "|", "\n"):
            for part in cells[name].split(separator):
                assert part.lstrip("\"' ")[:1] not in tuple("=+-@\uff1d\t\r") or part.lstrip('" ').startswith("'"), part
    first = sheets(written(said))["images"][1]
    texts = [cell for cell in first if cell.data_type == "s"]
    assert {cell.data_type for cell in first} <= {"s", "n", "b"}  # none is "f"
    assert sum(text.strip("\t\r\ud800\x00 \"'")[-3:] in str(cell.value) for cell in texts) >= 3
    raw = zipfile.ZipFile(io.BytesIO(written(said))).read("xl/worksheets/sheet2.xml")
    assert b"<f" not in raw.replace(b"<filter", b"")


@pytest.mark.parametrize("text", ["=1+1", "'=1+1", "''-1", "a;=b", "a;'=b", '"=x', "plain", "-", "- 84; - 81", "a, -b"])
def test_an_apostrophe_can_be_taken_off_again(text: str) -> None:
    assert re.sub(r"(^|[;,|])([\"' ]*)'(?=[=+\-@])", r"\1\2", csv_text(text)) == text


def test_numbers_are_numbers_in_a_workbook() -> None:
    rows = sheets(written(MADE))
    head = [cell.value for cell in rows["images"][0]]
    for cells, row in zip(rows["images"][1:], MADE.images, strict=True):
        by_name = dict(zip(head, cells, strict=True))
        if row.judged is not None:
            assert by_name["judged.score"].value == float(row.judged.score)
            assert by_name["judged.tiles"].value == row.judged.tiles
            assert by_name["judged.map"].data_type == "s"
        assert by_name["name"].value == row.name
    described = [[cell.value for cell in row] for row in rows["columns"]]
    assert described[0][:2] == ["report", MADE.header.id]
    names = {column.name for table in row_tables(MADE) for column in table.columns}
    assert names == {line[1] for line in described[3:]}
    assert [line[2] for line in described[3:] if line[1] == "judged.score"] == [ColumnKind.DECIMAL.value]


def test_a_table_is_the_same_bytes_each_time() -> None:
    first = written(MADE)
    tables = [csv_table(table) for table in row_tables(MADE)]
    assert {entry.date_time[0] for entry in zipfile.ZipFile(io.BytesIO(first)).infolist()} == {1980}  # no clock
    assert written(MADE) == first
    assert [csv_table(table) for table in row_tables(MADE)] == tables
    assert csv_columns(row_tables(MADE)).count("\n") == 1 + sum(len(table.columns) for table in row_tables(MADE))


def test_a_text_that_no_cell_holds_is_refused() -> None:
    long = replace(MADE.images[0], quality="x" * (LONGEST_CELL + 1))
    said = changed(MADE, images=(long, *MADE.images[1:]))
    with pytest.raises(SigningError, match="32,768 characters") as caught:
        written(said)
    assert caught.value.reason is Reason.TOO_LARGE
    assert "x" * LONGEST_CELL in csv_table(row_tables(said)[1])


def test_decimals_beyond_15_digits_stay_text() -> None:
    row = MADE.specimens[0]
    assert row.evidence is not None
    exact = "123456789012.123456"
    said = changed(MADE, specimens=(replace(row, evidence=replace(row.evidence, score=exact)), *MADE.specimens[1:]))
    assert exact in {cell.value for cell in sheets(written(said))["specimens"][1]}


def test_descriptions_name_only_columns_that_there_are() -> None:
    tables = (table for name in ("v1", "v3") for table in row_tables(read_unverified(VECTORS / name)))
    assert set(descriptions._PARTS) <= {column.name for table in tables for column in table.columns}
