"""The verb `report review`."""

from pathlib import Path

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH
from fusiondiff_audit.extras import require
from reports.verdict.verification import read_unverified


@click.command(name="review")
@click.argument("report", metavar="REPORT", type=PATH)
@click.option("--out", type=PATH, required=True, help="The HTML file to write.")
@click.option("--images", type=PATH, help="The audited folder: show thumbnails.")
@answering()
def command(report: Path, out: Path, images: Path | None) -> Answer:
    """Write the page of a second person who reviews a report.

    The page lists all specimens, those nearest to another verdict first, with filters, keys and the p-values of the
    whole batch. It loads nothing and sends nothing. Decisions (agree, disagree, look again) leave it as a file, which
    `report endorse` signs. The page proves nothing: `verify` reads the signed file.

    \b
    fusiondiff-audit report review out --images micrographs --out review.html
    fusiondiff-audit report endorse out --decisions decisions-1a2b3c4d.json --key doe.pem --trust trust.json
    """
    require("audit", "making a page")
    from fusiondiff_audit.page.review_page import review_page
    from fusiondiff_audit.page.thumbnails import folder_thumbnails

    signing.refuse_existing(out)
    content = read_unverified(report)
    thumbnails = folder_thumbnails(content, images) if images else {}
    signing.create(out, review_page(content, thumbnails))
    return Answer("DONE", f"{out} written; nothing was verified", data={"page": str(out), "id": content.header.id})
