"""Ledgers with something in them, and what an intruder does to their database."""

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import signing
from fusiondiff_audit.ledger import CheckpointKeys, Ledger
from fusiondiff_audit.ledger.store import LEDGER_FILE
from signing import Batch, PrivateKey, TrustStore
from tests.conftest import NOW, sign

Sign = Callable[..., Batch]
A = "a" * 64


@pytest.fixture
def ledger_of(tmp_path: Path, keys: dict[str, PrivateKey], trust: TrustStore) -> Callable[..., Ledger]:
    def make(name: str = "ledger", *, key: str = "auditor") -> Ledger:
        return Ledger(tmp_path / name, key=keys[key], keys=CheckpointKeys.of_auditors(trust), clock=lambda: NOW)

    return make


@pytest.fixture
def signed(make_batch: Callable[..., Path], keys: dict[str, PrivateKey], trust: TrustStore) -> Sign:
    def make(name: str, *, sequence: int) -> Batch:
        folder = make_batch({"a.tif": name.encode()}, name=name)
        sign(folder, keys["device"], sequence=sequence, force=True)
        return signing.open_batch(folder, trust=replace(trust, at=NOW))

    return make


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, PrivateKey], trust: TrustStore) -> Path:
    """Return a folder with two batches, a ledger of their two runs, and a copy of the ledger after the first."""
    home = tmp_path_factory.mktemp("two-runs")
    for i in (1, 2):
        folder = home / f"batch-{i}"
        folder.mkdir()
        (folder / "a.tif").write_bytes(folder.name.encode())
        sign(folder, keys["device"], sequence=i)
        batch = signing.open_batch(folder, trust=replace(trust, at=NOW))
        accepted = CheckpointKeys.of_auditors(trust)
        with Ledger(home / "ledger", key=keys["auditor"], keys=accepted, clock=lambda: NOW) as ledger:
            ledger.admit(batch, trust, run=f"r{i}")
            ledger.note_pixels(f"r{i}", [("a.tif", str(i) * 64), ("b.tif", A)])
            ledger.issue(f"r{i}", str(i + 2) * 64)
        if i == 1:
            shutil.copytree(home / "ledger", home / "older")
    return home


@pytest.fixture
def kept(two_runs: Path, tmp_path: Path) -> Path:
    """Return a copy of the ledger of two runs, beside its batches and its older copy."""
    shutil.copytree(two_runs, tmp_path, dirs_exist_ok=True)
    return tmp_path / "ledger"


def shell(kept: Path, statement: str) -> None:
    """Do what the sqlite3 shell does, triggers out of the way."""
    db = sqlite3.connect(kept / LEDGER_FILE)
    saved = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in saved:
        db.execute(f"DROP TRIGGER {name}")
    db.executescript(statement)
    for name, sql in saved:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (name,)).fetchone():
            db.execute(sql)
    db.commit()
    db.close()
