"""SQLite files that others may have written to: opened only if their schema is the expected one, and nothing else.

A file can make SQLite act: views and triggers run statements, generated columns run functions, a schema can be built so
that reading it never ends, and files beside a database name other files to be written or deleted. Hence `open_database`

1. refuses links and other irregular files in the place of the database and beside it, and a rollback journal that names
   a super-journal, which SQLite would delete;
2. compares every row of the schema, of whatever type, and the application's number, with those of a newly made file,
   within a bounded number of steps and before a table is read;
3. lets statements reach the schema's tables alone: anything that a trigger, a view or a changed schema asks for is
   denied, and a value beyond the schema's longest is an error.

Not promised: somebody who can write to the folder can race step 1, and decides the content of the tables, which the
callers have to verify.
"""

import os
import sqlite3
import stat
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from signing.files import READ_FLAGS

_ENVIRONMENT_FAULTS = frozenset(
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
# Python decodes texts of a database, the definitions of tables included, and raises UnicodeDecodeError.
DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
_LOCK_TIMEOUT = 60.0  # seconds
_RETRY_PAUSE = 0.01  # seconds
_STEPS = 1_000_000  # of SQLite's virtual machine; the schemas of this project take some hundred
_SUPER_JOURNAL = bytes.fromhex("d9d505f920a163d7")  # ends a rollback journal that names one (sqlite.org/fileformat2)
_SUFFIXES = ("", "-wal", "-shm", "-journal")
_FUNCTIONS = frozenset({"count", "max"})
_PRAGMAS = frozenset({"data_version", "integrity_check"})
_Row = tuple[str, str, str, str | None]  # type, name, table and definition, as in sqlite_schema


class ForeignDatabaseError(sqlite3.DatabaseError):
    """A file has another schema or application number than expected."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The complete schema of a database, and the limits of its use."""

    application: int  # number that identifies the kind of file, also to `file`
    statements: tuple[str, ...]
    longest: int  # bytes of a value
    endless: bool = False  # statements may take as long as the database is large

    def create(self, database: sqlite3.Connection) -> None:
        """Make the schema in an empty database."""
        database.execute(f"PRAGMA application_id = {self.application}")
        for statement in self.statements:
            database.execute(statement)

    def rows(self) -> list[_Row]:
        """Return the rows of sqlite_schema in a database with this schema alone."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
            self.create(database)
            return _rows(database)


def open_database(path: Path, schema: Schema, *, create: bool = False, writable: bool = True) -> sqlite3.Connection:
    """Return a database with this schema and nothing else; `create` makes the schema in an empty or missing file.

    Raises one of DATABASE_ERRORS; `is_environment_fault` tells faults of the file system from those of the file.
    """
    _refuse_irregular(path)  # 1
    mode = "rwc" if create else "rw" if writable else "ro"
    target = f"{path.absolute().as_uri()}?mode={mode}"
    if not writable and not os.path.lexists(f"{path}-wal"):  # there is no writer; SQLite makes no files beside it then
        target += "&immutable=1"
    # SQLite counts the steps of a prepared statement over all its runs, so no statement is cached.
    database = sqlite3.connect(target, uri=True, isolation_level=None, timeout=_LOCK_TIMEOUT, cached_statements=0)
    try:
        database.set_progress_handler(lambda: True, _STEPS)  # interrupt
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
        database.close()  # the error's traceback would keep the connection, and so its locks
        raise
    return database


def is_environment_fault(error: Exception) -> bool:
    """Say whether the disk, its rights or another process is to blame, and not the file's content."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _ENVIRONMENT_FAULTS


def is_open_failure(error: Exception) -> bool:
    """Say whether the file could not even be opened."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_CANTOPEN


def _refuse_irregular(path: Path) -> None:
    for suffix in _SUFFIXES:
        try:
            if not stat.S_ISREG(os.lstat(f"{path}{suffix}").st_mode):
                raise ForeignDatabaseError(f"{path.name}{suffix} is not a regular file")
        except OSError:
            continue  # it is missing, or SQLite will say why it cannot be opened
    if _last_bytes(f"{path}-journal") == _SUPER_JOURNAL:
        raise ForeignDatabaseError(f"{path.name}-journal names a super-journal")


def _last_bytes(name: str) -> bytes:
    """Return as many bytes of a file's end as _SUPER_JOURNAL has; none if it cannot be read."""
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
    """Turn write-ahead logging on; SQLite does not wait for another process that is turning it on, so retry."""
    end = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_RETRY_PAUSE)
        else:
            return


def _refuse_foreign(database: sqlite3.Connection, schema: Schema) -> None:
    """Refuse a database with another schema, before any of it is used."""
    expected, actual = schema.rows(), _rows(database)
    for kind, name, *_ in (row for row in actual if row not in expected):
        raise ForeignDatabaseError(f"holds {kind} {str(name)[:100]!a}, which is not ours")
    for kind, name, *_ in (row for row in expected if row not in actual):
        raise ForeignDatabaseError(f"lacks {kind} {name!a}")
    (application,) = database.execute("PRAGMA application_id").fetchone()
    if actual != expected or application != schema.application:
        raise ForeignDatabaseError(f"is another application's, {application:#x}; ours is {schema.application:#x}")


def _confine(database: sqlite3.Connection) -> None:
    """Deny statements everything but these tables, and everything on behalf of a trigger or a view."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def authorize(action: int, first: str | None, second: str | None, _: str | None, cause: str | None) -> int:
        allowed = {
            sqlite3.SQLITE_SELECT: True,
            sqlite3.SQLITE_TRANSACTION: True,
            sqlite3.SQLITE_READ: first in tables,
            sqlite3.SQLITE_INSERT: first in tables,
            sqlite3.SQLITE_FUNCTION: second in _FUNCTIONS,
            sqlite3.SQLITE_PRAGMA: first in _PRAGMAS,
        }
        return sqlite3.SQLITE_OK if cause is None and allowed.get(action, False) else sqlite3.SQLITE_DENY

    database.set_authorizer(authorize)
