"""Renders a report and thumbnails as HTML. Every text is escaped; the content policy forbids scripts and addresses."""

import re
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape

from fusiondiff_audit.origin import DISTRIBUTION, Origin
from fusiondiff_audit.page.content import page_content
from fusiondiff_audit.page.language import Language, catalogue_of
from reports.verdict.report import Report
from signing.strict import visible

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_ID = re.compile("[0-9a-f]{32}")


def render(report: Report, thumbnails: Mapping[str, bytes], *, language: Language, origin: Origin) -> bytes:
    """Return the page; `thumbnails` are PNG files, by the names of images, and `origin` is that of the running code."""
    catalogue = catalogue_of(language)
    pages = templates()
    pages.globals |= {"t": catalogue.text, "listed": catalogue.listed, "css": css_text}
    page = pages.get_template("report.html").render(
        page_content(report, thumbnails, catalogue),
        lang=language.value,
        generator=generator_of(origin),
        id_in_style=report.header.id if _ID.fullmatch(report.header.id) else "",
    )
    return page.encode()


def generator_of(origin: Origin) -> str:
    """Return what a page names as the program that made it: the same code makes the same page of the same report."""
    return f"{DISTRIBUTION} {origin.version}, code sha256:{origin.digest}"


def page_text(text: str) -> str:
    """Return text as it stands on a page."""
    return str(escape(visible_text(text)))


def templates() -> Environment:
    """Return the templates, in which every text is escaped and invisible characters are shown by their codes."""
    return Environment(
        loader=PackageLoader("fusiondiff_audit.page", "templates"),
        autoescape=True,
        finalize=_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def css_text(text: str) -> str:
    """Return text for a string in a style sheet: everything but letters and digits of ASCII is written by its code."""
    return "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):06x}" for c in text)


def _visible(value: object) -> object:
    """Return a value for a template; in text, control characters, direction overrides and blanks are escaped."""
    return visible_text(value) if isinstance(value, str) else value


def visible_text(text: str) -> str:
    """Return text whose invisible characters are shown by their codes; blanks of any width stay."""
    return visible(text, keep=_SPACES)
