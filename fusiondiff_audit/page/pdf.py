"""Renders a report as PDF/A-3a, tagged as PDF/UA-1, with the signed file attached; the same bytes each time.

Typst lays out `templates/report.typ`. Texts reach it as JSON, which has no markup, so that nothing in a report can
become a part of the template. Characters that no font at hand has are shown by their codes.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typst

from fusiondiff_audit.page.content import SIGNS, page_content
from fusiondiff_audit.page.files import PageImage
from fusiondiff_audit.page.language import Catalogue, Language, catalogue_of
from fusiondiff_audit.page.render import visible_text
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from signing import Reason, SigningError
from signing.times import read_time

_TEMPLATE = "report.typ"
_NO_GLYPH = "could not be displayed"  # in typst's message
_AFTER_CYRILLIC = 0x530
_CJK = "\u3000", "\uffef"
_SIGNS = frozenset("".join(SIGNS.values()) + "\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u202f")
_SERIF, _MONO = "Libertinus Serif", "DejaVu Sans Mono"  # these come with typst
_CHINESE = ["Noto Serif CJK SC", "Source Han Serif SC", "Noto Sans CJK SC", "Source Han Sans SC", "SimSun", "Songti SC"]
_COMMAND = f"fusiondiff-audit verify {REPORT} --trust trust.json --root sha256:FINGERPRINT --images FOLDER"


class Paper(StrEnum):
    """A size of paper, by typst's name."""

    A4 = "a4"
    LETTER = "us-letter"


def render_pdf(
    report: Report, signed: bytes, thumbnails: Mapping[str, bytes], *, language: Language, paper: Paper
) -> bytes:
    """Return the PDF of a report, whose signed file is `signed`; `thumbnails` are PNG files by names of images."""
    catalogue = catalogue_of(language)
    content, setting = page_content(report, thumbnails, catalogue), _setting(report, catalogue, paper)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / REPORT).write_bytes(signed)
        with as_file(files("fusiondiff_audit.page") / "templates" / _TEMPLATE) as template:
            shutil.copy(template, folder)
        for shown in (visible_text, _in_plain_letters):
            values = _plain(content, _Pictures(folder), shown) | setting
            (folder / "content.json").write_text(json.dumps(values), encoding="utf-8")
            try:
                return typst.compile(folder / _TEMPLATE, root=folder, format="pdf", pdf_standards=["a-3a", "ua-1"])
            except typst.TypstError as e:
                fault = str(e)[:300]
                if _NO_GLYPH not in fault:
                    raise SigningError(Reason.CANNOT_WRITE, f"the PDF cannot be made: {fault}") from e
    hint = "its own words need a font, as Chinese needs Noto Serif CJK SC: install it, or take another --language"
    raise SigningError(Reason.CANNOT_WRITE, f"the PDF cannot be made: {fault}", hint=hint)


class _Pictures:
    """Writes thumbnails beside the template, each under a number."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    def name_of(self, image: PageImage) -> str:
        self._count += 1
        name = f"{self._count}.png"
        (self._folder / name).write_bytes(image.png)
        return name


def _setting(report: Report, catalogue: Catalogue, paper: Paper) -> dict[str, Any]:
    """Return what the template has beside the values of a page."""
    issued, t = read_time(report.header.issued, "the report"), catalogue.text
    languages = _CHINESE if catalogue.language is Language.CHINESE else []
    return {
        "lang": catalogue.language.value,
        "fonts": [_SERIF, *languages, _MONO],
        "mono": [_MONO, *languages],
        "paper": paper.value,
        "date": {name: getattr(issued, name) for name in ("year", "month", "day", "hour", "minute", "second")},
        "mark": visible_text(t("mark.report", id=report.header.id)),
        "end": visible_text(t("mark.end", id=report.header.id)),
        "page": t("mark.page", page="#", pages="#").split("#"),
        "colon": t("form.colon"),
        "command": _COMMAND,
        "messages": {key: text for key, text in catalogue.messages.items() if isinstance(text, str)},
    }


def _plain(value: Any, pictures: _Pictures, shown: Callable[[str], str]) -> Any:
    """Return a value as JSON has it, with each text as it is shown."""
    if isinstance(value, PageImage):
        return pictures.name_of(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return shown(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), pictures, shown) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item, pictures, shown) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, pictures, shown) for item in value]
    return value


def _in_plain_letters(text: str) -> str:
    """Return text in which all but Latin, Greek, Cyrillic and Chinese letters and common signs are codes."""
    return "".join(
        c if ord(c) < _AFTER_CYRILLIC or c in _SIGNS or _CJK[0] <= c <= _CJK[1] else c.encode("unicode_escape").decode()
        for c in visible_text(text)
    )
