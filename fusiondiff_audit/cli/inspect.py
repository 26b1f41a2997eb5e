"""The verb `inspect`."""

from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, Judged, trust_options
from fusiondiff_audit.cli.progress import watched
from fusiondiff_audit.cli.text import count, size, table
from fusiondiff_audit.cli.verdict import Verdict, signer_data, signer_rows


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--both", is_flag=True, help="Ask for the second, post-quantum signature as well.")
@click.option("--all", "whole", is_flag=True, help="List every genuine file, however many there are.")
@answering()
@trust_options
def command(folder: Path, both: bool, whole: bool, trust: Judged) -> Answer:
    """Open a signed folder and check every file in it.

    Who signed, whether the trust store vouches for that key, and for each file whether it is the one that was signed.
    Nothing is classified or recorded.

    \b
    fusiondiff-audit inspect micrographs --trust trust.json --root sha256:...
    """
    roles = (signing.Role.DEVICE, signing.Role.LABELLER)
    batch = signing.open_batch(folder, trust=trust.store, roles=roles, both=both)
    entries = {entry.name: entry for entry in batch.manifest.files}
    verdict = Verdict()
    for file in watched(batch.files(), what="checking", total=len(entries)):
        entry = entries.get(file.name)
        claims = (entry.kind, entry.specimen or "-", str(entry.pixel_size or "-"), size(entry.size)) if entry else None
        data = _claims(entry) if entry else {}
        if isinstance(file, signing.RefusedFile):
            verdict.refuse(file, claims or ("-",) * 4, data)
        else:
            verdict.pass_(file.name, claims or (), data | {"sha256": file.digest})
    head = table(_head(batch))
    data = {"trust": trust.data(), "batch": _batch_data(batch)}
    passed = f"{count(len(entries), 'file')} genuine, none missing, none added"
    return verdict.answer(passed + trust.remarks(), head, ("kind", "specimen", "pixel", "size"), data, whole=whole)


def _head(batch: signing.Batch) -> list[tuple[str, str]]:
    manifest = batch.manifest
    second = (
        [("and by", f"{batch.second.principal}, ML-DSA-65 key sha256:{batch.second.keyid}")] if batch.second else []
    )
    return [
        *signer_rows(batch.signer),
        *second,
        ("device", f"{manifest.device}{', ' + manifest.lab if manifest.lab else ''} (claimed)"),
        ("captured", f"{signing.write_time(manifest.captured)} (claimed)"),
        ("valid until", signing.write_time(manifest.expires)),
        ("sequence", str(manifest.sequence)),
    ]


def _claims(entry: signing.FileEntry) -> dict[str, Any]:
    return {
        "signedAs": entry.sha256,
        "size": entry.size,
        "kind": entry.kind.value,
        "specimen": entry.specimen,
        "pixelSize": entry.pixel_size and str(entry.pixel_size),
    }


def _batch_data(batch: signing.Batch) -> dict[str, Any]:
    manifest = batch.manifest
    return {
        "folder": str(batch.folder),
        "payload": f"sha256:{batch.digest}",
        "device": manifest.device,
        "lab": manifest.lab,
        "captured": signing.write_time(manifest.captured),
        "expires": signing.write_time(manifest.expires),
        "sequence": manifest.sequence,
        "nonce": manifest.nonce,
        "signer": signer_data(batch.signer),
        "second": batch.second and signer_data(batch.second),
    }
