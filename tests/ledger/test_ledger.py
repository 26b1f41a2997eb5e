"""The ledger's rules, and the refusal of altered ledgers."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import signing
from fusiondiff_audit.errors import AuditError, AuditReason
from fusiondiff_audit.ledger import (
    BatchAdmitted,
    CheckpointKeys,
    EarlierImage,
    ImagesDecoded,
    Ledger,
    LedgerCreated,
    ReportIssued,
    read_ledger,
    verify_ledger,
)
from fusiondiff_audit.ledger.entries import DecodedImage, read_entry
from fusiondiff_audit.ledger.store import LEDGER_FILE, Store
from signing import PrivateKey, Reason, SigningError, TrustStore
from tests.conftest import NOW, entry
from tests.ledger.conftest import A, Sign, shell
from tests.ledger.racing import BATCHES

ROOT = Path(__file__).parents[2]
B, C = "b" * 64, "c" * 64


def test_a_batch_is_admitted_once_and_to_the_same_run_again(
    ledger_of: Callable[..., Ledger], signed: Sign, trust: TrustStore, tmp_path: Path
) -> None:
    batch = signed("one", sequence=7)
    with ledger_of() as ledger:
        admitted = ledger.admit(batch, trust, run="r1")
        assert not admitted.out_of_order
        assert admitted.files == tuple((f.name, f.sha256) for f in batch.manifest.files)
    with ledger_of() as ledger:
        assert ledger.admit(batch, trust, run="r1") == admitted
        assert len(read_ledger(tmp_path / "ledger")) == 2
        with pytest.raises(AuditError, match="this manifest was admitted") as caught:
            ledger.admit(batch, trust, run="r2")
        assert caught.value.reason is AuditReason.REPLAYED
        anew = ledger.admit(batch, trust, run="r2", again="the disk with the first report broke")
        assert anew.again == "the disk with the first report broke"
        with pytest.raises(SigningError, match="another batch"):
            ledger.admit(signed("two", sequence=8), trust, run="r1")


def test_a_nonce_or_a_sequence_of_a_device_is_used_once(
    ledger_of: Callable[..., Ledger], signed: Sign, trust: TrustStore, tmp_path: Path
) -> None:
    with ledger_of() as ledger:
        first = signed("one", sequence=7)
        ledger.admit(first, trust, run="r1")
        same = signed("two", sequence=7)
        with pytest.raises(AuditError, match="sequence 7 of its device"):
            ledger.admit(same, trust, run="r2")
        nonce = replace(
            signed("three", sequence=8), manifest=replace(same.manifest, sequence=8, nonce=first.manifest.nonce)
        )
        with pytest.raises(AuditError, match="the nonce"):
            ledger.admit(nonce, trust, run="r3")
        other = replace(same, signer=replace(same.signer, keyid=B))
        assert not ledger.admit(other, trust, run="r4").out_of_order  # each device counts for itself
        assert not ledger.admit(signed("four", sequence=100), trust, run="r5").out_of_order
        assert ledger.admit(signed("five", sequence=9), trust, run="r6").out_of_order
    assert len(read_ledger(tmp_path / "ledger")) == 5


def test_the_same_pixels_are_recognised_under_any_name(
    ledger_of: Callable[..., Ledger], signed: Sign, trust: TrustStore, tmp_path: Path
) -> None:
    with ledger_of() as ledger:
        ledger.admit(signed("one", sequence=1), trust, run="r1")
        ledger.admit(signed("two", sequence=2), trust, run="r2")
        first = EarlierImage("r1", "x.tif", NOW)
        assert ledger.note_pixels("r1", [("x.tif", A), ("y.tif", B), ("z.tif", A)]) == [None, None, first]
        assert ledger.note_pixels("r2", [("x.tif", C), ("q.tif", A), ("y.tif", B)]) == [
            None, first, EarlierImage("r1", "y.tif", NOW),
        ]  # fmt: skip
        entries = read_ledger(tmp_path / "ledger")
        assert ledger.note_pixels("r1", [("z.tif", A), ("x.tif", A)]) == [first, None]  # resumed: as it was decided
        assert ledger.note_pixels("r2", [("q.tif", A)]) == [first]
        assert read_ledger(tmp_path / "ledger") == entries
        with pytest.raises(AuditError, match="other pixels"):
            ledger.note_pixels("r1", [("x.tif", B)])
        with pytest.raises(SigningError, match="no batch was admitted to run 'r9'"):
            ledger.note_pixels("r9", [("x.tif", B)])


def test_a_trust_store_older_than_one_used_before_is_refused(
    ledger_of: Callable[..., Ledger], signed: Sign, trust: TrustStore, keys: dict[str, PrivateKey]
) -> None:
    newer = signing.propose_entry(trust, entry(keys["thief"], signing.Role.DEVICE, "sem-2"), issued=NOW)
    store = newer.cosigned((keys["root"],)).complete(NOW)
    with ledger_of() as ledger:
        ledger.admit(signed("one", sequence=1), store, run="r1")
        two = signed("two", sequence=2)
        with pytest.raises(SigningError, match="version 1, a run of this ledger used version 2") as caught:
            ledger.admit(two, trust, run="r2")
        assert caught.value.reason is Reason.ROLLBACK
        assert ledger.admit(two, store, run="r2").version == 2
        with pytest.raises(
            SigningError, match="version 1, a run of this ledger used version 2"
        ):  # nor to go on with a run
            ledger.admit(two, trust, run="r2")


ENTRIES = (
    LedgerCreated(NOW, "fusiondiff-audit/ledger/x"),
    BatchAdmitted(NOW, "r", A, B, "0" * 32, 2**63 - 1, True, None, C, 1, (("a.tif", A),)),
    BatchAdmitted(NOW, "r", A, B, "0" * 32, 0, False, "because", C, 1, (("a.tif", A), ("ü.tif", B))),
    ImagesDecoded(NOW, "r", (DecodedImage("a.tif", A, None), DecodedImage("b.tif", A, ("r", "a.tif")))),
    ReportIssued(NOW, "r", A),
)


def test_an_entry_of_the_longest_names_can_be_read_back() -> None:
    """Names of commas alone: an entry that is written and cannot be read would stop the ledger for ever."""
    names = tuple((f"{number:04d}{',' * 900}.tif", A) for number in range(1000))
    named = BatchAdmitted(NOW, "r", A, B, "0" * 32, 1, False, None, C, 1, names)
    assert read_entry(named.to_bytes(), "x") == named


@pytest.mark.parametrize("original", ENTRIES, ids=str)
def test_entries_are_read_as_they_were_written(
    original: LedgerCreated | BatchAdmitted | ImagesDecoded | ReportIssued,
) -> None:
    data = original.to_bytes()
    assert read_entry(data, "x") == original
    for changed in (data[:-1], data + b" ", data.replace(b":", b": ", 1), data.replace(b"2026", b"20x6"), b"{}"):
        with pytest.raises(SigningError):
            read_entry(changed, "x")


def test_an_unaltered_ledger_verifies(kept: Path, trust: TrustStore) -> None:
    verified = verify_ledger(kept, keys=CheckpointKeys.of_auditors(trust))
    assert [type(e) for e in verified.entries] == [
        LedgerCreated,
        BatchAdmitted,
        ImagesDecoded,
        ReportIssued,
        BatchAdmitted,
        ImagesDecoded,
        ReportIssued,
    ]
    assert (verified.newest.size, verified.inside) == (7, 7)
    assert verified.outside == 5  # not those between pixels and report


EDITS = {
    "a reason added": 'UPDATE entries SET entry = CAST(replace(CAST(entry AS TEXT), \'"again":null\', \'"again":"x"\')'
    " AS BLOB) WHERE number = 4",
    "an entry gone": "DELETE FROM entries WHERE number = 3",
    "the last entry gone": "DELETE FROM entries WHERE number = 6; DELETE FROM marks WHERE number = 6",
    "entries exchanged": "UPDATE entries SET number = 99 WHERE number = 1; UPDATE entries SET number = 1 WHERE"
    " number = 4; UPDATE entries SET number = 4 WHERE number = 99",
    "an entry added": "INSERT INTO entries SELECT 7, entry FROM entries WHERE number = 6;"
    "INSERT INTO marks SELECT mark, 7 FROM marks WHERE number = 6",
    "a mark gone": "DELETE FROM marks WHERE mark LIKE 'pixels %'",
    "a mark added": "INSERT INTO marks VALUES ('payload x', 1)",
    "a mark renamed": "UPDATE marks SET mark = 'payload x' WHERE mark LIKE 'payload %' AND number = 1",
    "a trigger replaced": "CREATE TRIGGER entries_stay_UPDATE BEFORE UPDATE ON entries BEGIN SELECT 1; END",
    "an index added": "CREATE INDEX sorted ON marks (number)",
    "a table added": "CREATE TABLE more (x, y AS (x || x))",
    "marks moved": "UPDATE marks SET number = 4 WHERE mark = 'run r1'",
    "all checkpoints gone": "DELETE FROM checkpoints",
    "the newest checkpoint gone": "DELETE FROM checkpoints WHERE size = 7",
    "an old checkpoint changed": "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 5)"
    " WHERE size = 3",
    "a view added": "CREATE VIEW spy AS SELECT * FROM entries",
    "a trigger added": "CREATE TRIGGER x AFTER INSERT ON entries BEGIN DELETE FROM marks; END",
    "a trigger added under a name like SQLite's own": "CREATE TRIGGER sqliteXautoindexX1 BEFORE INSERT ON marks "
    "BEGIN SELECT RAISE(IGNORE); END",
    "the log renamed": "UPDATE entries SET entry = CAST(replace(CAST(entry AS TEXT), 'ledger/', 'led ger/') AS BLOB)"
    " WHERE number = 0",
    "the first entry junk": "UPDATE entries SET entry = CAST('junk' AS BLOB) WHERE number = 0",
    "a checkpoint junk": "UPDATE checkpoints SET note = CAST('junk' AS BLOB) WHERE size = 7",
    "checkpoints alone": "DELETE FROM entries; DELETE FROM marks",
    "text for bytes": "UPDATE entries SET entry = CAST(entry AS TEXT) WHERE number = 2",
    "everything emptied": "DELETE FROM entries; DELETE FROM marks; DELETE FROM checkpoints",
    "a consistent cut": "DELETE FROM entries WHERE number > 3; DELETE FROM marks WHERE number > 3;"
    "DELETE FROM checkpoints WHERE size > 4",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_with_the_shell_is_refused_by_verification(edit: str, kept: Path, trust: TrustStore) -> None:
    shell(kept, EDITS[edit])
    with pytest.raises((AuditError, SigningError)) as caught:
        verify_ledger(kept, keys=CheckpointKeys.of_auditors(trust))
    assert getattr(caught.value, "reason", None) in (AuditReason.LEDGER_ALTERED, Reason.UNKNOWN_KEY)


NOT_AT_ONCE = {"an old checkpoint changed"}  # which lets no replay pass


@pytest.mark.parametrize("edit", [e for e in EDITS if e not in NOT_AT_ONCE])
def test_most_edits_are_refused_when_the_ledger_is_opened(
    edit: str, kept: Path, ledger_of: Callable[..., Ledger]
) -> None:
    shell(kept, EDITS[edit])
    with pytest.raises((AuditError, SigningError)) as caught:
        ledger_of()
    assert getattr(caught.value, "reason", None) in (AuditReason.LEDGER_ALTERED, Reason.UNKNOWN_KEY)


def test_text_that_is_not_utf8_is_an_altered_ledger(kept: Path, trust: TrustStore) -> None:
    data = (kept / LEDGER_FILE).read_bytes()
    for old in (b"CREATE TABLE entries", b"payload "):
        assert old in data
        (kept / LEDGER_FILE).write_bytes(data.replace(old, old[:-3] + b"\xff" + old[-2:]))
        with pytest.raises(AuditError) as caught:
            verify_ledger(kept, keys=CheckpointKeys.of_auditors(trust))
        assert caught.value.reason is AuditReason.LEDGER_ALTERED


def test_a_folder_of_checkpoints_that_cannot_be_listed_is_refused(kept: Path, trust: TrustStore) -> None:
    shutil.rmtree(kept / "checkpoints")
    (kept / "checkpoints").write_text("a file")
    with pytest.raises((AuditError, SigningError)) as caught:
        verify_ledger(kept, keys=CheckpointKeys.of_auditors(trust))
    assert getattr(caught.value, "reason", None) is AuditReason.LEDGER_ALTERED


def test_triggers_stop_a_careless_edit(kept: Path) -> None:
    db = sqlite3.connect(kept / LEDGER_FILE)
    for table in ("entries", "marks", "checkpoints"):
        with pytest.raises(sqlite3.IntegrityError, match="only grows"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608
    db.close()


def test_an_older_copy_of_the_database_is_refused(
    kept: Path, trust: TrustStore, ledger_of: Callable[..., Ledger]
) -> None:
    for file in kept.glob("ledger.sqlite*"):
        file.unlink()
    shutil.copy(kept.parent / "older" / LEDGER_FILE, kept / LEDGER_FILE)
    with pytest.raises(AuditError, match="signed over 7 entries, and only 4 are here") as caught:
        verify_ledger(kept, keys=CheckpointKeys.of_auditors(trust))
    assert caught.value.reason is AuditReason.LEDGER_ALTERED
    with pytest.raises(AuditError, match="only 4 are here"):
        ledger_of()


def test_an_older_copy_of_the_folder_contradicts_any_newer_checkpoint(kept: Path, trust: TrustStore) -> None:
    keys = CheckpointKeys.of_auditors(trust)
    note = verify_ledger(kept, keys=keys).note
    older = kept.parent / "older"
    assert verify_ledger(older, keys=keys).newest.size == 4
    with pytest.raises(AuditError, match="signed over 7 entries, and only 4 are here"):
        verify_ledger(older, keys=keys, external=(("report.json", note),))
    older_note = verify_ledger(older, keys=keys).note
    assert verify_ledger(kept, keys=keys, external=(("report.json", older_note),)).outside == 6


def test_a_truncated_and_a_missing_database_are_refused(
    kept: Path, trust: TrustStore, ledger_of: Callable[..., Ledger]
) -> None:
    keys = CheckpointKeys.of_auditors(trust)
    data = (kept / LEDGER_FILE).read_bytes()
    for length in (len(data) - 4096, len(data) // 2, 4096, 100, 0):
        (kept / LEDGER_FILE).write_bytes(data[:length])
        with pytest.raises((AuditError, SigningError)):
            verify_ledger(kept, keys=keys)
    with pytest.raises((AuditError, SigningError)):
        ledger_of()  # an emptied file is no new ledger
    (kept / LEDGER_FILE).unlink()
    with pytest.raises(SigningError, match="holds checkpoints, but no ledger"):
        verify_ledger(kept, keys=keys)
    with pytest.raises(AuditError, match="checkpoints without"):
        ledger_of()


def test_checkpoints_by_unknown_keys_are_refused(
    kept: Path, trust: TrustStore, keys: dict[str, PrivateKey], ledger_of: Callable[..., Ledger]
) -> None:
    with pytest.raises(SigningError, match="not signed by a known auditor") as caught:
        verify_ledger(kept, keys=CheckpointKeys((keys["thief"].public,)))
    assert caught.value.reason is Reason.UNKNOWN_KEY
    with ledger_of(key="thief"):  # another key may sign further changes, but cannot hide whose it is
        assert len(read_ledger(kept)) == 7
    with ledger_of("thieves", key="thief"):
        pass
    shutil.copy(next((kept.parent / "thieves" / "checkpoints").iterdir()), kept / "checkpoints" / "000000000002.note")
    with pytest.raises(SigningError, match="not signed by a known auditor"):
        verify_ledger(kept, keys=CheckpointKeys.of_auditors(trust))


def test_checkpoints_by_a_compromised_auditor_are_refused(kept: Path, trust: TrustStore) -> None:
    def with_auditor(why: signing.RevocationReason) -> CheckpointKeys:
        revoked = signing.Revocation(NOW, why)
        entries = trust.root.entries
        changed = tuple(replace(e, revoked=revoked) if e.role is signing.Role.AUDITOR else e for e in entries)
        return CheckpointKeys.of_auditors(replace(trust, roots=(replace(trust.root, entries=changed),)))

    assert verify_ledger(kept, keys=with_auditor(signing.RevocationReason.RETIRED)).newest.size == 7
    with pytest.raises(SigningError, match="not signed by a known auditor") as caught:
        verify_ledger(kept, keys=with_auditor(signing.RevocationReason.COMPROMISED))
    assert caught.value.reason is Reason.UNKNOWN_KEY


def test_a_checkpoint_left_uncopied_by_a_crash_is_copied_later(
    kept: Path, trust: TrustStore, ledger_of: Callable[..., Ledger]
) -> None:
    newest = max((kept / "checkpoints").iterdir())
    data = newest.read_bytes()
    newest.unlink()
    assert verify_ledger(kept, keys=CheckpointKeys.of_auditors(trust)).outside == 4
    with ledger_of():
        assert newest.read_bytes() == data


def test_a_batch_is_admitted_to_one_of_two_processes(tmp_path: Path) -> None:
    """Both at once, several times, beginning with no ledger at all."""
    racing = (sys.executable, "-m", "tests.ledger.racing")
    setup = subprocess.run([*racing, "setup", tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert setup.returncode == 0, setup.stderr
    racers = [subprocess.Popen([*racing, name, tmp_path], stdout=subprocess.PIPE, text=True, cwd=ROOT) for name in "xy"]
    outputs = [racer.communicate(timeout=100)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert [sorted(pair) for pair in zip(*outputs, strict=True)] == [["admitted", "replayed"]] * BATCHES
    trust = signing.load_trust(tmp_path / "trust.json", at=NOW + timedelta(seconds=1))
    verified = verify_ledger(tmp_path / "ledger", keys=CheckpointKeys.of_auditors(trust))
    assert len(verified.entries) == 1 + BATCHES


def test_a_ledger_created_by_many_threads_at_once_opens_in_each(tmp_path: Path) -> None:
    begin = threading.Barrier(8)

    def create(path: Path) -> str:
        begin.wait()
        Store(path, create=True).close()
        return "created"

    with ThreadPoolExecutor(8) as pool:
        for turn in range(10):
            assert list(pool.map(create, [tmp_path / f"{turn}.sqlite"] * 8)) == ["created"] * 8
