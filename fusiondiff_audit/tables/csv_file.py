"""A table as CSV (RFC 4180 with line feeds, UTF-8, decimal points), in which no text is a formula.

Spreadsheet programs compute a cell of a CSV file that begins like a formula, quoted or not. Text gets an apostrophe
before such a beginning, and before one that stands behind a separator: a program that takes semicolons for separators
begins a cell there. To get the text back, remove one apostrophe before each such beginning. Numbers are written as
they are, and invisible characters by their codes.

    >>> csv_text("=1+1"), csv_text("a.tif"), csv_text("-84 80; - 81")
    ("'=1+1", 'a.tif', "'-84 80; - 81")
    >>> csv_text("b;@SUM(A1)")
    "b;'@SUM(A1)"
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from fusiondiff_audit.tables.row_tables import Cell, Column, RowTable
from signing.strict import visible

_SIGNS = "=+\\-@\uff0b\uff0d\uff1d\uff20"  # full-width signs, too, which some programs take for these
_FIRST = re.compile(f"^([\"' ]*)(?=[{_SIGNS}])")
_BEHIND_SEPARATOR = re.compile(f"([;,|])([\"' ]*)(?=[{_SIGNS}])")
_LETTER = re.compile(r"[^\W\d_]")  # a formula without one calls nothing


def csv_table(table: RowTable) -> str:
    return _written([column.name for column in table.columns], table.cells())


def csv_columns(tables: Sequence[RowTable]) -> str:
    """Return a table that describes the columns of others."""
    return _written(COLUMNS_HEAD, (described(table, column) for table in tables for column in table.columns))


COLUMNS_HEAD = ("table", "column", "kind", "description")


def described(table: RowTable, column: Column) -> tuple[str, ...]:
    """Return the row of a table of columns."""
    return table.kind.value, column.name, column.kind.value, column.description


def csv_text(text: str) -> str:
    """Return text as no spreadsheet program computes it."""
    shown = _FIRST.sub(r"\1'", visible(text))
    return _BEHIND_SEPARATOR.sub(r"\1\2'", shown) if _LETTER.search(shown) else shown


def _written(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(map(_plain, row) for row in rows)
    return file.getvalue()


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return csv_text(cell) if isinstance(cell, str) else f"{cell:f}" if not isinstance(cell, int) else str(cell)
