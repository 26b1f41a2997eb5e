"""The verbs of `ledger`: look at what was admitted and issued, check it, and take it elsewhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, Judged, trust_options
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.inputs.folders import make_folder
from fusiondiff_audit.ledger import (
    BatchAdmitted,
    CheckpointKeys,
    ImagesDecoded,
    LedgerCreated,
    ReportIssued,
    VerifiedLedger,
    read_ledger,
    verify_ledger,
)

_SHOWN = 40  # entries; the newest, since those are asked for
_LARGEST = 64 * 1024  # bytes of a checkpoint
_Entry = LedgerCreated | BatchAdmitted | ImagesDecoded | ReportIssued


@click.group()
def command() -> None:
    """Look at what was admitted and issued, and check it.

    `audit --ledger DIR` keeps a ledger: which batches were admitted, which images they held, which reports were
    issued. It only grows, and every change is under a checkpoint that the auditor's key signs. Keep it on a local disk.
    """


@command.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--all", "whole", is_flag=True, help="List every entry, however many there are.")
@answering()
def show(folder: Path, whole: bool) -> Answer:
    """List what a ledger holds; nothing is verified.

    \b
    fusiondiff-audit ledger show ledger
    """
    entries = read_ledger(folder)
    shown = entries if whole else entries[-_SHOWN:]
    first = len(entries) - len(shown)
    rows = [("entry", "time", "what", "run", ""), *(_row(first + i, entry) for i, entry in enumerate(shown))]
    text = table(rows) + (f"\n  and {_entries(first)} before these; --all lists them" if first else "")
    data = {"verified": False, "entries": [json.loads(entry.to_bytes()) for entry in entries]}
    return Answer("DONE", f"{_entries(len(entries))}, not verified: `ledger verify` does that", text, data)


@command.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--checkpoint", "notes", type=PATH, multiple=True, help="A checkpoint that was kept elsewhere.")
@click.option("--report", "reports", type=PATH, multiple=True, help="A report of this ledger; it carries a checkpoint.")
@answering()
@trust_options
def verify(folder: Path, notes: tuple[Path, ...], reports: tuple[Path, ...], trust: Judged) -> Answer:
    """Check that a ledger is what it was: every entry, mark and checkpoint.

    A ledger that was edited, cut short or replaced by an older copy is refused. Where the whole folder was replaced,
    only a newer checkpoint from elsewhere tells: name a report that was issued since with --report, or a checkpoint
    with --checkpoint.

    \b
    fusiondiff-audit ledger verify ledger --trust trust.json --root sha256:... --report out
    fusiondiff-audit ledger verify ledger --trust trust.json --root sha256:... --checkpoint kept/000000000123.note
    """
    at_hand = [(str(path), signing.read_capped(path, limit=_LARGEST)) for path in notes]
    at_hand += [(str(path), _carried(path, trust.store)) for path in reports]
    found = _verify(folder, trust, at_hand)
    sentence = f"{_entries(len(found.entries))}, under {count(found.inside, 'checkpoint')} in the ledger"
    sentence += f" and {found.outside} beside it" + (f", {len(at_hand)} of them named here" if at_hand else "")
    return Answer("PASSED", sentence + trust.remarks(), table(_head(found)), _head_data(found, trust))


@command.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--out", type=PATH, required=True, help="A new folder for entries.jsonl and the newest checkpoint.")
@answering()
@trust_options
def export(folder: Path, out: Path, trust: Judged) -> Answer:
    """Verify a ledger, and write it as text that others can check.

    entries.jsonl has one entry a line; each line without its end is a leaf of an RFC 6962 tree, whose root is the one
    in checkpoint.note.

    \b
    fusiondiff-audit ledger export ledger --trust trust.json --root sha256:... --out exported
    """
    signing.refuse_existing(out)
    found = _verify(folder, trust)
    make_folder(out, new=True)
    signing.create(out / "entries.jsonl", b"".join(entry.to_bytes() + b"\n" for entry in found.entries))
    signing.create(out / "checkpoint.note", found.note)
    data = _head_data(found, trust) | {"out": str(out)}
    return Answer(
        "DONE", f"{_entries(len(found.entries))} written to {out}{trust.remarks()}", table(_head(found)), data
    )


def _verify(folder: Path, trust: Judged, at_hand: Sequence[tuple[str, bytes]] = ()) -> VerifiedLedger:
    return verify_ledger(folder, keys=CheckpointKeys.of_auditors(trust.store), at_hand=tuple(at_hand))


def _carried(path: Path, trust: signing.TrustStore) -> bytes:
    """Return the checkpoint that a genuine report carries."""
    from fusiondiff_audit.audit.repeat import carried_checkpoint
    from reports.verdict.verification import Verification, verify_report

    note = carried_checkpoint(verify_report(path, trust=trust, found=Verification()), trust)
    if note is None:
        what = f"{path}: was issued without a ledger, so it carries no checkpoint"
        raise signing.SigningError(signing.Reason.BAD_REQUEST, what)
    return note


def _head(found: VerifiedLedger) -> list[tuple[str, str]]:
    kinds = {kind: sum(isinstance(e, kind) for e in found.entries) for kind in (BatchAdmitted, ReportIssued)}
    images = sum(len(e.images) for e in found.entries if isinstance(e, ImagesDecoded))
    again = sum(e.again is not None for e in found.entries if isinstance(e, BatchAdmitted))
    return [
        ("log", found.origin),
        ("entries", f"{len(found.entries):,}"),
        ("batches", f"{kinds[BatchAdmitted]:,}{f', {again} of them admitted again' if again else ''}"),
        ("images", f"{images:,}"),
        ("reports", f"{kinds[ReportIssued]:,}"),
        ("root", found.newest.root.hex()),
    ]


def _head_data(found: VerifiedLedger, trust: Judged) -> dict[str, Any]:
    checkpoints = {"inside": found.inside, "outside": found.outside, "newest": found.note.decode("utf-8")}
    return {
        "trust": trust.data(),
        "origin": found.origin,
        "entries": len(found.entries),
        "root": found.newest.root.hex(),
        "checkpoints": checkpoints,
    }


def _row(number: int, entry: _Entry) -> tuple[str, str, str, str, str]:
    time = signing.write_time(entry.time)
    match entry:
        case LedgerCreated():
            return str(number), time, "log", "-", entry.origin
        case BatchAdmitted():
            remarks = [f"sequence {entry.sequence}", count(len(entry.files), "file")]
            remarks += ["out of order"] if entry.out_of_order else []
            remarks += [f"again: {entry.again}"] if entry.again else []
            return str(number), time, "batch", entry.run, ", ".join(remarks)
        case ImagesDecoded():
            known = sum(image.before is not None for image in entry.images)
            remark = f", {known} known before" if known else ""
            return str(number), time, "pixels", entry.run, f"{count(len(entry.images), 'image')}{remark}"
        case ReportIssued():
            return str(number), time, "report", entry.run, f"sha256:{entry.report}"


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"
