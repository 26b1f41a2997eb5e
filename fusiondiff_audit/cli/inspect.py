"""The verb `inspect`."""

from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say_some
from fusiondiff_audit.cli.file_checks import FileChecks, Refusal, signer_data, signer_rows
from fusiondiff_audit.cli.options import PATH, TrustContext, trust_options
from fusiondiff_audit.cli.progress import with_progress
from fusiondiff_audit.cli.text import count, size, table
from fusiondiff_audit.extras import require

_REMARKS = 20  # more would push the table off the screen


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--thumbnails", type=PATH, metavar="OUT", help="Write a small PNG of every image into a new folder.")
@click.option("--no-decode", is_flag=True, help="Check the bytes only; needs no image library.")
@click.option("--both", is_flag=True, help="Also require the second, post-quantum signature.")
@click.option("--all", "list_all", is_flag=True, help="List every genuine file, however many there are.")
@answering()
@trust_options
def command(
    folder: Path, thumbnails: Path | None, no_decode: bool, both: bool, list_all: bool, trust: TrustContext
) -> Answer:
    """Check a signed folder, and decode its images.

    Shows who signed, whether the trust store vouches for that key, and for each file whether it is the one that was
    signed. Images are decoded in sandboxed processes; shown are their size and depth, the size of a pixel and who
    claims it, whether they can be judged, and which have equal pixels. Nothing is classified or recorded. Images of
    more than 256 MiB decoded are refused; the decoding processes have at most 1.75 GiB of memory together.

    \b
    fusiondiff-audit inspect micrographs --trust trust.json --root sha256:...
    fusiondiff-audit inspect micrographs --trust trust.json --thumbnails small
    """
    if no_decode and thumbnails is not None:
        raise click.UsageError("--thumbnails needs decoded images, and --no-decode forbids decoding")
    if not no_decode:
        require("images", "decoding micrographs", else_="; or check only the bytes, with --no-decode")
    if thumbnails is not None:
        signing.refuse_existing(thumbnails)
        if folder.resolve() in (thumbnails.resolve(), *thumbnails.resolve().parents):
            raise click.UsageError("--thumbnails names a folder inside DIR, where thumbnails would be unsigned files")
    roles = (signing.Role.DEVICE, signing.Role.LABELLER)
    batch = signing.open_batch(folder, trust=trust.store, roles=roles, both=both)
    verdict = FileChecks(entry.name for entry in batch.manifest.files)
    remarks, decoded = _check(batch, verdict) if no_decode else _decode(batch, verdict, thumbnails)
    say_some(remarks, most=_REMARKS, where="; --json gives all")
    data = {"trust": trust.data(), "batch": _batch_data(batch), "decoded": not no_decode}
    passed = f"{count(len(batch.manifest.files), 'file')} genuine{decoded}, none missing, none added"
    columns = ("kind", "specimen", "size", *(("pixel",) if no_decode else ("image", "pixel", "fit")))
    return verdict.answer(passed + trust.remarks(), table(_head(batch)), columns, data, list_all=list_all)


def _check(batch: signing.Batch, verdict: FileChecks) -> tuple[list[str], str]:
    """Compare the bytes of every file with what was signed."""
    for file in with_progress(batch.files(), activity="checking", total=len(batch.manifest.files)):
        if isinstance(file, signing.RefusedFile):
            _refuse(batch, verdict, file, 1)
        else:
            cells = (*_cells(file.entry), str(file.entry.pixel_size or "-"))
            verdict.pass_(file.name, cells, _claims(file.entry) | {"sha256": file.digest})
    return [], ""


def _decode(batch: signing.Batch, verdict: FileChecks, thumbnails: Path | None) -> tuple[list[str], str]:
    """Compare the bytes of every file with what was signed, and decode every image."""
    from fusiondiff_audit.cli.image_summary import ImageSummary
    from fusiondiff_audit.images.batch import RefusedImage, decode_batch
    from fusiondiff_audit.images.guard import Guard
    from fusiondiff_audit.images.micrograph import SignedMicrograph

    images = ImageSummary(thumbnails)
    with Guard() as guard:
        files = decode_batch(batch, guard=guard)
        for file in with_progress(files, activity="decoding", total=len(batch.manifest.files)):
            if isinstance(file, signing.RefusedFile | RefusedImage):
                _refuse(batch, verdict, file, 3)
                continue
            cells, facts = images.add(file) if isinstance(file, SignedMicrograph) else (("-",) * 3, {})
            verdict.pass_(
                file.name, (*_cells(file.entry), *cells), _claims(file.entry) | {"sha256": file.digest} | facts
            )
    return images.remarks, images.sentence()


def _refuse(batch: signing.Batch, verdict: FileChecks, file: Refusal, empty_cells: int) -> None:
    entry = batch.entry(file.name)
    claims = _cells(entry) if entry else ("-",) * 3
    verdict.refuse(file, (*claims, *("-",) * empty_cells), _claims(entry) if entry else {})


def _cells(entry: signing.FileEntry) -> tuple[str, str, str]:
    return entry.kind, entry.specimen or "-", size(entry.size)


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
