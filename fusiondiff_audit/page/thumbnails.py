"""Thumbnails of the images in a folder whose digests are in a report."""

from collections.abc import Collection
from pathlib import Path

import signing
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, Micrograph, decode
from fusiondiff_audit.images.thumbnails import thumbnail
from fusiondiff_audit.page.png import PAGE_THUMBNAIL_SIDE
from reports.verdict.report import Report
from reports.verdict.verdicts import Verdict

MOST = 200  # thumbnails on a page
_GREYS = 16  # a page of MOST has less than 3 MB, whatever the images show


def page_thumbnail(micrograph: Micrograph) -> bytes:
    """Return a PNG that is small enough for a page of many."""
    return thumbnail(micrograph, side=PAGE_THUMBNAIL_SIDE, greys=_GREYS)


def folder_thumbnails(report: Report, folder: Path, *, only: Collection[str] | None = None) -> dict[str, bytes]:
    """Return thumbnails as PNG, by the names of images; a file that is missing or differs has none.

    `only` are the names that are asked for; without them they are of the first images that were not refused.
    """
    thumbnails: dict[str, bytes] = {}
    with Guard() as guard:
        for row in report.images:
            if row.verdict is Verdict.REFUSED if only is None else row.name not in only:
                continue
            if len(thumbnails) == MOST:
                break
            try:
                file = LooseFile.read(folder / row.name)
                if file.digest == row.sha256:
                    thumbnails[row.name] = page_thumbnail(decode(file, guard=guard))
            except (ImageError, signing.SigningError):
                continue
    return thumbnails
