"""Verification of a whole ledger, read-only.

1. The file is an undamaged database with the ledger's tables and nothing else.
2. Entries are numbered without a gap, each in its one form, and begin with the log's name.
3. The marks are exactly those of the entries.
4. No batch was admitted twice without a reason; no run, and no image of a run, occurs twice.
5. Every checkpoint, in the database, beside it or given, is signed by an auditor's key over these entries; the newest
   in the database covers all of them.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fusiondiff_audit.ledger.checkpoints import FOLDER, CheckpointKeys, read_copies, refuse_mismatch
from fusiondiff_audit.ledger.entries import (
    BatchAdmitted,
    ImagesDecoded,
    LedgerCreated,
    LedgerEntry,
    read_entry,
)
from fusiondiff_audit.ledger.store import LEDGER_FILE, Store, ledger_altered, reporting_alterations
from signing import Checkpoint, MerkleTree, Reason, SigningError, leaf_hash


@dataclass(frozen=True, slots=True)
class VerifiedLedger:
    """The content of a ledger that passed verification; `inside` and `outside` count its checkpoints."""

    origin: str
    entries: tuple[LedgerEntry, ...]
    newest: Checkpoint
    note: bytes
    inside: int
    outside: int


def verify_ledger(
    folder: Path, *, keys: CheckpointKeys, external: tuple[tuple[str, bytes], ...] = ()
) -> VerifiedLedger:
    """Return a ledger's content, or refuse it; `external` are checkpoints from elsewhere, such as reports carry."""
    with closing(_open(folder)) as store:
        return _verify(store, folder, keys, external)


def read_ledger(folder: Path) -> tuple[LedgerEntry, ...]:
    """Return the entries of a ledger; only their form is verified."""
    with closing(_open(folder)) as store:
        return tuple(read_entry(data, f"{store.path}: entry {number}") for number, data in store.entries())


def _open(folder: Path) -> Store:
    path = folder / LEDGER_FILE
    if not os.path.isfile(path):
        what = "holds checkpoints, but no ledger" if os.path.isdir(folder / FOLDER) else "holds no ledger"
        raise SigningError(Reason.MISSING_FILE, f"{folder}: {what}: {LEDGER_FILE} is not there")
    return Store(path, writable=False)


def _verify(
    store: Store, folder: Path, keys: CheckpointKeys, external: tuple[tuple[str, bytes], ...]
) -> VerifiedLedger:
    store.refuse_damage()  # 1
    tree, entries, marks = MerkleTree(), [], list[tuple[str, int]]()
    for number, (entry, data) in enumerate(store.checked_entries()):  # 2
        tree.extend([leaf_hash(data)])
        entries.append(entry)
        marks += ((mark, number) for mark in entry.marks())
    if not entries or not isinstance(entries[0], LedgerCreated):
        raise ledger_altered(store.path, "holds no entries")
    if sorted(marks) != list(store.marks()):  # 3
        raise ledger_altered(store.path, "its marks are not those of its entries")
    _refuse_repetition(entries, store.path)  # 4
    origin, newest, inside = entries[0].origin, None, 0
    for size, note in store.checkpoints():  # 5
        with reporting_alterations(store.path):
            checkpoint = keys.open(note, f"checkpoint {size}", origin)
        if checkpoint.size != size:
            raise ledger_altered(store.path, f"checkpoint {size} is over {checkpoint.size} entries")
        refuse_mismatch(tree, checkpoint, f"{store.path}: checkpoint {size}")
        newest, inside = (checkpoint, note), inside + 1
    if newest is None or newest[0].size != len(tree):
        covered = newest[0].size if newest else 0
        raise ledger_altered(store.path, f"{len(tree):,} entries, of which {covered:,} are under a checkpoint")
    outside = 0
    for where, checkpoint in _outside(folder, keys, origin, external):
        refuse_mismatch(tree, checkpoint, where)
        outside += 1
    if not outside:
        raise ledger_altered(folder, f"no checkpoint lies in {FOLDER}")
    return VerifiedLedger(origin, tuple(entries), *newest, inside, outside)


def _outside(
    folder: Path, keys: CheckpointKeys, origin: str, external: tuple[tuple[str, bytes], ...]
) -> Iterator[tuple[object, Checkpoint]]:
    if os.path.isdir(folder / FOLDER):
        yield from read_copies(folder, keys, origin)
    for where, note in external:
        yield where, keys.open(note, where, origin)


def _refuse_repetition(entries: list[LedgerEntry], where: Path) -> None:
    admitted = [entry for entry in entries if isinstance(entry, BatchAdmitted)]
    earlier: set[str] = set()
    for entry in admitted:
        marks = {*entry.replay_marks()}
        if entry.again is None and marks & earlier:
            raise ledger_altered(where, f"a batch was admitted again to run {entry.run}, without a reason")
        earlier |= marks
    runs = {entry.run for entry in admitted}
    images = [(e.run, image.name) for e in entries if isinstance(e, ImagesDecoded) for image in e.images]
    if len(runs) != len(admitted) or any(count > 1 for count in Counter(images).values()):
        raise ledger_altered(where, "a run, or an image of a run, has two entries")
    if {run for run, _ in images} - runs:
        raise ledger_altered(where, "images of a run to which no batch was admitted")
