"""The verbs of `ledger`: show, verify and export it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, TrustContext, trust_options
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.inputs.folders import make_folder
from fusiondiff_audit.ledger import (
    BatchAdmitted,
    CheckpointKeys,
    ImagesDecoded,
    LedgerCreated,
    LedgerEntry,
    ReportIssued,
    VerifiedLedger,
    read_ledger,
    verify_ledger,
)
from signing.notes import MAX_NOTE

_SHOWN = 40  # entries; the newest, since those are asked for


@click.group()
def command() -> None:
    """Show, verify and export what was admitted and issued.

    `audit --ledger DIR` keeps a ledger: which batches were admitted, which images they held, which reports were
    issued. It only grows, and every change is under a checkpoint that the auditor's key signs. Keep it on a local disk.
    """


@command.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--all", "list_all", is_flag=True, help="List every entry, however many there are.")
@answering()
def show(folder: Path, list_all: bool) -> Answer:
    """List what a ledger holds; nothing is verified.

    \b
    fusiondiff-audit ledger show ledger
    """
    entries = read_ledger(folder)
    shown = entries if list_all else entries[-_SHOWN:]
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
def verify(folder: Path, notes: tuple[Path, ...], reports: tuple[Path, ...], trust: TrustContext) -> Answer:
    """Verify a ledger: every entry, mark and checkpoint.

    A ledger that was edited, cut short or replaced by an older copy is refused. Where the whole folder was replaced,
    only a newer checkpoint from elsewhere tells: name a report that was issued since with --report, or a checkpoint
    with --checkpoint.

    \b
    fusiondiff-audit ledger verify ledger --trust trust.json --root sha256:... --report out
    fusiondiff-audit ledger verify ledger --trust trust.json --root sha256:... --checkpoint kept/000000000123.note
    """
    external = [(str(path), signing.read_capped(path, limit=MAX_NOTE)) for path in notes]
    external += [(str(path), _carried(path, trust.store)) for path in reports]
    verified = _verify(folder, trust, external)
    sentence = f"{_entries(len(verified.entries))}, under {count(verified.inside, 'checkpoint')} in the ledger"
    sentence += f" and {verified.outside} beside it" + (f", {len(external)} of them named here" if external else "")
    return Answer("PASSED", sentence + trust.remarks(), table(_head(verified)), _head_data(verified, trust))


@command.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--out", type=PATH, required=True, help="A new folder for entries.jsonl and the newest checkpoint.")
@answering()
@trust_options
def export(folder: Path, out: Path, trust: TrustContext) -> Answer:
    """Verify a ledger, and write it as text that others can check.

    entries.jsonl has one entry a line; each line without its end is a leaf of an RFC 6962 tree, whose root is the one
    in checkpoint.note.

    \b
    fusiondiff-audit ledger export ledger --trust trust.json --root sha256:... --out exported
    """
    signing.refuse_existing(out)
    verified = _verify(folder, trust)
    make_folder(out, new=True)
    signing.create(out / "entries.jsonl", b"".join(entry.to_bytes() + b"\n" for entry in verified.entries))
    signing.create(out / "checkpoint.note", verified.note)
    data = _head_data(verified, trust) | {"out": str(out)}
    return Answer(
        "DONE", f"{_entries(len(verified.entries))} written to {out}{trust.remarks()}", table(_head(verified)), data
    )


def _verify(folder: Path, trust: TrustContext, external: Sequence[tuple[str, bytes]] = ()) -> VerifiedLedger:
    return verify_ledger(folder, keys=CheckpointKeys.of_auditors(trust.store), external=tuple(external))


def _carried(path: Path, trust: signing.TrustStore) -> bytes:
    """Return the checkpoint that a genuine report carries."""
    from fusiondiff_audit.auditing.repeat import carried_checkpoint
    from reports.verdict.verification import verify_report

    note = carried_checkpoint(verify_report(path, trust=trust), trust)
    if note is None:
        what = f"{path}: was issued without a ledger, so it carries no checkpoint"
        raise signing.SigningError(signing.Reason.BAD_REQUEST, what)
    return note


def _head(verified: VerifiedLedger) -> list[tuple[str, str]]:
    kinds = {kind: sum(isinstance(e, kind) for e in verified.entries) for kind in (BatchAdmitted, ReportIssued)}
    images = sum(len(e.images) for e in verified.entries if isinstance(e, ImagesDecoded))
    again = sum(e.again is not None for e in verified.entries if isinstance(e, BatchAdmitted))
    return [
        ("log", verified.origin),
        ("entries", f"{len(verified.entries):,}"),
        ("batches", f"{kinds[BatchAdmitted]:,}{f', {again} of them admitted again' if again else ''}"),
        ("images", f"{images:,}"),
        ("reports", f"{kinds[ReportIssued]:,}"),
        ("root", verified.newest.root.hex()),
    ]


def _head_data(verified: VerifiedLedger, trust: TrustContext) -> dict[str, Any]:
    checkpoints = {"inside": verified.inside, "outside": verified.outside, "newest": verified.note.decode("utf-8")}
    return {
        "trust": trust.data(),
        "origin": verified.origin,
        "entries": len(verified.entries),
        "root": verified.newest.root.hex(),
        "checkpoints": checkpoints,
    }


def _row(number: int, entry: LedgerEntry) -> tuple[str, str, str, str, str]:
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
            repeated = sum(image.before is not None for image in entry.images)
            remark = f", {repeated} known before" if repeated else ""
            return str(number), time, "pixels", entry.run, f"{count(len(entry.images), 'image')}{remark}"
        case ReportIssued():
            return str(number), time, "report", entry.run, f"sha256:{entry.report}"


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"
