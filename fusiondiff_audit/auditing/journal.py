"""The rows that a run has so far: a cache beside its output that lets a killed run resume, and never evidence.

Each value has a message authentication code under the auditor's key, over the run, the value and its name, so that
nobody who can write the folder can choose what the key will sign. A row is kept under the name, file digest and pixel
digest of its image, so that no image gets the row of another. With a row are kept the features of the image's tiles,
by which its specimen is ranked once all images are through: they would not fit into memory. The draws of a run are made
once and kept: a run that is resumed ends in the report that it would have made.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

import signing
from fusiondiff_audit.auditing.order import Draws
from fusiondiff_audit.databases import DATABASE_ERRORS, Schema, is_environment_fault, open_database
from reports.verdict.rows import ImageRow
from signing.fields import Fields, read_json
from signing.records import read_record, write_record
from signing.strict import write_json

if TYPE_CHECKING:
    from fusiondiff_audit.images.micrograph import SignedMicrograph
    from fusiondiff_audit.model.specimens import TileFeatures

_Table = Literal["kept", "features"]
_PURPOSE = b"fusiondiff-audit journal"
_LARGEST = 1024 * 1024  # bytes of a row
_TILES = 1024  # whose features are kept together
_LARGEST_FEATURES = 64 * 1024 * 1024  # bytes of these
_RUN = "run"  # the name of the sealed run
_CACHE = "it is a cache: name another --out, and the run begins anew"
_SCHEMA = Schema(
    application=0x66646A6C,  # "fdjl"
    statements=(
        "CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL, code BLOB NOT NULL)",
        "CREATE TABLE features (name TEXT PRIMARY KEY, value BLOB NOT NULL, code BLOB NOT NULL)",
    ),
    longest=_LARGEST_FEATURES,
)
_NUMBER = np.dtype("<f4")  # of features, on every machine


@dataclass(frozen=True, slots=True)
class SealedRun:
    """A run, and the inputs that it is bound to."""

    run: str
    batch: str  # SHA-256 of the manifest
    setting: str  # digest over model, policy and runtime
    draws: Draws


class Journal:
    """An open journal of one run."""

    def __init__(self, path: Path, key: signing.PrivateKey) -> None:
        self._path = path
        self._secret = hashlib.sha256(key.sign(_PURPOSE)).digest()  # Ed25519: the same key, the same signature
        self._run = ""  # unknown until `seal`
        with self._writing():
            self._base = open_database(path, _SCHEMA, create=True)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def seal(self, batch: str, setting: str, draws: Draws | None = None) -> SealedRun:
        """Return this run, begun now or earlier; a journal of another batch or setting is refused.

        A repetition hands in the `draws` of its report; otherwise they are made here.
        """
        if draws is None:
            values = (secrets.token_hex(32), secrets.token_hex(32), secrets.token_hex(16))
            draws = Draws(*values, signing.write_time(signing.now()))
        fresh = SealedRun(secrets.token_hex(16), batch, setting, draws)
        sealed = read_record(SealedRun, self._parsed(self.keep_once(_RUN, lambda: json.dumps(write_record(fresh)))))
        if (sealed.batch, sealed.setting) != (batch, setting):
            what = "another batch" if sealed.batch != batch else "another model, policy, device or version"
            hint = "give the same batch, model, policy and device as that run, or name another --out"
            raise signing.SigningError(signing.Reason.BAD_REQUEST, f"{self._path}: is of {what}", hint=hint)
        self._run = sealed.run
        return sealed

    def keep_once(self, name: str, make: Callable[[], str]) -> str:
        """Return the value of a name, made once for a run; of two processes that make it, the first wins."""
        value = self._read("kept", name)
        if value is None:
            self._insert("kept", name, make(), "INSERT OR IGNORE")
            value = self._read("kept", name)
        if not isinstance(value, str):
            raise signing.SigningError(signing.Reason.UNREADABLE, f"{self._path}: lost {name!a}", hint=_CACHE)
        return value

    def row(self, image: "SignedMicrograph") -> ImageRow | None:
        """Return the row of this file under this name, and of no other file with its pixels; None if there is none."""
        value = self._read("kept", row_name(image))
        return read_record(ImageRow, self._parsed(value)) if isinstance(value, str) else None

    def keep(self, image: "SignedMicrograph", row: ImageRow, features: "TileFeatures") -> None:
        """Keep the row of an image and the features of its tiles; they are on disk when this returns."""
        name = row_name(image)
        tiles = 0 if row.judged is None else len(features)
        with self._writing(), self._base:  # one transaction, which ends the block
            self._base.execute("BEGIN IMMEDIATE")
            for start in range(0, tiles, _TILES):
                data = features[start : start + _TILES].astype(_NUMBER).tobytes()
                self._insert("features", f"{start} {name}", data, "INSERT OR REPLACE")
            self._insert("kept", name, json.dumps(write_record(row)), "INSERT OR REPLACE")

    def features(self, name: str, tiles: int) -> "TileFeatures":
        """Return the features of as many tiles of a judged image, by the name of its row."""
        parts = []
        for start in range(0, tiles, _TILES):
            data = self._read("features", f"{start} {name}")
            if not isinstance(data, bytes):
                raise signing.SigningError(signing.Reason.UNREADABLE, f"{self._path}: lost {name!a}", hint=_CACHE)
            parts.append(np.frombuffer(data, _NUMBER).reshape(min(_TILES, tiles - start), -1))
        return np.concatenate(parts).astype(np.float32)

    @property
    def is_begun(self) -> bool:
        """Say whether an admission or a row is kept, and not the sealed run alone."""
        with self._writing():
            return bool(self._base.execute("SELECT 1 FROM kept WHERE name <> ? LIMIT 1", (_RUN,)).fetchone())

    def discard(self) -> None:
        """Close the file and remove it."""
        self.close()
        for suffix in ("-wal", "-shm", ""):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _parsed(self, value: str) -> Fields:
        """Parse a value of ours, whose names may have any number of commas."""
        return read_json(value.encode(), str(self._path), limit=_LARGEST, tokens=_LARGEST)

    def _insert(self, table: _Table, name: str, value: str | bytes, insert: str) -> None:
        with self._writing():
            code = self._code(table, name, value)
            self._base.execute(f"{insert} INTO {table} VALUES (?, ?, ?)", (name, value, code))

    def _code(self, table: _Table, name: str, value: str | bytes) -> bytes:
        """Return the code of a value; a digest stands for it, so that no text of one table is a value of the other."""
        data = value if isinstance(value, bytes) else value.encode()
        stated = write_json([self._run, table, name, hashlib.sha256(data).hexdigest()])
        return hmac.digest(self._secret, stated, "sha256")

    def _read(self, table: _Table, name: str) -> str | bytes | None:
        try:
            row = self._base.execute(f"SELECT value, code FROM {table} WHERE name = ?", (name,)).fetchone()  # noqa: S608, ours
        except DATABASE_ERRORS as e:
            raise signing.SigningError(signing.Reason.UNREADABLE, f"{self._path}: {e}", hint=_CACHE) from e
        if row is None:
            return None
        value: str | bytes = row[0]
        is_typed = isinstance(value, bytes if table == "features" else str) and isinstance(row[1], bytes)
        if not is_typed or not hmac.compare_digest(row[1], self._code(table, name, value)):
            fault = f"{self._path}: its value of {name!a} was not written with this auditor's key, for this run"
            raise signing.SigningError(signing.Reason.BAD_SIGNATURE, fault, hint=_CACHE)
        return value

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Raise `cannot-write` where the disk is full or read-only, and `unreadable` for any other fault."""
        try:
            yield
        except DATABASE_ERRORS as e:
            if not is_environment_fault(e):
                raise signing.SigningError(signing.Reason.UNREADABLE, f"{self._path}: {e}", hint=_CACHE) from e
            hint = "make room and say --resume; the rows so far are kept"
            raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{self._path}: {e}", hint=hint) from e


def row_name(image: "SignedMicrograph") -> str:
    """Return the name of an image's row: everything that the row depends on beside the run's own setting.

    Model, policy, micro-batch, threads, versions and the manifest are in the setting and the batch of the run.
    """
    facts = hashlib.sha256(repr((image.entry, image.claims)).encode()).hexdigest()
    return f"image {image.digest} {image.pixel_digest} {facts} {image.name}"
