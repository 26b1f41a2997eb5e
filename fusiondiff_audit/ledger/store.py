"""The ledger's file: an append-only SQLite database of entries, marks to find them by, and signed checkpoints.

Every change is one transaction in full synchronous mode: entries, their marks and the checkpoint over all of them are
committed together or not at all. Processes wait for each other's transactions.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from fusiondiff_audit.databases import DATABASE_ERRORS, Schema, is_environment_fault, is_open_failure, open_database
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.ledger.entries import MAX_ENTRY, LedgerCreated, LedgerEntry, read_entry
from signing import Reason, SigningError

LEDGER_FILE = "ledger.sqlite"
_FOREIGN_CONTENT = frozenset(
    {Reason.MALFORMED, Reason.BAD_REQUEST, Reason.TOO_LARGE, Reason.BAD_SIGNATURE, Reason.NOT_A_FILE}
)
_Value = TypeVar("_Value", int, str, bytes)
_SCHEMA = Schema(
    application=0x66646C67,  # "fdlg"
    statements=(
        "CREATE TABLE entries (number INTEGER PRIMARY KEY, entry BLOB NOT NULL)",
        "CREATE TABLE marks (mark TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (mark, number)) WITHOUT ROWID",
        "CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note BLOB NOT NULL)",
        *(
            f"CREATE TRIGGER {table}_stay_{event} BEFORE {event} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'a ledger only grows'); END"
            for table in ("entries", "marks", "checkpoints")
            for event in ("UPDATE", "DELETE")
        ),
    ),
    longest=MAX_ENTRY + 64 * 1024,
    endless=True,
)


class Store:
    """An open ledger file."""

    def __init__(self, path: Path, *, create: bool = False, writable: bool = True) -> None:
        self.path = path
        with self._translated():
            self._db = open_database(Path(os.path.realpath(path)), _SCHEMA, create=create, writable=writable)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the write lock for one transaction, which is committed as a whole or not at all."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def add(self, number: int, entry: LedgerEntry) -> bytes:
        """Add an entry at the next number, and return its bytes."""
        data = entry.to_bytes()
        # An entry that cannot be read back would make the ledger unreadable for ever.
        read_entry(data, f"{self.path}: entry {number}")
        self._db.execute("INSERT INTO entries VALUES (?, ?)", (number, data))
        self._db.executemany("INSERT OR IGNORE INTO marks VALUES (?, ?)", ((m, number) for m in entry.marks()))
        return data

    def add_checkpoint(self, size: int, note: bytes) -> None:
        self._db.execute("INSERT INTO checkpoints VALUES (?, ?)", (size, note))

    def entries(self, *, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Yield the entries from a number on."""
        for number, data in self._rows("SELECT number, entry FROM entries WHERE number >= ? ORDER BY number", start):
            yield self._typed(number, int), self._typed(data, bytes)

    def checked_entries(self, *, start: int = 0) -> Iterator[tuple[LedgerEntry, bytes]]:
        """Yield the entries from a number on, parsed and as bytes; a gap and a misplaced first entry are refused."""
        for expected, (number, data) in enumerate(self.entries(start=start), start):
            if number != expected:
                raise ledger_altered(self.path, f"entry {expected} is missing")
            with reporting_alterations(self.path):
                entry = read_entry(data, f"entry {number}")
            if isinstance(entry, LedgerCreated) is not (number == 0):
                raise ledger_altered(self.path, f"entry {number}: the first entry, and no other, names the log")
            yield entry, data

    def entry(self, number: int) -> bytes:
        row = next(self._rows("SELECT entry FROM entries WHERE number = ?", number), (None,))
        return self._typed(row[0], bytes)

    def marks(self) -> Iterator[tuple[str, int]]:
        """Yield all marks, in the order of text, then of numbers."""
        for mark, number in self._rows("SELECT mark, number FROM marks ORDER BY mark, number"):
            yield self._typed(mark, str), self._typed(number, int)

    def version(self) -> int:
        """Return a number that changes with every commit of another connection, and not with our own."""
        return self._typed(next(self._rows("PRAGMA data_version"))[0], int)

    def count_marks(self) -> int:
        return self._typed(next(self._rows("SELECT count(*) FROM marks"))[0], int)

    def marked(self, mark: str, number: int) -> bool:
        """Say whether an entry has a mark."""
        return any(self._rows("SELECT 1 FROM marks WHERE mark = ? AND number = ?", mark, number))

    def first(self, mark: str) -> int | None:
        """Return the number of the first entry with a mark."""
        return next((n for (n,) in self._rows("SELECT number FROM marks WHERE mark = ? ORDER BY number", mark)), None)

    def highest(self, prefix: str) -> str | None:
        """Return the last mark with a prefix, in text order."""
        rows = self._rows("SELECT max(mark) FROM marks WHERE mark >= ? AND mark < ?", prefix, prefix + "\U0010ffff")
        mark: str | None = next(rows)[0]
        return mark

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        """Yield all checkpoints, the oldest first."""
        for size, note in self._rows("SELECT size, note FROM checkpoints ORDER BY size"):
            yield self._typed(size, int), self._typed(note, bytes)

    def newest_checkpoint(self) -> tuple[int, bytes] | None:
        """Return the checkpoint that covers the most entries, with their number."""
        row = next(self._rows("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"), None)
        return None if row is None else (self._typed(row[0], int), self._typed(row[1], bytes))

    def refuse_damage(self) -> None:
        """Refuse a file in which SQLite finds damage."""
        if (faults := [text for (text,) in self._rows("PRAGMA integrity_check")]) != ["ok"]:
            raise ledger_altered(self.path, f"the database is damaged ({faults[0]})")

    def _rows(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        with self._translated():
            yield from self._db.execute(statement, values)

    def _typed(self, value: object, kind: type[_Value]) -> _Value:
        """Return the value if it has the type that is written there; SQLite columns store any type."""
        if type(value) is not kind:
            raise ledger_altered(self.path, f"holds {type(value).__name__} where {kind.__name__} belongs")
        return value

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DATABASE_ERRORS as e:
            if not is_environment_fault(e):
                raise ledger_altered(self.path, str(e)) from e
            reason = Reason.UNREADABLE if is_open_failure(e) else Reason.CANNOT_WRITE
            raise SigningError(reason, f"{self.path}: {e}") from e


@contextlib.contextmanager
def reporting_alterations(path: object) -> Iterator[None]:
    """Turn refusals of content that this program never writes into `ledger-altered`."""
    try:
        yield
    except SigningError as e:
        if e.reason in _FOREIGN_CONTENT:
            raise ledger_altered(path, str(e)) from e
        raise


def ledger_altered(path: object, what: str) -> AuditError:
    """Return the refusal of an altered ledger."""
    hint = "keep the folder as it is, and compare it with a copy and with the checkpoints in your reports"
    return AuditError(AuditReason.LEDGER_ALTERED, f"{path}: {what}", hint=hint)
