"""What nobody signs in a ledger is compared with its entries: marks, triggers, and the checkpoints beside it."""

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.ledger import CheckpointKeys, Ledger, read_ledger, verify_ledger
from fusiondiff_audit.ledger.entries import sequence_mark, trust_mark
from fusiondiff_audit.ledger.store import LEDGER_FILE, Store
from signing import PrivateKey, TrustStore
from tests.conftest import NOW
from tests.ledger.conftest import Sign, shell

Opener = Callable[..., Ledger]


@contextlib.contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(AuditError) as caught:
        yield
    assert caught.value.reason is AuditReason.LEDGER_ALTERED


def marked(ledger: Path, mark: str, number: int) -> None:
    """Add a mark; no trigger of the database forbids that."""
    with contextlib.closing(sqlite3.connect(ledger / LEDGER_FILE)) as db:
        db.execute("INSERT INTO marks VALUES (?, ?)", (mark, number))
        db.commit()


def renamed(ledger: Path, mark: str, number: int) -> None:
    """Replace a mark of an entry by another one, so that the number of marks stays."""
    shell(ledger, f"UPDATE marks SET mark = '{mark}' WHERE number = {number} AND mark LIKE 'issued %'")  # noqa: S608


def marks_of(batch: signing.Batch, trust: TrustStore) -> dict[str, tuple[str, int]]:
    """Return marks of a batch that was not admitted, each with the number of an entry that does not have the mark."""
    device, manifest, payload = batch.signer.keyid, batch.manifest, f"payload {batch.digest}"
    return {
        "payload": (payload, 1),
        "nonce": (f"nonce {device} {manifest.nonce}", 1),
        "sequence": (sequence_mark(device, manifest.sequence), 1),
        "a later sequence": (sequence_mark(device, manifest.sequence + 1), 1),
        "a sequence that is none": (f"sequence {device} zzz", 1),
        "a later trust store": (trust_mark(trust.fingerprint, 9), 1),
        "a trust store that is none": (f"trust {trust.fingerprint} zzzzzzzzzz", 1),
        "a run": ("run r9", 1),
        "images for a batch": (payload, 2),
        "no entry": (payload, 99),
    }


MARKS = (
    "payload", "nonce", "sequence", "a later sequence", "a sequence that is none", "a later trust store",
    "a trust store that is none", "a run", "images for a batch", "no entry",
)  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
def test_a_planted_mark_is_refused_when_the_ledger_is_opened(
    mark: str,
    kept: Path,
    ledger_of: Opener,
    signed: Sign,
    trust: TrustStore,
) -> None:
    marked(kept, *marks_of(signed("batch-9", sequence=9), trust)[mark])
    with refused():
        ledger_of()
    with refused():
        verify_ledger(kept, keys=CheckpointKeys.of_auditors(trust))


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("plant", [marked, renamed])
def test_a_mark_planted_in_an_open_ledger_is_refused(
    plant: Callable[[Path, str, int], None],
    mark: str,
    kept: Path,
    ledger_of: Opener,
    signed: Sign,
    trust: TrustStore,
) -> None:
    """A planted mark, added or in the place of another one, never makes a batch count as admitted."""
    batch = signed("batch-9", sequence=9)
    with ledger_of() as ledger:
        number = marks_of(batch, trust)[mark][1]
        if plant is renamed and number != 99:
            number = 3  # a report, which alone has a mark that can be spared
        if plant is renamed and number == 99:
            shell(kept, "UPDATE marks SET number = 99 WHERE number = 3 AND mark LIKE 'issued %'")
        plant(kept, marks_of(batch, trust)[mark][0], number)
        with refused():
            ledger.admit(batch, trust, run="r9")
    if plant is renamed:
        with refused():
            ledger_of()


@pytest.mark.parametrize("plant", [marked, renamed])
def test_a_planted_mark_hides_no_duplicate(
    plant: Callable[[Path, str, int], None],
    kept: Path,
    ledger_of: Opener,
    signed: Sign,
    trust: TrustStore,
) -> None:
    with ledger_of() as ledger:
        ledger.admit(signed("batch-9", sequence=9), trust, run="r9")
        plant(kept, "image r9 a.tif", 3 if plant is renamed else 2)
        with refused():
            ledger.note_pixels("r9", [("a.tif", "1" * 64)])


def test_a_planted_report_hides_no_issue(
    kept: Path,
    ledger_of: Opener,
) -> None:
    with ledger_of() as ledger:
        renamed(kept, f"report {'f' * 64}", 3)
        with refused():
            ledger.issue("r2", "f" * 64)


