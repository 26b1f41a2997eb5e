"""Renders a report and thumbnails as HTML. Every text is escaped; the content policy forbids scripts and addresses."""

import re
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from fusiondiff_audit import __version__
from fusiondiff_audit.page.circumstances import (
    instrument_sentences,
    limit_sentences,
    nothing_stated,
    stated_facts,
    stress_sentence,
)
from fusiondiff_audit.page.error_rates import batch_sentences, error_table
from fusiondiff_audit.page.evidence import specimen_entries
from fusiondiff_audit.page.files import file_groups
from fusiondiff_audit.page.language import Catalogue, Language, catalogue_of
from fusiondiff_audit.page.next_steps import next_steps
from fusiondiff_audit.page.not_examined import deviations, not_examined
from fusiondiff_audit.page.result import can_answer, result_sentence, verdict_cards
from reports.verdict.former_header import FormerHeader
from reports.verdict.header import Header
from reports.verdict.laboratory import StatedCase, read_stated_case
from reports.verdict.report import Report
from reports.verdict.rows import surviving_answers
from reports.verdict.verdicts import Verdict
from signing import SigningError
from signing.strict import visible

# Distinct in shape as well as in colour.
_SIGNS = {
    Verdict.AUTHENTIC: "\N{BLACK CIRCLE}",
    Verdict.COUNTERFEIT: "\N{BLACK UP-POINTING TRIANGLE}",
    Verdict.INCONCLUSIVE: "\N{WHITE CIRCLE}",
    Verdict.UNFAMILIAR: "\N{WHITE DIAMOND}",
    Verdict.REFUSED: "\N{MULTIPLICATION SIGN}",
}
_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_ID = re.compile("[0-9a-f]{32}")
_HUNDRED = 100  # per cent


def render(report: Report, thumbnails: Mapping[str, bytes], *, language: Language) -> bytes:
    """Return the page; `thumbnails` are PNG files, by the names of images."""
    catalogue, header = catalogue_of(language), report.header
    pages = templates()
    pages.globals |= {
        "t": catalogue.text,
        "moment": catalogue.moment,
        "number": catalogue.number,
        "listed": catalogue.listed,
        "css": css_text,
    }
    stated = _stated_case(header)
    page = pages.get_template("report.html").render(
        lang=language.value,
        header=header,
        report=report,
        id_in_style=header.id if _ID.fullmatch(header.id) else "",
        signs=_SIGNS,
        former=isinstance(header, FormerHeader),
        sentence=result_sentence(report, catalogue),
        cards=verdict_cards(report, catalogue),
        answers=can_answer(report),
        nameless=sum(row.specimen is None for row in report.images),
        errors=error_table(header, catalogue),
        batch=batch_sentences(header, catalogue),
        instrument=instrument_sentences(header, catalogue),
        stress=stress_sentence(header.robustness, catalogue),
        specimens=specimen_entries(report, catalogue),
        alpha=catalogue.decimal(header.policy.alpha),
        false_rejection=_percent(header, catalogue),
        steps=next_steps(report, catalogue),
        open=not_examined(report, catalogue),
        stated=stated or nothing_stated(),
        unreadable=stated is None,
        facts=stated_facts(stated or nothing_stated(), header, catalogue),
        deviations=deviations(report, catalogue),
        poisoned=surviving_answers(report.specimens or report.images),
        limits=tuple(limit_sentences(header, catalogue)),
        groups=file_groups(report, thumbnails, catalogue),
        version=__version__,
    )
    return page.encode()


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
    return visible(value, keep=_SPACES) if isinstance(value, str) else value


def _stated_case(header: Header) -> StatedCase | None:
    """Return what the quoted policy states of laboratory and case; None if that cannot be read."""
    try:
        return read_stated_case(header.policy.text, "the report")
    except SigningError:
        return None


def _percent(header: Header, catalogue: Catalogue) -> str:
    """Return the policy's error rate in per cent, without superfluous zeros."""
    percent = _HUNDRED * header.policy.rate
    text = f"{float(percent):.4f}".rstrip("0").rstrip(".")
    return catalogue.decimal(text)
