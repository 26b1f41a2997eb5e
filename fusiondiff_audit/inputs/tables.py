"""CSV files: strict about columns, with errors that name the line."""

import csv
import io
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import signing
from signing.manifest import MAX_FILES

_MAX_SIZE = 64 * 1024 * 1024
_MOST_ROWS = 2 * MAX_FILES


def read_rows(
    path: Path, *, known: AbstractSet[str], needed: tuple[str, ...], data: bytes | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each row with the words `line N`; unknown or missing columns, and rows of another length, are refused.

    `data` are parsed in place of the file where its bytes are already read and verified.
    """
    try:
        text = (signing.read_capped(path, limit=_MAX_SIZE) if data is None else data).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = reader.fieldnames or ()
        _refuse_other_columns(path, columns, known, needed)
        for count, row in enumerate(reader, start=1):
            where = f"line {reader.line_num}"
            if count > _MOST_ROWS:
                raise signing.SigningError(signing.Reason.TOO_LARGE, f"{path}: more than {_MOST_ROWS:,} rows")
            if None in row or None in row.values():
                raise bad_table(path, f"{where}: expected {len(columns)} columns")
            yield where, row
    except (UnicodeDecodeError, csv.Error) as e:
        raise bad_table(path, f"not CSV in UTF-8 ({e})", "Excel saves it as 'CSV UTF-8'") from e


def _refuse_other_columns(path: Path, columns: Sequence[str], known: AbstractSet[str], needed: tuple[str, ...]) -> None:
    if not set(needed) <= set(columns) or len(set(columns)) != len(columns) or not set(columns) <= known:
        optional = ", ".join(sorted(known - set(needed)))
        fault = f"the first line names the columns, {' and '.join(needed)} and any of {optional}; found {list(columns)}"
        hint = "separate them by commas, not semicolons" if any(";" in c for c in columns) else None
        raise bad_table(path, fault, hint)


def bad_table(path: Path, what: str, hint: str | None = None) -> signing.SigningError:
    """Return the refusal of a table."""
    return signing.SigningError(signing.Reason.BAD_REQUEST, f"{path}: {what}", hint=hint)
