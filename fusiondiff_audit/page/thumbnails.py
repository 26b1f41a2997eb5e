"""Small pictures of a folder's images, of those alone that are the ones a report is about."""

from pathlib import Path

import signing
from fusiondiff_audit.images import Guard, ImageError, LooseFile, decode
from fusiondiff_audit.images.thumbnails import thumbnail
from reports.verdict.report import Report

MOST, SIDE = 200, 96  # pictures on a page, and their pixels: a page and its maker have limits


def of_folder(report: Report, folder: Path) -> dict[str, bytes]:
    """Return PNG files by the names of images; a file that is missing, or another, has none."""
    found: dict[str, bytes] = {}
    with Guard() as guard:
        for row in report.images:
            if row.judged is None or len(found) == MOST:
                continue
            try:
                file = LooseFile.read(folder / row.name)
                if file.digest == row.sha256:
                    found[row.name] = thumbnail(decode(file, guard=guard), side=SIDE)
            except (ImageError, signing.SigningError):
                continue
    return found
