"""A database that other hands have reached is refused before anything in it is used; nothing it says is carried out."""

import contextlib
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import signing
from fusiondiff_audit import databases
from fusiondiff_audit.auditing.journal import Journal
from fusiondiff_audit.databases import (
    DATABASE_ERRORS,
    ForeignDatabaseError,
    Schema,
    is_environment_fault,
    open_database,
)
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.ledger.store import Store
from reports.verdict.issue import JOURNAL
from signing import PrivateKey, Reason, SigningError

SCHEMA = Schema(
    0x41424344,
    (
        "CREATE TABLE words (word TEXT PRIMARY KEY, place INTEGER NOT NULL)",
        "CREATE TRIGGER words_stay BEFORE DELETE ON words BEGIN SELECT RAISE(ABORT, 'they stay'); END",
    ),
    longest=4096,
)
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS word, i AS place FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database of ours with one word in it, closed."""
    path = tmp_path / "words.sqlite"
    with contextlib.closing(open_database(path, SCHEMA, create=True)) as db:
        db.execute("INSERT INTO words VALUES ('one', 1)")
    return path


@contextlib.contextmanager
def soon() -> Iterator[None]:
    """Fail where something takes as long as an endless query would."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 30


def act(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def test_a_new_database_is_opened_again(path: Path) -> None:
    with contextlib.closing(open_database(path, SCHEMA)) as db:
        assert db.execute("SELECT word, place FROM words").fetchall() == [("one", 1)]
        assert db.execute("SELECT count(*) FROM words").fetchall() == [(1,)]
    with contextlib.closing(open_database(path, SCHEMA, writable=False)) as db:
        assert db.execute("SELECT max(place) FROM words").fetchall() == [(1,)]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


FOREIGN: dict[str, tuple[str, ...]] = {
    "a view": ("CREATE VIEW spy AS SELECT * FROM words",),
    "a view in a table's place": ("DROP TABLE words", f"CREATE VIEW words AS {ENDLESS}"),
    "a trigger": ("CREATE TRIGGER more AFTER INSERT ON words BEGIN DELETE FROM words; END",),
    "a trigger that does another thing": (
        "DROP TRIGGER words_stay",
        "CREATE TRIGGER words_stay BEFORE DELETE ON words BEGIN SELECT 1; END",
    ),
    "a trigger gone": ("DROP TRIGGER words_stay",),
    "an index": ("CREATE INDEX sorted ON words (place)",),
    "a table": ("CREATE TABLE more (x)",),
    "a virtual table": ("CREATE VIRTUAL TABLE more USING fts5 (x)",),
    "a generated column": (
        "DROP TABLE words",
        "CREATE TABLE words (word TEXT PRIMARY KEY, place INTEGER NOT NULL AS (length(zeroblob(99999999))))",
        "CREATE TRIGGER words_stay BEFORE DELETE ON words BEGIN SELECT RAISE(ABORT, 'they stay'); END",
    ),
    "statistics": ("ANALYZE",),
    "another application": ("PRAGMA application_id = 7",),
}


@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("create", [True, False])
def test_a_database_with_another_schema_is_refused_before_it_is_read(what: str, create: bool, path: Path) -> None:
    act(path, *FOREIGN[what])
    before = path.read_bytes()
    with soon(), pytest.raises(ForeignDatabaseError):
        open_database(path, SCHEMA, create=create)
    assert path.read_bytes() == before


def test_an_emptied_database_is_made_anew_only_where_one_is_to_be_made(path: Path) -> None:
    act(path, "DROP TABLE words")
    with pytest.raises(ForeignDatabaseError, match="lacks table 'words'"):
        open_database(path, SCHEMA)
    with contextlib.closing(open_database(path, SCHEMA, create=True)) as db:
        assert db.execute("SELECT count(*) FROM words").fetchall() == [(0,)]


def test_a_definition_under_a_name_of_ours_is_refused(path: Path) -> None:
    """Rows of the schema are compared whole, so that no second one hides behind the name of a table."""
    act(
        path,
        "PRAGMA writable_schema = ON",
        "INSERT INTO sqlite_schema VALUES ('trigger', 'words', 'words', 0,"
        " 'CREATE TRIGGER x AFTER INSERT ON words BEGIN DELETE FROM words; END')",
    )
    with pytest.raises(DATABASE_ERRORS) as caught:
        open_database(path, SCHEMA)
    assert not is_environment_fault(caught.value)


def endless_schema(path: Path, *, depth: int = 12, page: int = 512, cells: int = 40) -> None:
    """Write a database whose schema is a tree in which each page names the next one forty times."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA page_size = {page}")
        db.execute("CREATE TABLE words (word TEXT PRIMARY KEY, place INTEGER NOT NULL)")
        for number in range(depth):  # so that the file has the pages
            db.execute(f"CREATE TABLE filler{number} (x)")
    name = b"sqlite_autoindex_words_1"
    record = bytes([6, 23, 13 + 2 * len(name), 23, 1, 0]) + b"index" + name + b"words" + b"\3"
    cell = bytes([len(record), 1]) + record
    head = struct.pack(">BHHHBH", 13, 0, 1, page - len(cell), 0, page - len(cell))
    pages = [head.ljust(page - len(cell), b"\0") + cell]  # the one leaf, which is read for ever
    for number in range(depth, 0, -1):
        offset, content = (100 if number == 1 else 0), page - 5 * cells
        head = struct.pack(">BHHHBI", 5, 0, cells, content, 0, number + 1)
        head += struct.pack(f">{cells}H", *range(content, page, 5))
        body = b"".join(struct.pack(">IB", number + 1, key) for key in range(1, cells + 1))
        pages.insert(0, head.ljust(content - offset, b"\0") + body)
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"".join(pages) + data[page * len(pages) :])


def test_a_schema_that_never_ends_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "endless.sqlite"
    endless_schema(path)
    with soon(), pytest.raises(sqlite3.OperationalError) as caught:
        open_database(path, SCHEMA, create=True)
    assert caught.value.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
    assert not is_environment_fault(caught.value)


CHANGED: dict[str, tuple[str, ...]] = {
    "a view": ("DROP TABLE words", f"CREATE VIEW words AS {ENDLESS}"),
    "a trigger": ("CREATE TRIGGER more AFTER INSERT ON words BEGIN DELETE FROM words; END",),
    "a generated column": (
        "DROP TABLE words",
        "CREATE TABLE words (word TEXT PRIMARY KEY, place INTEGER AS (length(zeroblob(99999999))))",
    ),
}


def write_and_read(db: sqlite3.Connection) -> None:
    db.execute("INSERT OR REPLACE INTO words VALUES ('two', 2)")
    db.execute("SELECT word, place FROM words WHERE word = 'two'").fetchall()


@pytest.mark.parametrize("what", CHANGED)
def test_a_schema_changed_after_the_check_runs_nothing(what: str, path: Path) -> None:
    with contextlib.closing(open_database(path, SCHEMA)) as db:
        act(path, *CHANGED[what])
        with soon(), pytest.raises(DATABASE_ERRORS) as caught:
            write_and_read(db)
        assert not is_environment_fault(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH ':memory:' AS other",
        "DELETE FROM words",
        "UPDATE words SET place = 2",
        "CREATE TABLE more (x)",
        "SELECT load_extension('x')",
        "PRAGMA journal_mode = DELETE",
        "SELECT sql FROM sqlite_schema",
        ENDLESS,
    ],
)
def test_statements_reach_only_tables_of_the_schema(statement: str, path: Path) -> None:
    with contextlib.closing(open_database(path, SCHEMA)) as db, pytest.raises(sqlite3.DatabaseError):
        db.execute(statement).fetchall()


def test_a_value_longer_than_ours_are_is_no_value(path: Path) -> None:
    act(path, "INSERT INTO words VALUES (hex(zeroblob(9999)), 2)")
    with contextlib.closing(open_database(path, SCHEMA)) as db, pytest.raises(DATABASE_ERRORS) as caught:
        db.execute("SELECT word FROM words WHERE place = 2").fetchall()
    assert not is_environment_fault(caught.value)


def super_journal(victim: Path, database: Path) -> bytes:
    """Return a rollback journal whose super-journal is any file at all (sqlite.org/fileformat2, 3)."""
    page, sector, magic = 4096, 512, bytes.fromhex("d9d505f920a163d7")
    pages = database.stat().st_size // page
    head = (magic + struct.pack(">IIIII", 0, 1, pages, sector, page)).ljust(sector, b"\0")
    name = os.fsencode(victim)
    total = sum(struct.unpack(f"{len(name)}b", name)) & 0xFFFFFFFF
    return head + struct.pack(">I", 2**30 // page + 1) + name + struct.pack(">II", len(name), total) + magic


def test_no_file_is_deleted_that_a_rollback_journal_names(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "auditor.pem"
    victim.write_text("a key")
    for how in ("theirs", "ours"):
        Path(f"{path}-journal").write_bytes(super_journal(victim, path))
        if how == "ours":
            with pytest.raises(ForeignDatabaseError, match="names a super-journal"):
                open_database(path, SCHEMA, create=True)
            assert victim.exists()
            continue
        with contextlib.closing(sqlite3.connect(path)) as db:  # so does SQLite itself
            db.execute("SELECT * FROM words").fetchall()
        assert not victim.exists()
        victim.write_text("a key")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_no_irregular_file_is_written_through(suffix: str, kind: str, path: Path, tmp_path: Path) -> None:
    victim, place = tmp_path / "victim", Path(f"{path}{suffix}")
    victim.write_bytes(b"")
    place.unlink(missing_ok=True)
    match kind:
        case "link":
            place.symlink_to(victim)
        case "pipe":
            os.mkfifo(place)
        case _:
            place.mkdir()
    with soon(), pytest.raises(DATABASE_ERRORS):
        open_database(path, SCHEMA, create=True)
    assert victim.read_bytes() == b""


def test_another_applications_file_is_not_overwritten(tmp_path: Path) -> None:
    """Else `--out` in the wrong place would write into another program's database."""
    path = tmp_path / "history.sqlite"
    act(path, "CREATE TABLE visits (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(ForeignDatabaseError, match="holds table 'visits', which is not ours"):
        open_database(path, SCHEMA, create=True)
    assert path.read_bytes() == before


def opened_journal(path: Path, key: PrivateKey) -> None:
    Journal(path, key).close()


def opened_ledger(path: Path, _: PrivateKey) -> None:
    Store(path, create=True).close()


@pytest.mark.parametrize(
    ("opener", "table", "reason"),
    [(opened_journal, "kept", Reason.UNREADABLE), (opened_ledger, "marks", AuditReason.LEDGER_ALTERED)],
)
@pytest.mark.parametrize("what", ["a view", "a trigger", "an index", "a super-journal", "another table"])
def test_journal_and_ledger_refuse_alike(
    what: str,
    opener: Callable[[Path, PrivateKey], None],
    table: str,
    reason: Reason | AuditReason,
    tmp_path: Path,
    keys: dict[str, signing.PrivateKey],
) -> None:
    path = tmp_path / JOURNAL
    opener(path, keys["auditor"])
    opener(path, keys["auditor"])
    statements = {
        "a view": (f"DROP TABLE {table}", f"CREATE VIEW {table} AS {ENDLESS.replace('word', 'name')}"),
        "a trigger": (f"CREATE TRIGGER more AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",),  # noqa: S608
        "an index": (f"CREATE INDEX more ON {table} ({'name' if table == 'kept' else 'number'})",),
        "another table": ("CREATE TABLE more (x)",),
        "a super-journal": (),
    }
    act(path, *statements[what])
    if what == "a super-journal":
        Path(f"{path}-journal").write_bytes(super_journal(tmp_path / "victim", path))
    with soon(), pytest.raises((SigningError, AuditError)) as caught:
        opener(path, keys["auditor"])
    assert getattr(caught.value, "reason", None) is reason


def test_steps_are_counted_for_each_run_of_a_statement(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch has up to 100,000 pictures, and each is noted by the same statement."""
    monkeypatch.setattr(databases, "_STEPS", 2_000)
    with contextlib.closing(open_database(path, SCHEMA)) as db:
        db.execute("BEGIN")  # one write to the disk
        for number in range(5_000):
            db.execute("INSERT INTO words VALUES (?, ?)", (f"word {number}", number))
            assert db.execute("SELECT place FROM words WHERE word = ?", (f"word {number}",)).fetchone() == (number,)
        db.execute("COMMIT")
