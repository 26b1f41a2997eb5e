"""The log under a ledger: numbered entries, and after every change a signed checkpoint over all of them."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fusiondiff_audit.ledger.checkpoints import (
    FOLDER,
    CheckpointKeys,
    copy_names,
    read_copies,
    refuse_mismatch,
    write_copy,
)
from fusiondiff_audit.ledger.entries import LedgerCreated, LedgerEntry
from fusiondiff_audit.ledger.store import LEDGER_FILE, Store, ledger_altered, reporting_alterations
from signing import (
    Checkpoint,
    MerkleTree,
    PrivateKey,
    Reason,
    SigningError,
    leaf_hash,
    sign_checkpoint,
    verify_inclusion,
)

ORIGIN = "fusiondiff-audit/ledger/"
_NEWEST = 8  # copies of checkpoints that are compared whenever a log is opened; `verify_ledger` compares all


class Log:
    """An open log; one key signs every change.

    Marks are not signed: they are compared with the entries whenever another process has changed the file. An entry is
    compared with its leaf in the tree whenever it is read.
    """

    def __init__(self, folder: Path, *, key: PrivateKey, keys: CheckpointKeys, clock: Callable[[], datetime]) -> None:
        """Open a log, or create one where there is none; an altered log is refused."""
        _prepare(folder)
        self._folder, self._key = folder, key
        self._keys = keys.with_key(key.public)
        self._reset()
        self.store = Store(folder / LEDGER_FILE, create=True)
        try:
            with self.changing() as add:
                if len(self._tree):
                    self._refuse_other_copies()  # under the lock, so that no other process adds entries meanwhile
                else:
                    self._refuse_lost_entries()
                    self._origin = f"{ORIGIN}{secrets.token_hex(16)}"
                    add(LedgerCreated(clock(), self._origin))
            self.copy_newest()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    @property
    def where(self) -> Path:
        """Return the file, for messages."""
        return self.store.path

    @property
    def checkpoint(self) -> bytes:
        """Return the newest checkpoint."""
        newest = self.store.newest_checkpoint()
        if newest is None:
            raise ledger_altered(self.where, "entries without a checkpoint")
        return newest[1]

    def copy_newest(self) -> None:
        """Copy the newest checkpoint to the folder of copies, if it is not there."""
        if newest := self.store.newest_checkpoint():
            write_copy(self._folder, *newest)

    def entry(self, number: int) -> bytes:
        """Return an entry's bytes; an entry that the newest checkpoint does not cover is refused."""
        data = self.store.entry(number)
        size, where = len(self._tree), f"{self.where}: entry {number}"
        if number >= size:
            raise ledger_altered(self.where, f"entry {number} is marked, and there are {size:,}")
        try:
            verify_inclusion(leaf_hash(data), number, size, self._tree.inclusion(number), self._tree.root(), where)
        except SigningError as e:
            raise ledger_altered(self.where, f"entry {number} is not the one that was signed") from e
        return data

    @contextmanager
    def changing(self) -> Iterator[Callable[[LedgerEntry], None]]:
        """Yield a function that adds entries in one transaction, which ends in a signed checkpoint."""
        leaves: list[bytes] = []

        def add(entry: LedgerEntry) -> None:
            leaves.append(leaf_hash(self.store.add(len(self._tree) + len(leaves), entry)))
            self._marks += len({*entry.marks()})

        try:
            with self.store.writing():
                self._catch_up()
                yield add
                if leaves:
                    self._tree.extend(leaves)
                    checkpoint = Checkpoint(self._origin, len(self._tree), self._tree.root())
                    self.store.add_checkpoint(checkpoint.size, sign_checkpoint(checkpoint, self._key))
        except BaseException:
            self._reset()
            raise

    def _reset(self) -> None:
        """Forget the file's content, so that all of it is read at the next change."""
        self._tree, self._origin = MerkleTree(), ""
        # how many marks the entries have, and the version of the file in which the marks were counted
        self._marks, self._version = 0, -1

    def _refuse_other_copies(self) -> None:
        """Refuse copies of checkpoints of another log, and a log whose copies are all gone."""
        copies = list(read_copies(self._folder, self._keys, self._origin, newest=_NEWEST))
        for path, checkpoint in copies:
            refuse_mismatch(self._tree, checkpoint, path)
        if not copies and len(self._tree) > 1:  # a crash can prevent the first copy alone
            raise ledger_altered(self._folder / FOLDER, f"holds no checkpoint of {len(self._tree):,} entries")

    def _refuse_lost_entries(self) -> None:
        """Refuse a file without entries beside copies of checkpoints."""
        if copy_names(self._folder):
            raise ledger_altered(self._folder, f"checkpoints, and a {LEDGER_FILE} without entries")

    def _catch_up(self) -> None:
        """Read the entries that other processes added, and refuse entries that the newest checkpoint does not cover."""
        for entry, data in self.store.checked_entries(start=len(self._tree)):
            if isinstance(entry, LedgerCreated):
                self._origin = entry.origin
            number, marks = len(self._tree), {*entry.marks()}
            for mark in marks:  # marks are not signed, and replays are found by them
                if not self.store.marked(mark, number):
                    raise ledger_altered(self.where, f"entry {number} cannot be found as {mark[:100]!a}")
            self._marks += len(marks)
            self._tree.extend([leaf_hash(data)])
        self._refuse_other_marks()
        if newest := self.store.newest_checkpoint():
            if not len(self._tree):
                raise ledger_altered(self.where, "a checkpoint without entries")
            with reporting_alterations(self.where):
                checkpoint = self._keys.open(newest[1], f"checkpoint {newest[0]}", self._origin)
            refuse_mismatch(self._tree, checkpoint, self.where, whole=True)
        elif len(self._tree):
            raise ledger_altered(self.where, "entries without a checkpoint")

    def _refuse_other_marks(self) -> None:
        """Refuse marks that no entry has: every mark of an entry is there, so equal counts leave no other mark."""
        version = self.store.version()
        if version != self._version and (count := self.store.count_marks()) != self._marks:
            raise ledger_altered(self.where, f"holds {count:,} marks, its entries have {self._marks:,}")
        self._version = version


def _prepare(folder: Path) -> None:
    """Make the folders of a new log; an existing log without its file or its folder of copies is refused."""
    if copy_names(folder) and not os.path.lexists(folder / LEDGER_FILE):
        raise ledger_altered(folder, f"checkpoints without {LEDGER_FILE}")
    if os.path.lexists(folder / LEDGER_FILE) and not os.path.isdir(folder / FOLDER):
        raise ledger_altered(folder, f"{LEDGER_FILE} without {FOLDER}")
    try:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise SigningError(Reason.CANNOT_WRITE, f"{folder}: {(e.strerror or str(e)).lower()}") from e
