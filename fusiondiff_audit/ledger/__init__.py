"""What was admitted and issued, for ever: an append-only log that cannot forget unnoticed.

Goals: no batch, nonce or sequence twice without a reason; the same image known under any name; whatever was committed
survives a crash; an edit, a cut or an older copy shows against signed checkpoints. Two processes may share a ledger.
Not-goals: secrecy, findings (they are in reports), and protection against whoever removes the ledger together with all
its checkpoints and reports. On a network file system SQLite's locks may not hold, so keep it on a local disk.
"""

from fusiondiff_audit.ledger.checkpoints import CheckpointKeys
from fusiondiff_audit.ledger.entries import BatchAdmitted, ImagesDecoded, LedgerCreated, ReportIssued
from fusiondiff_audit.ledger.ledger import EarlierImage, Ledger
from fusiondiff_audit.ledger.verify import VerifiedLedger, read_ledger, verify_ledger

__all__ = [
    "BatchAdmitted",
    "CheckpointKeys",
    "EarlierImage",
    "ImagesDecoded",
    "Ledger",
    "LedgerCreated",
    "ReportIssued",
    "VerifiedLedger",
    "read_ledger",
    "verify_ledger",
]
