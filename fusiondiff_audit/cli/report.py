"""The verb `report`: pages, PDF, tables, excerpts and timestamps of signed files."""

import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import click

import signing
from fusiondiff_audit.cli import report_endorse, report_pdf, report_review, report_table
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.file_checks import signer_data, signer_rows
from fusiondiff_audit.cli.options import PATH, TrustContext, language_option, trust_options
from fusiondiff_audit.cli.report_text import checked_data, evidence_rows, header_rows
from fusiondiff_audit.cli.signed_file import SignedKind, find_signed
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.cli.verify import rules_data
from fusiondiff_audit.extras import require
from fusiondiff_audit.page.language import Language
from reports.verdict.excerpt import MAX_EXCERPT, make_excerpt, verify_excerpt
from reports.verdict.former_header import FormerHeader
from reports.verdict.issue import CHECKPOINT
from reports.verdict.verdicts import Verdict
from reports.verdict.verification import read_unverified
from reports.verdict.versions import version_remark
from signing.manifest import MAX_SIGNED_FILE
from signing.notes import MAX_NOTE


@click.group()
def command() -> None:
    """Work on signed files: pages, PDF, tables, excerpts and timestamps."""


command.add_command(report_table.command, "table")
command.add_command(report_pdf.command)
command.add_command(report_review.command)
command.add_command(report_endorse.command)


@command.command(name="render")
@click.argument("report", metavar="REPORT", type=PATH)
@click.option("--out", type=PATH, required=True, help="The HTML file to write.")
@click.option("--images", type=PATH, help="The audited folder: show thumbnails.")
@language_option
@answering()
def render_page(report: Path, out: Path, images: Path | None, language: Language) -> Answer:
    """Render a report, or the result of a stress test, as a page for people.

    The page is one HTML file without scripts, loads nothing, and can be printed. It proves nothing: `verify` reads the
    signed file. With --images the page shows thumbnails of the files whose digests are in the report. --language is of
    the page's own words; texts of the report stand as they were signed. The page of a stress test is in English, and
    shows what was signed: no examples of attacked images.

    \b
    fusiondiff-audit report render out --images micrographs --out report.html
    fusiondiff-audit report render stressed --out robustness.html
    """
    require("audit", "making a page")
    from fusiondiff_audit.origin import check_origin
    from fusiondiff_audit.page.render import render
    from fusiondiff_audit.page.thumbnails import folder_thumbnails

    signing.refuse_existing(out)
    file, kind = find_signed(report)
    if kind is SignedKind.STRESS_RESULT:
        from fusiondiff_audit.page.stress import render_stress
        from reports.stress.result import MAX_RESULT_FILE, read_stress_result

        if images is not None or language is not Language.ENGLISH:
            raise click.UsageError("the page of a stress test is in English and has no images: omit the options")
        result = read_stress_result(signing.read_capped(file, limit=MAX_RESULT_FILE), str(file))
        signing.create(out, render_stress(result, (), origin=check_origin()))
        return Answer(
            "DONE", f"{out} written; nothing was verified", data={"page": str(out), "word": result.word.value}
        )
    content = read_unverified(report)
    thumbnails = folder_thumbnails(content, images) if images else {}
    signing.create(out, render(content, thumbnails, language=language, origin=check_origin()))
    return Answer("DONE", f"{out} written; nothing was verified", data={"page": str(out), "id": content.header.id})


@command.command(name="excerpt")
@click.argument("report", metavar="REPORT", type=PATH)
@click.argument("image", metavar="IMAGE")
@click.option("--out", type=PATH, required=True, help="The file to write.")
@answering()
def excerpt(report: Path, image: str, out: Path) -> Answer:
    """Prove what a report says of one image.

    REPORT is the folder of a report; IMAGE is a name as the report gives it. The excerpt holds the report's header, the
    row of that image and that of its specimen, if it names one, each with a proof that the report contains it, and no
    other row. It does not hold the image. No key is needed.

    \b
    fusiondiff-audit report excerpt out tile-7.tif --out tile-7.excerpt.json
    fusiondiff-audit report verify-excerpt tile-7.excerpt.json --trust trust.json
    """
    signing.refuse_existing(out)
    content = read_unverified(report)
    folder = report if os.path.isdir(report) else report.parent
    checkpoint = signing.read_capped(folder / CHECKPOINT, limit=MAX_NOTE)
    signing.create(out, make_excerpt(content, checkpoint, image))
    data = {"excerpt": str(out), "image": image, "id": content.header.id}
    return Answer("DONE", f"{out} holds what the report says of {image}; nothing was verified yet", data=data)


