"""Compares a report's page with the one that is rendered from the signed file, byte for byte.

1. A page begins with its language and with the code that made it. Other code may make another page of the same report,
   so a page of other code is not compared.
2. Nothing of a page is interpreted. Its images are taken out by their exact form, as thumbnails of the rows that they
   name, and the report is rendered with these thumbnails: the bytes must be those of the page. So markup, style, text
   and order can be no others than those of the signed file, and an image in any other place or form is a difference.
3. An image must be a plain PNG that is no larger than thumbnails are, so that it covers nothing and does not move.
   What it shows is compared only where the audited images are at hand.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from fusiondiff_audit.origin import Origin
from fusiondiff_audit.page.language import Language
from fusiondiff_audit.page.png import PAGE_THUMBNAIL_SIDE, PlainPng, read_plain_png
from fusiondiff_audit.page.render import generator_of, page_text, render
from reports.verdict.report import Report
from signing import Reason, SigningError

MAX_PAGE = 64 * 1024 * 1024  # bytes; rendering so many takes less than half a minute
_START = re.compile(
    rb'<!doctype html>\n<html lang="([a-z]{2})">\n<head>\n<meta charset="utf-8">\n'
    rb'<meta name="generator" content="([ -~]{1,200})">\n'
)
_IMAGE = re.compile(
    rb'<img src="data:image/png;base64,([A-Za-z0-9+/]+={0,2})" width="[0-9]+" height="[0-9]+" alt="([^"]*)">'
)
_QUOTED = 120  # characters of a line that differs


@dataclass(frozen=True, slots=True)
class PageComparison:
    """What was compared of a page that is not refused, or why nothing was."""

    text: str
    page: bool  # whether the page was compared
    images: bool = False  # whether everything that its images show was


def compare_page(
    page: bytes, where: str, report: Report, *, origin: Origin, images: Path | None = None
) -> PageComparison:
    """Compare a page with a verified report; one that differs is refused.

    `images` is the audited folder: with it, what the page's images show is compared as well.
    """
    start = _START.match(page)  # 1
    if start is None or start[1].decode() not in set(Language):
        return PageComparison("made by another version or by another program, not compared", page=False)
    generator = start[2].decode()
    if generator != generator_of(origin):
        return PageComparison(f"made by another version ({generator}), not compared", page=False)
    thumbnails = _thumbnails(page, where, report)
    expected = render(report, thumbnails, language=Language(start[1].decode()), origin=origin)  # 2
    if page != expected:
        message = f"{where}: is not the page of the signed file: {_difference(page, expected)}"
        raise SigningError(Reason.CONTRADICTION, message, hint=_HINT)
    same = f"{where} is what the signed file gives, byte for byte"
    if not thumbnails:
        return PageComparison(f"{same}; it has no images", page=True, images=True)
    number = f"{len(thumbnails):,} image{'' if len(thumbnails) == 1 else 's'}"
    if images is None:
        return PageComparison(f"{same}; what its {number} show was not compared, which --images does", page=True)
    from fusiondiff_audit.page.thumbnails import folder_thumbnails  # decodes, which the rest does without

    _compare_images(thumbnails, where, folder_thumbnails(report, images, only=thumbnails))
    return PageComparison(f"{same}; its {number} show the audited files", page=True, images=True)


_HINT = "the signed file is genuine; `report render` makes its page"


def _thumbnails(page: bytes, where: str, report: Report) -> dict[str, bytes]:  # 3
    """Return the images of a page by the names of rows; an image of no row stays out, and so makes a difference."""
    names = {page_text(row.name).encode(): row.name for row in report.images}
    thumbnails = {}
    for match in _IMAGE.finditer(page):
        if (name := names.get(match[2])) is not None:
            try:
                thumbnails[name] = base64.b64decode(match[1], validate=True)
                read_plain_png(thumbnails[name], side=PAGE_THUMBNAIL_SIDE)
            except ValueError as e:
                raise SigningError(Reason.CONTRADICTION, f"{where}: the image of {name!a}: {e}", hint=_HINT) from e
    return thumbnails


def _compare_images(thumbnails: Mapping[str, bytes], where: str, expected: Mapping[str, bytes]) -> None:
    """Refuse images with other pixels than the files; compressed they may differ, as libraries do it otherwise."""

    def pixels(png: bytes | None) -> PlainPng | None:
        return None if png is None else read_plain_png(png, side=PAGE_THUMBNAIL_SIDE)

    for name, png in thumbnails.items():
        if pixels(png) != pixels(expected.get(name)):
            message = f"{where}: the image beside {name!a} is not the thumbnail of that file"
            raise SigningError(Reason.CONTRADICTION, message, hint=_HINT)


def _difference(page: bytes, expected: bytes) -> str:
    """Return the first line that differs, from where it does."""
    lines, others = page.split(b"\n"), expected.split(b"\n")
    number = next(at for at in count() if lines[at : at + 1] != others[at : at + 1])
    line, other = (b"".join(some[number : number + 1]) for some in (lines, others))
    place = next(
        (at for at, (one, two) in enumerate(zip(line, other, strict=False)) if one != two), min(len(line), len(other))
    )
    begin = max(0, place - _QUOTED // 3)
    found, signed = (some[begin : begin + _QUOTED].decode("utf-8", "replace") for some in (line, other))
    return f"line {number + 1:,} is {found!a}, and {signed!a} by the signed file"
