"""The verb `sign`."""

import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, Duration, Moment, open_key, passphrase_option
from fusiondiff_audit.cli.progress import ProgressLine
from fusiondiff_audit.cli.text import count, size, some, table
from fusiondiff_audit.inputs.tables import bad_table, read_rows
from signing.manifest import FileKind, is_unread_image

VALID_FOR = timedelta(days=90)
_COLUMNS = {"file", "kind", "specimen", "pixel_size"}


@click.command()
@click.argument("folder", metavar="DIR", type=PATH)
@click.option("--key", type=PATH, required=True, help="The private key of the device.")
@click.option("--device", required=True, help="The instrument, as the lab names it.")
@click.option("--lab", help="Who runs it.")
@click.option("--sequence", type=click.IntRange(min=0), help="A number that rises with every batch; default: the time.")
@click.option(
    "--valid-for", type=Duration(), default=f"{VALID_FOR.days}d", show_default=True, help="How long it may be audited."
)
@click.option("--captured", type=Moment(), help="When the images were taken; default: now.")
@click.option("--pixel-size", metavar="'V UNIT'", help="A pixel's side in every image, such as '12.5 nm'.")
@click.option("--entries", metavar="CSV", type=PATH, help="Kind, specimen and pixel size of single files.")
@click.option("--second-key", type=PATH, help="An ML-DSA-65 key, for a second, post-quantum signature.")
@click.option("--force", is_flag=True, help="Replace an existing signature.")
@passphrase_option
@answering()
def command(
    folder: Path,
    key: Path,
    device: str,
    lab: str | None,
    sequence: int | None,
    valid_for: timedelta,
    captured: datetime | None,
    pixel_size: str | None,
    entries: Path | None,
    second_key: Path | None,
    force: bool,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Sign a folder of micrographs.

    Every file in DIR and its folders is hashed, and DIR/batch.sigstore.json is written: who captured what, when, and
    the SHA-256 of each file. Nothing else is changed, except that an older second signature is removed; --second-key
    writes a new one. Every later change of a file, missing file and added file is detected.

    The CSV of --entries has the columns file, kind (image, sidecar, labels or other), specimen and pixel_size; all but
    file may be left out or empty. Files that it does not name get defaults.

    \b
    fusiondiff-audit sign micrographs --key sem-1.pem --device sem-1 --pixel-size '12.5 nm'
    """
    claims = {} if entries is None else read_entries(entries)
    side = None if pixel_size is None else signing.PixelSize.parse(pixel_size)
    signing.require_folder(folder)  # before anybody types a passphrase
    if not force:
        signing.refuse_existing(folder / signing.MANIFEST_NAME)
    signer = open_key(key, passphrase_files)
    second = None if second_key is None else open_key(second_key, passphrase_files)
    manifest = sign_folder(
        folder,
        signer,
        device=device,
        lab=lab,
        captured=captured,
        valid_for=valid_for,
        sequence=sequence,
        second_key=second,
        pixel_size=side,
        claims=claims,
        force=force,
    )
    total = sum(f.size for f in manifest.files)
    rows = [
        ("key", f"sha256:{signer.public.keyid}"),
        ("sequence", str(manifest.sequence)),
        ("valid until", signing.write_time(manifest.expires)),
        ("files", ", ".join(f"{kind} {n}" for kind, n in Counter(f.kind.value for f in manifest.files).items())),
    ]
    unread = [file.name for file in manifest.files if file.kind is not FileKind.IMAGE and is_unread_image(file.name)]
    if unread:
        rows.append(("not audited", f"{count(len(unread), 'image')} in a format that is not read: {some(unread)}"))
    data = {
        "manifest": str(folder / signing.MANIFEST_NAME),
        "keyid": f"sha256:{signer.public.keyid}",
        "device": manifest.device,
        "sequence": manifest.sequence,
        "nonce": manifest.nonce,
        "issued": signing.write_time(manifest.issued),
        "expires": signing.write_time(manifest.expires),
        "files": len(manifest.files),
        "bytes": total,
        "notAudited": unread,
    }
    sentence = f"{count(len(manifest.files), 'file')} ({size(total)}) signed in {folder / signing.MANIFEST_NAME}"
    return Answer("DONE", sentence, table(rows), data)


def sign_folder(
    folder: Path,
    key: signing.PrivateKey,
    *,
    device: str,
    pixel_size: signing.PixelSize | None,
    lab: str | None = None,
    captured: datetime | None = None,
    valid_for: timedelta = VALID_FOR,
    sequence: int | None = None,
    second_key: signing.PrivateKey | None = None,
    claims: dict[str, signing.Claim] | None = None,
    force: bool = False,
) -> signing.Manifest:
    """Sign a folder now, and show progress; the sequence is the time unless it is stated."""
    now = signing.now()
    with ProgressLine("hashing") as progress:
        return signing.sign_batch(
            folder,
            key=key,
            device=device,
            lab=lab,
            captured=captured or now,
            issued=now,
            valid_for=valid_for,
            sequence=int(time.time() * 1000) if sequence is None else sequence,
            second_key=second_key,
            pixel_size=pixel_size,
            claims=claims,
            force=force,
            progress=progress,
        )


def read_entries(path: Path) -> dict[str, signing.Claim]:
    """Parse the CSV of `--entries`; unknown columns, unknown kinds and files named twice are refused."""
    claims: dict[str, signing.Claim] = {}
    for where, row in read_rows(path, known=_COLUMNS, needed=("file",)):
        if row["file"] in claims:
            raise bad_table(path, f"{where}: {row['file']!a} is named twice")
        if row.get("kind") and row["kind"] not in {k.value for k in signing.FileKind}:
            raise bad_table(path, f"{where}: {row['kind']!a} is no kind; image, sidecar, labels and other are")
        claims[row["file"]] = signing.Claim(
            kind=signing.FileKind(row["kind"]) if row.get("kind") else None,
            specimen=row.get("specimen") or None,
            pixel_size=_read_size(row.get("pixel_size"), path, where),
        )
    return claims


def _read_size(text: str | None, path: Path, where: str) -> signing.PixelSize | None:
    try:
        return signing.PixelSize.parse(text) if text else None
    except signing.SigningError as e:
        raise bad_table(path, f"{where}: {e}", "".join(e.__notes__)) from e