def test_an_entry_altered_in_an_open_ledger_is_refused(
    kept: Path,
    ledger_of: Opener,
    trust: TrustStore,
) -> None:
    batch = signing.open_batch(kept.parent / "batch-1", trust=replace(trust, at=NOW))
    with ledger_of() as ledger:
        altered = 'CAST(replace(CAST(entry AS TEXT), \'"run":"r1"\', \'"run":"rX"\') AS BLOB)'
        shell(kept, f"UPDATE entries SET entry = {altered} WHERE number = 1")  # noqa: S608
        with pytest.raises(AuditError, match="entry 1 is not the one that was signed"):
            ledger.admit(batch, trust, run="r9")


def test_a_ledger_without_its_triggers_is_refused(kept: Path, ledger_of: Opener) -> None:
    with contextlib.closing(sqlite3.connect(kept / LEDGER_FILE)) as db:
        db.execute("DROP TRIGGER marks_stay_DELETE")
    with pytest.raises(AuditError, match="lacks trigger 'marks_stay_DELETE'"):
        ledger_of()


def test_a_ledger_without_copies_of_checkpoints_is_refused_and_not_changed(
    kept: Path,
    ledger_of: Opener,
    tmp_path: Path,
) -> None:
    checkpoints = kept / "checkpoints"
    checkpoints.rename(tmp_path / "away")
    with pytest.raises(AuditError, match=r"ledger\.sqlite without checkpoints"):
        ledger_of()
    assert not checkpoints.exists()
    checkpoints.mkdir()
    with pytest.raises(AuditError, match="holds no checkpoint of 7 entries"):
        ledger_of()
    assert not list(checkpoints.iterdir())
    shutil.copy(tmp_path / "away" / "000000000004.note", checkpoints)  # any of them will do: it is of these entries
    with ledger_of():
        assert len(read_ledger(kept)) == 7


def test_a_ledger_without_its_first_copy_is_opened_and_copies_again(ledger_of: Opener, tmp_path: Path) -> None:
    with ledger_of():
        pass
    copy = tmp_path / "ledger" / "checkpoints" / "000000000001.note"
    data = copy.read_bytes()
    copy.unlink()
    with ledger_of():
        pass
    assert copy.read_bytes() == data


def test_an_empty_file_beside_checkpoints_is_no_new_ledger(kept: Path, ledger_of: Opener) -> None:
    for file in kept.glob(f"{LEDGER_FILE}*"):
        file.unlink()
    (kept / LEDGER_FILE).touch()
    with pytest.raises(AuditError, match="without entries"):
        ledger_of()
    with contextlib.closing(sqlite3.connect(kept / LEDGER_FILE)) as db:
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (0,)


def test_marks_are_read_once_on_opening_and_again_only_after_another_process(
    ledger_of: Opener,
    signed: Sign,
    trust: TrustStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Statements, not seconds: beside one for each mark opening has as many for a young ledger as for an old one."""
    asked: list[str] = []
    rows = Store._rows

    def noting(self: Store, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        asked.append(statement)
        return rows(self, statement, *values)

    monkeypatch.setattr(Store, "_rows", noting)
    beside = []
    for number in range(1, 7):
        with ledger_of() as ledger:
            probes = sum("SELECT 1 FROM marks" in statement for statement in asked)
            assert probes == 5 * (number - 1)
            beside.append(len(asked) - probes)
            asked.clear()
            ledger.admit(signed(f"batch-{number}", sequence=number), trust, run=f"r{number}")
            ledger.note_pixels(f"r{number}", [])
            assert not any("count(*)" in statement for statement in asked)
        asked.clear()
    assert set(beside[1:]) == {beside[-1]}


def test_an_entry_is_dated_when_it_is_written(
    keys: dict[str, PrivateKey],
    signed: Sign,
    trust: TrustStore,
    tmp_path: Path,
) -> None:
    """An audit takes hours, and its report is not issued at the moment at which the ledger was opened."""
    hours: list[datetime] = []

    def clock() -> datetime:
        hours.append(NOW + timedelta(hours=len(hours)))
        return hours[-1]

    with Ledger(
        tmp_path / "ledger", key=keys["auditor"], keys=CheckpointKeys.of_auditors(trust), clock=clock
    ) as ledger:
        ledger.admit(signed("one", sequence=1), trust, run="r1")
        (before,) = ledger.note_pixels("r1", [("a.tif", "a" * 64)])
        (again,) = ledger.note_pixels("r1", [("b.tif", "a" * 64)])
        ledger.issue("r1", "b" * 64)
    entries = verify_ledger(tmp_path / "ledger", keys=CheckpointKeys.of_auditors(trust)).entries
    assert [entry.time for entry in entries] == [NOW + timedelta(hours=n) for n in range(5)]
    assert before is None
    assert again is not None
    assert again.time == NOW + timedelta(hours=2)
