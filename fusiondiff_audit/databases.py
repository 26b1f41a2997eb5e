"""What an error of SQLite means: that the place does not let us work, or that the file is not what we wrote."""

import sqlite3

_OUTSIDE = frozenset(
    {
        sqlite3.SQLITE_AUTH,
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
FAULTS = (sqlite3.Error, UnicodeDecodeError)


def from_outside(error: Exception) -> bool:
    """Say whether the disk, its rights or another process is to blame, and not what the file holds."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _OUTSIDE


def cannot_open(error: Exception) -> bool:
    """Say whether the file could not even be opened."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_CANTOPEN
