"""Signed checkpoints: whose keys count, the copies beside the database, and their comparison with the entries."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fusiondiff_audit.ledger.store import ledger_altered, reporting_alterations
from signing import Checkpoint, MerkleTree, PublicKey, Reason, Role, SigningError, TrustStore, create, open_checkpoint
from signing.files import read_capped
from signing.keys import Algorithm
from signing.notes import MAX_NOTE
from signing.trust_entries import RevocationReason

FOLDER = "checkpoints"
_NAME = re.compile("[0-9]{12}[.]note")


@dataclass(frozen=True, slots=True)
class CheckpointKeys:
    """The public keys whose checkpoints are accepted: auditors' keys of a trust store, or named ones."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def of_auditors(cls, trust: TrustStore) -> "CheckpointKeys":
        """Return the auditors' keys, expired and retired ones included, since a checkpoint states no time."""
        entries = [e for e in trust.root.entries if e.role is Role.AUDITOR]
        trusted = [e for e in entries if e.revoked is None or e.revoked.reason is not RevocationReason.COMPROMISED]
        return cls(tuple(e.public_key() for e in trusted))

    def with_key(self, key: PublicKey) -> "CheckpointKeys":
        return CheckpointKeys((*self.keys, key))

    def open(self, note: bytes, where: str, origin: str) -> Checkpoint:
        """Return a checkpoint of the log `origin` that one of the keys signed; any other is refused."""
        for key in self.keys:
            if key.algorithm is not Algorithm.ED25519:
                continue
            try:
                return open_checkpoint(note, where, origin=origin, key=key)
            except SigningError as e:
                if e.reason is not Reason.NO_SIGNATURE:
                    raise
        hint = "it takes the trust store that lists the auditor who kept this ledger"
        raise SigningError(Reason.UNKNOWN_KEY, f"{where}: not signed by a known auditor's key as {origin!a}", hint=hint)


def write_copy(folder: Path, size: int, note: bytes) -> None:
    """Write a checkpoint beside the database, unless it is there."""
    path = folder / FOLDER / f"{size:012d}.note"
    if not os.path.lexists(path):
        try:
            create(path, note)
        except SigningError as e:
            if e.reason is not Reason.EXISTS:  # another process was faster
                raise


def copy_names(folder: Path) -> list[str]:
    """Return the names of the checkpoints beside the database, the newest first; none where there is no folder."""
    try:
        return sorted((name for name in os.listdir(folder / FOLDER) if _NAME.fullmatch(name)), reverse=True)
    except FileNotFoundError:
        return []
    except OSError as e:
        raise SigningError(Reason.UNREADABLE, f"{folder / FOLDER}: {(e.strerror or str(e)).lower()}") from e


def read_copies(
    folder: Path, keys: CheckpointKeys, origin: str, *, newest: int | None = None
) -> Iterator[tuple[Path, Checkpoint]]:
    """Yield the checkpoints beside the database, the newest first."""
    for name in copy_names(folder)[:newest]:
        path = folder / FOLDER / name
        with reporting_alterations(path):
            checkpoint = keys.open(read_capped(path, limit=MAX_NOTE), str(path), origin)
        yield path, checkpoint


def refuse_mismatch(tree: MerkleTree, checkpoint: Checkpoint, where: object, *, whole: bool = False) -> None:
    """Refuse entries other than those that a checkpoint was signed over; with `whole` it must cover all of them."""
    if checkpoint.size > len(tree):
        raise ledger_altered(where, f"signed over {checkpoint.size:,} entries, and only {len(tree):,} are here")
    if whole and checkpoint.size < len(tree):
        raise ledger_altered(where, f"signed over {checkpoint.size:,} entries, {len(tree):,} are here")
    if tree.root(checkpoint.size) != checkpoint.root:
        raise ledger_altered(where, f"signed over other entries than the first {checkpoint.size:,} that are here")
