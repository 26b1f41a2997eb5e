"""SQLite files that other hands may have reached: opened only if they hold what we would have made, and nothing else.

A file can make SQLite act: views and triggers run statements, generated columns run functions, a schema can be built so
that reading it never ends, and files beside a database name other files to be written or deleted. So `open_database`

1. refuses links and other irregular files in the place of the database and beside it, and a rollback journal that names
   a super-journal, which SQLite would delete;
2. compares every row of the schema, of whatever type, and the application's number, with what a new file of ours has,
   within a bounded number of steps and before a table is read;
3. lets statements reach our tables alone: whatever a trigger, a view or a schema that was changed since asks for is
   denied, and a value that is longer than ours ever are is an error.

Not promised: who can write the folder can race step 1, and decides what our tables hold. What they hold is for their
reader to verify.
"""

import os
import sqlite3
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from signing.files import READ_FLAGS

_OUTSIDE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
# Python decodes texts of a database, its tables' definitions included, and some of its own errors are ValueErrors.
DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_PATIENCE = 60.0  # seconds that a process waits for its turn
_MOMENT = 0.01  # seconds
_STEPS = 1_000_000  # of SQLite's virtual machine; a schema of ours takes some hundred
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")  # ends a rollback journal that names one (sqlite.org/fileformat2)
_BESIDE = ("", "-wal", "-shm", "-journal")
_FUNCTIONS = frozenset({"count", "max"})
_PRAGMAS = frozenset({"data_version", "integrity_check"})
_Row = tuple[str, str, str, str | None]  # type, name, table and definition, as in SQLite's own table


class ForeignDatabaseError(sqlite3.DatabaseError):
    """A file is not one that we made."""


@dataclass(frozen=True, slots=True)
class Schema:
    """All that a database of ours holds."""

    application: int  # by which `file` and we know it
    statements: tuple[str, ...]
    longest: int  # bytes of a value
    endless: bool = False  # statements may take as long as the database is large

    def create(self, database: sqlite3.Connection) -> None:
        """Make it all in an empty database."""
        database.execute(f"PRAGMA application_id = {self.application}")
        for statement in self.statements:
            database.execute(statement)

    def rows(self) -> list[_Row]:
        """Return the rows that SQLite's own table has of a database with this schema alone."""
        database = sqlite3.connect(":memory:", isolation_level=None)
        try:
            self.create(database)
            return _rows(database)
        finally:
            database.close()


def open_database(path: Path, schema: Schema, *, create: bool = False, writable: bool = True) -> sqlite3.Connection:
    """Return a database that holds a schema and nothing else; with `create` an empty or missing one gets it.

    Raises one of FAULTS; `is_environment_fault` tells whether the place is to blame or what the file holds.
    """
    _refuse_irregular(path)  # 1
    mode = "rwc" if create else "rw" if writable else "ro"
    target = f"{path.absolute().as_uri()}?mode={mode}"
    if not writable and not os.path.lexists(f"{path}-wal"):  # nobody writes: leave no trace, need no right to
        target += "&immutable=1"
    # Steps are counted for a prepared statement over all its runs, so none is kept: each has the whole allowance.
    database = sqlite3.connect(target, uri=True, isolation_level=None, timeout=_PATIENCE, cached_statements=0)
    try:
        database.set_progress_handler(_interrupt, _STEPS)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, schema.longest)
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = FULL"):
            database.execute(f"PRAGMA {pragma}")
        if create and not _rows(database):
            _create(database, schema)
        _refuse_foreign(database, schema)  # 2
        if create:
            _begin_log(database)
        if schema.endless:
            database.set_progress_handler(None, 0)
        _confine(database)  # 3
    except BaseException:
        database.close()  # else it would hold its locks for as long as somebody looks at the error
        raise
    return database


def is_environment_fault(error: Exception) -> bool:
    """Say whether the disk, its rights or another process is to blame, and not what the file holds."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _OUTSIDE


def is_open_failure(error: Exception) -> bool:
    """Say whether the file could not even be opened."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_CANTOPEN


def _refuse_irregular(path: Path) -> None:
    for suffix in _BESIDE:
        try:
            if not stat.S_ISREG(os.lstat(f"{path}{suffix}").st_mode):
                raise ForeignDatabaseError(f"{path.name}{suffix} is not a regular file")
        except OSError:
            continue  # it is not there, or SQLite says itself why it cannot be opened
    if _end(f"{path}-journal") == _SUPER_JOURNAL:
        raise ForeignDatabaseError(f"{path.name}-journal names a super-journal, as none of ours does")


def _end(name: str) -> bytes:
    """Return the last bytes of a file, none if it cannot be read."""
    try:
        descriptor = os.open(name, READ_FLAGS | os.O_NOFOLLOW)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:
        file.seek(max(0, os.fstat(descriptor).st_size - len(_SUPER_JOURNAL)))
        return file.read()


def _rows(database: sqlite3.Connection) -> list[_Row]:
    columns, order = "type, name, tbl_name, sql", "type <> 'table', type, name, sql"
    return database.execute(f"SELECT {columns} FROM sqlite_schema ORDER BY {order}").fetchall()  # noqa: S608, ours


def _create(database: sqlite3.Connection, schema: Schema) -> None:
    _begin_log(database)
    database.execute("BEGIN IMMEDIATE")
    try:
        if not _rows(database):  # another process may have been faster
            schema.create(database)
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _begin_log(database: sqlite3.Connection) -> None:
    """Turn to write-ahead logging; while another process does just that, SQLite itself does not wait."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_MOMENT)
        else:
            return


def _refuse_foreign(database: sqlite3.Connection, schema: Schema) -> None:
    """Refuse a database with anything in it that we did not make, before any of it is used."""
    ours, theirs = schema.rows(), _rows(database)
    for kind, name, *_ in (row for row in theirs if row not in ours):
        raise ForeignDatabaseError(f"holds {kind} {str(name)[:100]!a}, which is not ours")
    for kind, name, *_ in (row for row in ours if row not in theirs):
        raise ForeignDatabaseError(f"lacks {kind} {name!a}")
    (application,) = database.execute("PRAGMA application_id").fetchone()
    if theirs != ours or application != schema.application:
        raise ForeignDatabaseError(f"is another application's, {application:#x}; ours is {schema.application:#x}")


def _confine(database: sqlite3.Connection) -> None:
    """Deny statements everything but our tables, as themselves: nothing on behalf of a trigger or a view."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def judge(action: int, first: str | None, second: str | None, _: str | None, cause: str | None) -> int:
        known = {
            sqlite3.SQLITE_SELECT: True,
            sqlite3.SQLITE_TRANSACTION: True,
            sqlite3.SQLITE_READ: first in tables,
            sqlite3.SQLITE_INSERT: first in tables,
            sqlite3.SQLITE_FUNCTION: second in _FUNCTIONS,
            sqlite3.SQLITE_PRAGMA: first in _PRAGMAS,
        }
        return sqlite3.SQLITE_OK if cause is None and known.get(action, False) else sqlite3.SQLITE_DENY

    database.set_authorizer(judge)


def _interrupt() -> bool:
    return True