@command.command(name="verify-excerpt")
@click.argument("path", metavar="EXCERPT", type=PATH)
@click.option("--image", type=PATH, help="The image file: compare it with the excerpt.")
@answering()
@trust_options
def verify_excerpt_file(path: Path, image: Path | None, trust: TrustContext) -> Answer:
    """Check an excerpt of a report.

    Checks who signed the report, and whether header and rows are leaves of the signed tree. An image comes with the row
    of its specimen, if it names one; an excerpt shows nothing of other images.

    \b
    fusiondiff-audit report verify-excerpt tile-7.excerpt.json --trust trust.json --image tile-7.tif
    """
    excerpt = verify_excerpt(signing.read_capped(path, limit=MAX_EXCERPT), str(path), trust=trust.store)
    header, row, specimen = excerpt.header, excerpt.row, excerpt.specimen
    specimens = () if specimen is None else (specimen,)
    if image is not None:
        digest = sha256(signing.read_capped(image, limit=MAX_SIGNED_FILE)).hexdigest()
        if digest != row.sha256:
            message = f"{image}: is sha256:{digest}, the excerpt is of sha256:{row.sha256}"
            raise signing.SigningError(signing.Reason.DIGEST_MISMATCH, message)
    rows = [
        *signer_rows(excerpt.signer),
        ("image", f"{row.name}, sha256:{row.sha256}"),
        ("verdict", _verdict(row.verdict, row.reasons)),
        *((("specimen", f"{specimen.specimen}: {_verdict(specimen.verdict, specimen.reasons)}"),) if specimen else ()),
        *evidence_rows(specimen or row, header),
        *header_rows(header, specimens, (row,), excerpt.comparison),
    ]
    data = {
        "format": header.format,
        "rules": rules_data(header),
        "image": row.name,
        "verdict": row.verdict.value,
        "reasons": list(row.reasons),
        "specimen": specimen
        and {
            "name": specimen.specimen,
            "verdict": specimen.verdict.value,
            "reasons": list(specimen.reasons),
            "images": specimen.images,
        },
        "checked": checked_data(header, specimens, (row,)),
        "reference": header.reference,
        "demonstration": header.demonstration,
        "signer": signer_data(excerpt.signer),
        "compared": image is not None,
        "trust": trust.data(),
    }
    demonstration = "DEMONSTRATION. " if header.demonstration else ""
    sentence = f"excerpt genuine{trust.remarks()}{version_remark(header.format)}. "
    sentence += f"{demonstration}It says of {row.name}: {row.verdict}"
    is_former = isinstance(header, FormerHeader)
    if specimen and not is_former and row.judged is None and row.verdict is not Verdict.REFUSED:
        sentence += ", though it was not assessable, and is no part of the evidence"
    if specimen:
        by = "the worst of" if is_former else "all"
        sentence += f"; of {specimen.specimen}, by {by} {specimen.images} images: {specimen.verdict}"
    elif row.specimen:
        sentence += f"; the verdict on {row.specimen}, by all its images, is not in the excerpt"
    return Answer("PASSED", sentence, table(rows), data)


@command.command(name="verifier")
@click.option("--out", type=PATH, required=True, help="The HTML file to write.")
@answering()
def write_verifier(out: Path) -> Answer:
    """Write the page that checks a report in a browser, without this tool and without a network.

    The page is the same file for everybody, so its SHA-256 tells whether somebody has the genuine one. It checks what
    `verify` checks without --model, and says what it does not check.

    \b
    fusiondiff-audit report verifier --out verify.html
    """
    from fusiondiff_audit.page.verifier_build import VERIFIER_PAGE

    signing.refuse_existing(out)
    page = VERIFIER_PAGE.read_bytes()
    signing.create(out, page)
    digest = sha256(page).hexdigest()
    return Answer("DONE", f"{out} written, sha256:{digest}", data={"page": str(out), "sha256": digest})


def _verdict(verdict: str, reasons: Sequence[str]) -> str:
    return f"{verdict}{' (' + ', '.join(reasons) + ')' if reasons else ''}"


@command.command()
@click.argument("path", metavar="SIGNED", type=PATH)
@click.option("--query", type=PATH, help="Write the query to a timestamp authority to this file (RFC 3161, .tsq).")
@click.option("--token", type=PATH, help="Put the authority's response (.tsr) into the signed file.")
@click.option("--trust", "store", type=PATH, help="Refuse a response by an authority that this store does not list.")
@click.option("--drop", is_flag=True, help="Remove all timestamps from the signed file.")
@answering()
def timestamp(path: Path, query: Path | None, token: Path | None, store: Path | None, drop: bool) -> Answer:
    """Add a proof of the signing time by a timestamp authority.

    A signature with a timestamp stays valid after its key has expired, if the trust store lists the authority. If it
    does not, the file is refused, so give --trust with the token. SIGNED is a *.sigstore.json, a model.sig or the
    folder of a batch. This tool uses no network: send the query to the authority and save its response.

    \b
    fusiondiff-audit report timestamp micrographs --query q.tsq
    curl -H 'Content-Type: application/timestamp-query' --data-binary @q.tsq https://YOUR-AUTHORITY > r.tsr
    fusiondiff-audit report timestamp micrographs --token r.tsr --trust trust.json
    """
    if [query is not None, token is not None, drop].count(True) != 1:
        raise click.UsageError("give --query OUT.tsq first, then --token IN.tsr; or --drop")
    signed = path / signing.MANIFEST_NAME if os.path.isdir(path) else path
    if query is not None:
        signing.refuse_existing(query)
        signing.create(query, signing.stamp_query(signed))
        data = {"signed": str(signed), "query": str(query)}
        return Answer("DONE", f"the query for {signed} is in {query}; send it to the authority", data=data)
    if token is None:
        number = signing.drop_tokens(signed)
        return Answer("DONE", f"{count(number, 'timestamp')} removed from {signed}", data={"signed": str(signed)})
    trust = None if store is None else signing.load_trust(store, at=signing.now())
    time = signing.attach_token(signed, token, trust=trust)
    data = {"signed": str(signed), "time": signing.write_time(time)}
    authority = "by a listed authority" if trust else "its authority is checked on verification"
    sentence = f"{signed} carries a timestamp of {signing.write_time(time)}; {authority}"
    return Answer("DONE", sentence, data=data)
