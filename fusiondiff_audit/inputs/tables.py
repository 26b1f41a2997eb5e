"""CSV files as spreadsheets write them: strict about columns, with errors that name the line.

A table is UTF-8, or UTF-16 with a byte order mark; its cells are separated by commas, semicolons or tabs. A first line
`sep=;` counts before the line of columns. Names of columns may have capitals. Rows without any text are left out, and
empty cells at the end of a row may be missing: Excel writes both.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import signing
from signing.manifest import MAX_FILES

_MAX_SIZE = 64 * 1024 * 1024
_MOST_ROWS = 2 * MAX_FILES
_SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_rows(
    path: Path, *, known: AbstractSet[str], needed: tuple[str, ...], data: bytes | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each row with the words `line N`; unknown or missing columns, and rows with more cells, are refused.

    `data` are parsed in place of the file where its bytes are already read and verified.
    """
    text = _decoded(path, signing.read_capped(path, limit=_MAX_SIZE) if data is None else data)
    lines = io.StringIO(text, newline="")
    skipped, separator = _separator(path, lines, needed)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        columns = _columns(path, next(reader, []), known, needed)
        rows = ((f"line {skipped + reader.line_num}", cells) for cells in reader if any(map(str.strip, cells)))
        for count, (where, cells) in enumerate(rows, start=1):
            if count > _MOST_ROWS:
                raise signing.SigningError(signing.Reason.TOO_LARGE, f"{path}: more than {_MOST_ROWS:,} rows")
            if any(cells[len(columns) :]):
                raise bad_table(path, f"{where}: expected {len(columns)} columns")
            yield where, {name: cells[place] if place < len(cells) else "" for place, name in enumerate(columns)}
    except csv.Error as e:
        raise bad_table(path, f"line {skipped + reader.line_num}: not CSV ({e})") from e


def _decoded(path: Path, data: bytes) -> str:
    encoding = "utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as e:
        line = data[: e.start].count(b"\n") + 1
        fault = f"line {line}: no text in {'UTF-16' if encoding == 'utf-16' else 'UTF-8'}"
        raise bad_table(path, fault, "Excel saves it as 'CSV UTF-8'") from e


def _separator(path: Path, lines: io.StringIO, needed: tuple[str, ...]) -> tuple[int, str]:
    """Return the number of lines before that of columns, and the separator; `lines` are left at the line of columns."""
    first = lines.readline()
    if stated := _SEPARATOR_LINE.fullmatch(first):
        if stated[1] not in _SEPARATORS:
            raise bad_table(path, f"line 1: cells are separated by commas, semicolons or tabs, not by {stated[1]!a}")
        return 1, stated[1]
    lines.seek(0)
    fitting = (separator for separator in _SEPARATORS if set(needed) <= set(_names(first.rstrip().split(separator))))
    return 0, next(fitting, _SEPARATORS[0])


def _columns(path: Path, cells: Sequence[str], known: AbstractSet[str], needed: tuple[str, ...]) -> list[str]:
    """Return the names of columns without empty ones at the end."""
    columns = _names(cells)
    while columns and not columns[-1]:
        columns.pop()
    if not set(needed) <= set(columns) or len(set(columns)) != len(columns) or not set(columns) <= known:
        optional = ", ".join(sorted(known - set(needed)))
        fault = f"the first line names the columns, {' and '.join(needed)} and any of {optional}; found {columns}"
        raise bad_table(path, fault)
    return columns


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in cells]


def bad_table(path: Path, what: str, hint: str | None = None) -> signing.SigningError:
    """Return the refusal of a table."""
    return signing.SigningError(signing.Reason.BAD_REQUEST, f"{path}: {what}", hint=hint)
