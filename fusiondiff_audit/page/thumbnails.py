"""Thumbnails of the images in a folder whose digests are in a report."""

from pathlib import Path

import signing
from fusiondiff_audit.images.errors import ImageError
from fusiondiff_audit.images.guard import Guard
from fusiondiff_audit.images.micrograph import LooseFile, decode
from fusiondiff_audit.images.thumbnails import thumbnail
from reports.verdict.report import Report

MOST, SIDE = 200, 96  # thumbnails on a page, and the pixels of a side


def folder_thumbnails(report: Report, folder: Path) -> dict[str, bytes]:
    """Return thumbnails as PNG, by the names of images; a file that is missing or differs has none."""
    thumbnails: dict[str, bytes] = {}
    with Guard() as guard:
        for row in report.images:
            if row.judged is None or len(thumbnails) == MOST:
                continue
            try:
                file = LooseFile.read(folder / row.name)
                if file.digest == row.sha256:
                    thumbnails[row.name] = thumbnail(decode(file, guard=guard), side=SIDE)
            except (ImageError, signing.SigningError):
                continue
    return thumbnails
