"""The verb `report pdf`."""

import os
from hashlib import sha256
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, language_option, open_key, passphrase_option
from fusiondiff_audit.extras import require
from fusiondiff_audit.page.language import Language
from reports.verdict.issue import REPORT
from reports.verdict.report import MAX_PAYLOAD, Report
from signing.sigstore_bundle import SigstoreBundle, bundle_limit

_PAPERS = ("a4", "us-letter")
_MAX_CHAIN = 256 * 1024  # bytes


@click.command(name="pdf")
@click.argument("report", metavar="REPORT", type=PATH)
@click.option("--out", type=PATH, required=True, help="The PDF file to write.")
@click.option("--images", type=PATH, help="The audited folder: show thumbnails.")
@click.option("--paper", type=click.Choice(_PAPERS), default="a4", show_default=True, help="The size of the sheets.")
@click.option("--certificate", type=PATH, help="PEM: the certificate of --key, then those above it; signs the PDF.")
@click.option("--key", type=PATH, help="The private key of the certificate, P-256 or Ed25519.")
@language_option
@passphrase_option
@answering()
def command(
    report: Path,
    out: Path,
    images: Path | None,
    paper: str,
    certificate: Path | None,
    key: Path | None,
    language: Language,
    passphrase_files: tuple[Path, ...],
) -> Answer:
    """Write a report as a PDF for people, with the signed file attached.

    The document is PDF/A-3a and PDF/UA-1: it can be archived, and read aloud. It says what `report render` says, and it
    proves nothing by itself: the attachment report.sigstore.json is the signed file, which `verify` reads. The same
    report gives the same bytes on the same machine.

    With --certificate and --key the document is signed as well (PAdES B-B), for readers that know certificates and no
    trust store. Most of them know P-256 alone.

    \b
    fusiondiff-audit report pdf out --images micrographs --out report.pdf
    pdfdetach -saveall report.pdf && fusiondiff-audit verify report.sigstore.json --trust trust.json
    """
    require("audit", "making a page")
    require("pdf", "making a PDF")
    from fusiondiff_audit.page.pdf import Paper, render_pdf
    from fusiondiff_audit.page.thumbnails import folder_thumbnails

    if (certificate is None) is not (key is None):
        raise click.UsageError("--certificate and --key belong together")
    signing.refuse_existing(out)
    signer = None if key is None else open_key(key, passphrase_files)
    file = report / REPORT if os.path.isdir(report) else report
    signed = signing.read_capped(file, limit=bundle_limit(MAX_PAYLOAD))
    bundle = SigstoreBundle.from_bytes(signed, str(file), payload_limit=MAX_PAYLOAD)
    content = Report.from_payload(bundle.envelope.payload, str(file))
    thumbnails = folder_thumbnails(content, images) if images else {}
    made = render_pdf(content, signed, thumbnails, language=language, paper=Paper(paper))
    if signer is not None and certificate is not None:
        require("pades", "signing a PDF")
        from fusiondiff_audit.page.pades import sign_document

        chain = signing.read_capped(certificate, limit=_MAX_CHAIN)
        made = sign_document(made, signer, chain, str(certificate))
    signing.create(out, made)
    digest = sha256(made).hexdigest()
    sentence = f"{out} written{' and signed' if signer else ''}, with {REPORT} attached; nothing was verified"
    return Answer("DONE", sentence, data={"pdf": str(out), "sha256": digest, "id": content.header.id})
