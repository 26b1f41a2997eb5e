"""The ledger: an append-only, signed log of the batches that were admitted and the reports that were issued.

Goals: no batch, nonce or sequence is admitted twice without a reason; an image is recognised by its pixels under any
name; committed entries survive a crash; an edit, a truncation or an older copy contradicts a signed checkpoint. Two
processes may share a ledger.
Not-goals: secrecy, findings (they are in reports), and protection against whoever removes the ledger together with all
its checkpoints and reports. On a network file system SQLite's locks may not hold, so keep it on a local disk.
"""

from fusiondiff_audit.ledger.checkpoints import CheckpointKeys
from fusiondiff_audit.ledger.entries import BatchAdmitted, ImagesDecoded, LedgerCreated, LedgerEntry, ReportIssued
from fusiondiff_audit.ledger.ledger import EarlierImage, Ledger
from fusiondiff_audit.ledger.verify import VerifiedLedger, read_ledger, verify_ledger

__all__ = [
    "BatchAdmitted",
    "CheckpointKeys",
    "EarlierImage",
    "ImagesDecoded",
    "Ledger",
    "LedgerCreated",
    "LedgerEntry",
    "ReportIssued",
    "VerifiedLedger",
    "read_ledger",
    "verify_ledger",
]
