"""A report's tables as an Office Open XML workbook (.xlsx): a sheet for each, and one that describes columns.

Every text is written as a string, so none is a formula. Invisible characters are written by their codes. A decimal is a
number where a spreadsheet's 15 digits hold it exactly, else text.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from fusiondiff_audit.tables.csv_file import COLUMNS_HEAD, described
from fusiondiff_audit.tables.row_tables import Cell, RowTable
from signing import Reason, SigningError
from signing.strict import visible

COLUMNS_SHEET = "columns"
LONGEST_CELL = 32_767  # characters, by Excel's specification
_DIGITS = 15
_WIDTHS = (12, 40)  # characters of a column, at least and at most


def workbook(tables: Sequence[RowTable], about: Sequence[tuple[str, str]], created: datetime) -> bytes:
    """Return the file; `about` are facts of the whole report, above the descriptions of columns.

    The bytes depend on the arguments alone. A text that is too long for a cell is refused, never cut.
    """
    for table in tables:
        _refuse_long(table)
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"constant_memory": True})
    book.set_properties({"created": created.replace(tzinfo=None)})
    bold = book.add_format({"bold": True})
    for table in tables:
        sheet = book.add_worksheet(table.kind.value)
        sheet.freeze_panes(1, 1)
        for at, column in enumerate(table.columns):
            sheet.set_column(at, at, min(max(_WIDTHS[0], len(column.name) + 2), _WIDTHS[1]))
        _write_row(sheet, 0, [column.name for column in table.columns], bold)
        for number, cells in enumerate(table.cells(), start=1):
            _write_row(sheet, number, cells)
        sheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)
    sheet = book.add_worksheet(COLUMNS_SHEET)
    sheet.set_column(0, 1, _WIDTHS[1])
    rows = [*about, ("",)]
    for number, row in enumerate(rows):
        _write_row(sheet, number, row)
    _write_row(sheet, len(rows), COLUMNS_HEAD, bold)
    descriptions = (described(table, column) for table in tables for column in table.columns)
    for number, description in enumerate(descriptions, start=len(rows) + 1):
        _write_row(sheet, number, description)
    book.close()
    return file.getvalue()


def _refuse_long(table: RowTable) -> None:
    for cells in table.cells():
        for column, cell in zip(table.columns, cells, strict=True):
            if isinstance(cell, str) and len(visible(cell)) > LONGEST_CELL:
                message = f"{table.kind}: {column.name} is a text of {len(visible(cell)):,} characters"
                message += f", and a cell of a workbook holds {LONGEST_CELL:,}"
                raise SigningError(Reason.TOO_LARGE, message, hint="--csv has no such limit")


def _write_row(sheet: Worksheet, number: int, cells: Sequence[Cell], style: Format | None = None) -> None:
    for at, cell in enumerate(cells):
        if cell is None or cell == "":
            continue
        if isinstance(cell, bool):
            sheet.write_boolean(number, at, cell)
        elif isinstance(cell, int) or (isinstance(cell, Decimal) and len(cell.as_tuple().digits) <= _DIGITS):
            sheet.write_number(number, at, cell)
        else:
            sheet.write_string(number, at, visible(cell) if isinstance(cell, str) else f"{cell:f}", style)
