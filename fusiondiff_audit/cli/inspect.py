"""The verb `inspect`."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, count, say, size, table
from fusiondiff_audit.cli.exits import Exit, worst
from fusiondiff_audit.cli.failure import exit_code
from fusiondiff_audit.cli.options import PATH, trust_data, trust_options
from fusiondiff_audit.cli.progress import watched


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@answering()
@trust_options
def command(folder: Path, trust: signing.TrustStore) -> Answer:
    """Open a signed folder and check every file in it.

    Who signed, whether the trust store vouches for that key, and for each file whether it is the one that was signed.
    Nothing is classified or recorded.

    \b
    fusiondiff-audit inspect micrographs --trust trust.json --root sha256:...
    """
    batch = signing.open_batch(folder, trust=trust, roles=(signing.Role.DEVICE, signing.Role.LABELLER))
    rows: list[tuple[str, ...]] = [("file", "kind", "specimen", "pixel", "size", "state")]
    files: list[dict[str, Any]] = []
    refused: list[signing.RefusedFile] = []
    entries = {entry.name: entry for entry in batch.manifest.files}
    for file in watched(batch.files(), what="checking", total=len(entries)):
        state = "genuine"
        if isinstance(file, signing.RefusedFile):
            refused.append(file)
            state = file.reason.value
        rows.append((*_describe(file.name, entries.get(file.name)), state))
        files.append(_file_data(file))
    for file in refused:
        say(f"{file.reason}: {file.message}")
        if file.hint:
            say(f"hint: {file.hint}")
    data = {"trust": trust_data(trust), "batch": _batch_data(batch), "files": files}
    code = worst([Exit.DONE, *(exit_code(f.reason) for f in refused)])
    text = f"{_head(batch)}\n\n{table(rows)}\n"
    if refused:
        counts = ", ".join(f"{n} {reason}" for reason, n in Counter(f.reason.value for f in refused).most_common())
        genuine = len(files) - len(refused)
        return Answer("REFUSED", f"{count(len(refused), 'file')}: {counts}; {genuine} genuine", text, data, code)
    return Answer("PASSED", f"{count(len(files), 'file')} genuine, none missing, none added", text, data)


def _head(batch: signing.Batch) -> str:
    manifest, signer = batch.manifest, batch.signer
    proof = "proven by a timestamp" if signer.proven else "claimed, not proven"
    rows = [
        ("signed by", f"{signer.principal} ({signer.role}), key sha256:{signer.keyid}"),
        ("signed at", f"{signing.write_time(signer.time)} ({proof})"),
        ("device", manifest.device + (f", {manifest.lab}" if manifest.lab else "")),
        ("captured", f"{signing.write_time(manifest.captured)} (claimed)"),
        ("valid until", signing.write_time(manifest.expires)),
        ("sequence", str(manifest.sequence)),
    ]
    return table(rows)


def _describe(name: str, entry: signing.FileEntry | None) -> tuple[str, ...]:
    shown = name if name.isprintable() else ascii(name)
    if entry is None:
        return (shown, "-", "-", "-", "-")
    return (shown, entry.kind, entry.specimen or "-", str(entry.pixel_size or "-"), size(entry.size))


def _file_data(file: signing.SignedFile | signing.RefusedFile) -> dict[str, Any]:
    if isinstance(file, signing.RefusedFile):
        return {"name": file.name, "state": "refused", "reason": file.reason.value, "message": file.message}
    entry = file.entry
    return {
        "name": file.name,
        "state": "genuine",
        "sha256": file.digest,
        "size": entry.size,
        "kind": entry.kind.value,
        "specimen": entry.specimen,
        "pixelSize": entry.pixel_size and str(entry.pixel_size),
    }


def _batch_data(batch: signing.Batch) -> dict[str, Any]:
    manifest, signer = batch.manifest, batch.signer
    return {
        "folder": str(batch.folder),
        "payload": f"sha256:{batch.digest}",
        "device": manifest.device,
        "lab": manifest.lab,
        "captured": signing.write_time(manifest.captured),
        "expires": signing.write_time(manifest.expires),
        "sequence": manifest.sequence,
        "nonce": manifest.nonce,
        "signer": {
            "keyid": f"sha256:{signer.keyid}",
            "principal": signer.principal,
            "role": signer.role.value,
            "time": signing.write_time(signer.time),
            "timeProven": signer.proven,
        },
    }
