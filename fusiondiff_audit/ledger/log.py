"""The log under a ledger: entries in a row, and after every change a checkpoint over all of them."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from fusiondiff_audit.ledger.checkpoints import FOLDER, Keys, read_outside, refuse_other, write_outside
from fusiondiff_audit.ledger.entries import Entry, Founded, read_entry
from fusiondiff_audit.ledger.store import NAME, Store, altered, content
from signing import Checkpoint, PrivateKey, Reason, SigningError, Tree, leaf_hash, sign_checkpoint

ORIGIN = "fusiondiff-audit/ledger/"
_NEWEST = 8  # checkpoints outside that are looked at whenever a log is opened; `verify` looks at all


class Log:
    """An open log; one key signs every change."""

    def __init__(self, folder: Path, *, key: PrivateKey, keys: Keys, now: datetime) -> None:
        """Open a log, or found one where there is none, and refuse one that is not what it was."""
        fresh = not os.path.lexists(folder / NAME)
        if fresh and os.path.isdir(folder / FOLDER) and os.listdir(folder / FOLDER):
            raise altered(folder, f"checkpoints without {NAME}")
        try:
            (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise SigningError(Reason.CANNOT_WRITE, f"{folder}: {(e.strerror or str(e)).lower()}") from e
        self._folder, self._key, self._tree, self._origin = folder, key, Tree(), ""
        self._keys = keys.with_key(key.public)
        self.store = Store(folder / NAME, create=True)
        try:
            with self.changing() as add:
                if not len(self._tree):
                    self._origin = f"{ORIGIN}{secrets.token_hex(16)}"
                    add(Founded(now, self._origin))
            for path, checkpoint in read_outside(folder, self._keys, self._origin, newest=_NEWEST):
                refuse_other(self._tree, checkpoint, path)
            self.copy_newest()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; the newest checkpoint lies outside."""
        self.store.close()

    def __len__(self) -> int:
        return len(self._tree)

    @property
    def where(self) -> Path:
        """Return the file, for messages."""
        return self.store.path

    @property
    def checkpoint(self) -> bytes:
        """Return the newest checkpoint."""
        found = self.store.newest_checkpoint()
        if found is None:
            raise altered(self.where, "entries without a checkpoint")
        return found[1]

    def copy_newest(self) -> None:
        """Lay the newest checkpoint outside the database, also one that a crash kept from it."""
        if newest := self.store.newest_checkpoint():
            write_outside(self._folder, *newest)

    @contextmanager
    def changing(self) -> Iterator[Callable[[Entry], None]]:
        """Hold the turn, and end what is added in a signed checkpoint."""
        leaves: list[bytes] = []

        def add(entry: Entry) -> None:
            leaves.append(leaf_hash(self.store.add(len(self._tree) + len(leaves), entry)))

        try:
            with self.store.writing():
                self._catch_up()
                yield add
                if leaves:
                    self._tree.extend(leaves)
                    checkpoint = Checkpoint(self._origin, len(self._tree), self._tree.root())
                    self.store.add_checkpoint(checkpoint.size, sign_checkpoint(checkpoint, self._key))
        except BaseException:
            self._tree = Tree()  # of what is in the file, when it is next looked at
            raise

    def _catch_up(self) -> None:
        """Read what other processes have added; all of it is under the newest checkpoint, or this is not our file."""
        for number, data in self.store.entries(start=len(self._tree)):
            if number != len(self._tree):
                raise altered(self.where, f"entry {len(self._tree)} is missing")
            with content(self.where):
                entry = read_entry(data, f"entry {number}")
            if isinstance(entry, Founded) is not (number == 0):
                raise altered(self.where, f"entry {number}: the first entry, and no other, names the log")
            if isinstance(entry, Founded):
                self._origin = entry.origin
            for mark in entry.marks():  # nothing signs them, and a replay is found by them
                if not self.store.marked(mark, number):
                    raise altered(self.where, f"entry {number} cannot be found as {mark[:100]!a}")
            self._tree.extend([leaf_hash(data)])
        if newest := self.store.newest_checkpoint():
            if not len(self._tree):
                raise altered(self.where, "a checkpoint without entries")
            with content(self.where):
                checkpoint = self._keys.open(newest[1], f"checkpoint {newest[0]}", self._origin)
            refuse_other(self._tree, checkpoint, self.where, whole=True)
        elif len(self._tree):
            raise altered(self.where, "entries without a checkpoint")
