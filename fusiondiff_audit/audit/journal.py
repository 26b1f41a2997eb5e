"""What a run has found so far: a cache beside its output that lets a killed run go on, and never evidence.

Each value stands under a code that only the auditor's key can make, over the run and the name that it is kept under, so
that nobody who can write the folder can choose what the key will sign. A picture's row is kept under its name, its file
and its pixels, so that no picture gets what was found of another. Three values are drawn once, when the batch is
sealed, and kept: the seed of noise, the key of salts, and the moment of issue; so a run that goes on ends in the report
that it would have made.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import signing
from fusiondiff_audit.databases import FAULTS, Schema, from_outside, open_database
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow
from signing.fields import Fields, read_json
from signing.records import read_record, write_record
from signing.strict import write_json

if TYPE_CHECKING:
    from fusiondiff_audit.images import SignedMicrograph

JOURNAL = "journal.sqlite"
_PURPOSE = b"fusiondiff-audit journal"
_LARGEST = 1024 * 1024  # bytes of a row
_RUN = "run"  # under which is kept what was drawn
_CACHE = "it is a cache: name another --out, and the run begins anew"
_SCHEMA = Schema(
    application=0x66646A6C,  # "fdjl"
    statements=("CREATE TABLE kept (name TEXT PRIMARY KEY, said TEXT NOT NULL, code BLOB NOT NULL)",),
    longest=2 * _LARGEST,
)


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

    def __init__(self, path: Path, key: signing.PrivateKey) -> None:
        self._path = path
        self._secret = hashlib.sha256(key.sign(_PURPOSE)).digest()  # Ed25519: the same key, the same signature
        self._run = ""  # whose rows; unknown until it is sealed
        with self._writing():
            self._base = open_database(path, _SCHEMA, create=True)

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
        said = self.kept(_RUN, lambda: json.dumps(write_record(fresh)))
        kept = read_record(Sealed, self._parsed(said))
        if (kept.batch, kept.setting) != (batch, setting):
            what = "another batch" if kept.batch != batch else "another model, policy, device or version"
            hint = "give what that run was given, or name another --out"
            raise signing.SigningError(signing.Reason.BAD_REQUEST, f"{self._path}: is of {what}", hint=hint)
        self._run = kept.run
        return kept

    def kept(self, name: str, make: Callable[[], str]) -> str:
        """Return the value kept under a name, made once for a run; of two processes that make it, the first wins."""
        kept = self._read(name)
        if kept is None:
            self._write(name, make(), "INSERT OR IGNORE")
            kept = self._read(name)
        if kept is None:
            raise signing.SigningError(signing.Reason.UNREADABLE, f"{self._path}: lost {name!a}", hint=_CACHE)
        return kept

    def known(self, picture: "SignedMicrograph") -> ImageRow | None:
        """Return what was found in a picture: this file under this name, and no other file with its pixels."""
        said = self._read(_place(picture))
        return None if said is None else read_record(ImageRow, self._parsed(said))

    def note(self, picture: "SignedMicrograph", row: ImageRow) -> None:
        """Keep what was found in a picture; it is on disk when this returns."""
        self._write(_place(picture), json.dumps(write_record(row)))

    @property
    def is_begun(self) -> bool:
        """Say whether more is kept than what was drawn: an admission, or what was found in a picture."""
        with self._writing():
            return bool(self._base.execute("SELECT 1 FROM kept WHERE name <> ? LIMIT 1", (_RUN,)).fetchone())

    def discard(self) -> None:
        """Close the file and remove it; a run of which nothing is kept leaves nothing behind."""
        self.close()
        for suffix in ("-wal", "-shm", ""):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _parsed(self, said: str) -> Fields:
        """Return what we wrote, and nobody else: however many commas a name has."""
        return read_json(said.encode(), str(self._path), limit=_LARGEST, tokens=_LARGEST)

    def _write(self, name: str, said: str, insert: str = "INSERT OR REPLACE") -> None:
        with self._writing():
            self._base.execute(f"{insert} INTO kept VALUES (?, ?, ?)", (name, said, self._code(name, said)))

    def _code(self, name: str, said: str) -> bytes:
        return hmac.digest(self._secret, write_json([self._run, name, said]), "sha256")

    def _read(self, name: str) -> str | None:
        try:
            row = self._base.execute("SELECT said, code FROM kept WHERE name = ?", (name,)).fetchone()
        except FAULTS as e:
            raise signing.SigningError(signing.Reason.UNREADABLE, f"{self._path}: {e}", hint=_CACHE) from e
        if row is None:
            return None
        said, code = row
        if not isinstance(code, bytes) or not hmac.compare_digest(code, self._code(name, str(said))):
            what = f"{self._path}: what it holds of {name!a} was not written with this auditor's key, for this run"
            raise signing.SigningError(signing.Reason.BAD_SIGNATURE, what, hint=_CACHE)
        return str(said)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Tell a disk that is full or read-only as what it is."""
        try:
            yield
        except FAULTS as e:
            if not from_outside(e):
                raise signing.SigningError(signing.Reason.UNREADABLE, f"{self._path}: {e}", hint=_CACHE) from e
            hint = "make room and say --resume; what was found so far is kept"
            raise signing.SigningError(signing.Reason.CANNOT_WRITE, f"{self._path}: {e}", hint=hint) from e


def _place(picture: "SignedMicrograph") -> str:
    """Return what a picture's row is kept under: all that it depends on beside the run's own setting.

    Model, policy, micro-batch, threads, versions and the manifest are in the setting and the batch of the run.
    """
    facts = hashlib.sha256(repr((picture.entry, picture.claims)).encode()).hexdigest()
    return f"image {picture.digest} {picture.pixel_digest} {facts} {picture.name}"
