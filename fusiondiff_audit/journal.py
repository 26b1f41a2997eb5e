"""What a run has found so far: a cache beside its output that lets a killed run go on, and never evidence.

Rows are keyed by all that they depend on. Three values are drawn once, when the batch is sealed, and kept: the seed of
noise, the key of salts, and the moment of issue; so a run that goes on ends in the report that it would have made.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import signing
from reports.records import read, write
from reports.report import Report
from reports.rows import ImageRow
from signing.strict import read_json

JOURNAL = "journal.sqlite"
_LARGEST = 1024 * 1024  # bytes of a row
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, said TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS found (key TEXT PRIMARY KEY, said TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is drawn once for a run."""

    run: str
    batch: str  # SHA-256 of the manifest
    setting: str  # digest over model, policy and runtime
    noise_seed: str
    salt_key: str
    report: str  # its id
    issued: str


class Journal:
    """An open journal."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._writing():
            self._base = sqlite3.connect(path, isolation_level=None, timeout=60)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sealed(self, batch: str, setting: str, first: Report | None = None) -> Sealed:
        """Return what was drawn for this run, or for the `first` one that it repeats; another run's is refused."""
        if first is None:
            drawn = (secrets.token_hex(32), secrets.token_hex(32), secrets.token_hex(16))
            fresh = Sealed(secrets.token_hex(16), batch, setting, *drawn, signing.write_time(signing.now()))
        else:
            header = first.header
            kept_draws = (header.run.noise_seed, first.salt_key.hex(), header.id, header.issued)
            fresh = Sealed(secrets.token_hex(16), batch, setting, *kept_draws)
        said = self.kept("run", lambda: json.dumps(write(fresh)))
        kept = read(Sealed, read_json(said.encode(), str(self._path), limit=_LARGEST))
        if (kept.batch, kept.setting) != (batch, setting):
            what = "another batch" if kept.batch != batch else "another model, policy, device or version"
            hint = "give what that run was given, or name another --out"
            raise signing.SigningError(signing.Reason.BAD_REQUEST, f"{self._path}: is of {what}", hint=hint)
        return kept

    def kept(self, name: str, make: Callable[[], str]) -> str:
        """Return what is kept under a name; it is made once for a run."""
        row = self._first("SELECT said FROM kept WHERE name = ?", name)
        if row is not None:
            return row
        said = make()
        with self._writing():
            self._base.execute("INSERT INTO kept VALUES (?, ?)", (name, said))
        return said

    def known(self, key: str) -> ImageRow | None:
        """Return what was found under a key."""
        row = self._first("SELECT said FROM found WHERE key = ?", key)
        return None if row is None else read(ImageRow, read_json(row.encode(), str(self._path), limit=_LARGEST))

    def note(self, key: str, row: ImageRow) -> None:
        """Keep what was found; it is on disk when this returns."""
        with self._writing():
            self._base.execute("INSERT OR REPLACE INTO found VALUES (?, ?)", (key, json.dumps(write(row))))

    def _first(self, asked: str, name: str) -> str | None:
        try:
            row = self._base.execute(asked, (name,)).fetchone()
        except sqlite3.DatabaseError as e:
            hint = "it is a cache: name another --out, and the run begins anew"
            raise signing.SigningError(signing.Reason.UNREADABLE, f"{self._path}: {e}", hint=hint) from e
        return None if row is None else str(row[0])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Tell a disk that is full or read-only as what it is."""
        try:
            yield
        except sqlite3.DatabaseError as e:
            hint = "make room and say --resume; what was found so far is kept"
            raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{self._path}: {e}", hint=hint) from e
