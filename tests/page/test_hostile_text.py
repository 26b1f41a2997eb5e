"""Pages of signed results whose every text is hostile: all of it is shown as text, and none of it is markup."""

import base64
import dataclasses
import enum
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest

from fusiondiff_audit.page.language import Language
from fusiondiff_audit.page.render import render, templates
from fusiondiff_audit.page.stress import AttackExample, render_stress
from reports.stress.outcome import Outcome
from reports.stress.records import DetectorResult, PoisonResult
from reports.stress.result import StressResult
from reports.verdict.report import Report
from signing import Algorithm, PrivateKey
from signing.strict import is_plain
from tests.reports.stress.test_stress_result import CHECK, GATE, TRIED, made
from tests.reports.verdict.made import ORIGIN, report

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x60\0\0\0\x40" + bytes(20)
MARK = "zq9"  # in every hostile text; nothing else on a page holds it
HOSTILE = [
    f"<script>{MARK}()</script>",
    f"\"'><img src=x onerror={MARK}()>",
    f"' onmouseover='{MARK}()' x='",
    f'" style="background:url({MARK})" x="',
    f"</style><style>@import '{MARK}'</style>",
    f"</title></head><base href=//{MARK}><body>",
    f"--><svg onload={MARK}()>",
    f"javascript:{MARK}()",
    f"data:text/html,<script>{MARK}()</script>",
    f"https://{MARK}.example/",
    f"&lt;script&gt;{MARK}&#x3c;b&#62;",
    f"{{{{ {MARK} }}}}{{% include '{MARK}' %}}",
    f"{MARK}\u202eevil\u2066\u200b\u2800\u3164",
    f"\x1b[2J\x1b]0;{MARK}\x07\r\n\x00\x08\x9b31m\x7f",
    f"\ud800{MARK}\ufffe",
]
# Fields that a page parses as a number, a map or JSON; readers of signed records accept nothing else there.
PARSED_FIELDS = {"format", "score", "gate", "map", "alpha", "policy_text", "size", "sizes"}
TEXT_ATTRIBUTES = {"alt", "aria-label"}
ACTIVE_TAGS = {
    "script",
    "link",
    "iframe",
    "frame",
    "object",
    "embed",
    "form",
    "a",
    "base",
    "video",
    "audio",
    "image",
    "use",
}
ADDRESS_ATTRIBUTES = {
    "src",
    "srcset",
    "href",
    "xlink:href",
    "action",
    "formaction",
    "data",
    "poster",
    "background",
    "ping",
}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Skeleton(HTMLParser):
    """A page without its text: tags, names of attributes, and the values of those that show none."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[object] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.hidden = ""  # attributes that show no text, styles, scripts and comments
        self._open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, [(name, None if name in TEXT_ATTRIBUTES else value) for name, value in attrs]))
        self.tags.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in TEXT_ATTRIBUTES:
                self.text += f"{value}\n"
            else:
                self.hidden += f"{name}={value}\n"
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.shape.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self._open[-1:] in (["style"], ["script"]):
            self.hidden += data
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.shape.append("comment")
        self.hidden += data

    def handle_decl(self, decl: str) -> None:
        self.shape.append(decl)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def filled(value: Any, text: str, only: tuple[type, str] | None = None) -> Any:
    """Return a record with the given text in every text field, or in the field `only`; its own checks are not run."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return tuple(filled(inner, text, only) for inner in value) if isinstance(value, tuple) else value
    copy = object.__new__(type(value))
    for field in dataclasses.fields(value):
        inner = getattr(value, field.name)
        wanted = field.name not in PARSED_FIELDS if only is None else only == (type(value), field.name)
        if wanted and isinstance(inner, str) and not isinstance(inner, enum.Enum):
            inner = text
        elif wanted and isinstance(inner, tuple) and inner and all(type(item) is str for item in inner):
            inner = (text,) * len(inner)
        else:
            inner = filled(inner, text, only)
        object.__setattr__(copy, field.name, inner)
    return copy


def texts(value: Any) -> Iterator[tuple[type, str]]:
    """Yield every text field of a record and of its parts, as a type and a name."""
    if isinstance(value, tuple):
        for inner in value:
            yield from texts(inner)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            inner = getattr(value, field.name)
            several = isinstance(inner, tuple) and inner and all(type(item) is str for item in inner)
            if several or (isinstance(inner, str) and not isinstance(inner, enum.Enum)):
                yield type(value), field.name
            else:
                yield from texts(inner)


AUDITOR = PrivateKey.generate(Algorithm.ED25519).public
REPORT = report(AUDITOR, 12)
ROBUSTNESS = made(
    AUDITOR,
    word=Outcome.INCONCLUSIVE,
    attacks=(dataclasses.replace(TRIED, problem="a problem"),),
    poisons=(PoisonResult("stamp-2", True, 2, 8, 1, 4, 1, 2, 1, "a problem", "AML", "NISTAML"),),
    detectors=(DetectorResult("d", 1, 2, 0, 3, 0, 4, False),),
    checks=(CHECK,),
    gates=(GATE,),
)


def of_report(record: Report, text: str) -> bytes:
    return render(record, {text: PNG, REPORT.images[0].name: PNG}, language=Language.ENGLISH, origin=ORIGIN)


def of_robustness(record: StressResult, text: str) -> bytes:
    return render_stress(record, [AttackExample(text, True, text, 2.0, PNG, PNG, PNG)], origin=ORIGIN)


PAGES: dict[str, tuple[Any, Callable[[Any, str], bytes]]] = {
    "report.html": (REPORT, of_report),
    "stress.html": (ROBUSTNESS, of_robustness),
}


@cache
def harmless(page: str) -> Skeleton:
    record, rendered = PAGES[page]
    return Skeleton(rendered(filled(record, "word"), "word").decode())


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_page_of_hostile_text_has_the_shape_of_a_page_of_harmless_text(page: str, text: str) -> None:
    record, rendered = PAGES[page]
    expected, hostile = harmless(page), rendered(filled(record, text), text).decode()
    skeleton = Skeleton(hostile)
    assert skeleton.shape == expected.shape
    assert MARK not in skeleton.hidden
    assert skeleton.hidden == expected.hidden
    assert (
        skeleton.text.count(MARK) >= expected.text.count("word") - 1 > 10
    )  # the title has the beginning of an id alone
    assert all(is_plain(line) for line in hostile.splitlines())
    if is_plain(text):
        assert text in skeleton.text
    assert skeleton.shape[0] == "doctype html"
    metas = [attributes for tag, attributes in skeleton.tags if tag == "meta"]
    assert [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"] == [POLICY]
    assert not {tag for tag, _ in skeleton.tags} & ACTIVE_TAGS
    for tag, attributes in skeleton.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ADDRESS_ATTRIBUTES & attributes.keys():
            assert (tag, name) == ("img", "src")
            address = str(attributes[name]).removeprefix("data:image/png;base64,")
            assert base64.b64decode(address, validate=True) == PNG


@pytest.mark.parametrize("page", PAGES)
def test_hostile_text_in_parsed_fields_is_refused_or_shown_as_text(page: str) -> None:
    record, rendered = PAGES[page]
    fields = {field for field in texts(record) if field[1] in PARSED_FIELDS}
    assert len(fields) >= 3
    for field in fields:
        for text in HOSTILE[:3]:
            try:
                skeleton = Skeleton(rendered(filled(record, text, field), text).decode())
            except (ValueError, KeyError, ArithmeticError):  # it is no number
                continue
            assert MARK not in skeleton.hidden, (field, text)
            assert not re.search(r"(?i)<script|onerror=|@import", skeleton.hidden)


@pytest.mark.slow
def test_the_parsed_fields_are_all_listed() -> None:
    """A page fails on a parsed field that is not listed in PARSED_FIELDS."""
    broken = set()
    for record, rendered in PAGES.values():
        for field in set(texts(record)):
            try:
                rendered(filled(record, HOSTILE[0], field), "word")
            except (ValueError, KeyError, ArithmeticError):
                broken.add(field[1])
    assert broken <= PARSED_FIELDS
    assert {"score", "alpha", "policy_text"} <= broken


def test_every_template_is_part_of_a_tested_page() -> None:
    environment = templates()
    parts = set()
    for name in PAGES:
        source = (environment.loader.get_source(environment, name))[0]  # type: ignore[union-attr]
        parts |= {name, *re.findall(r'{% include "([^"]+)" %}', source)}
    assert set(environment.list_templates(extensions=["html", "css"])) == parts  # report.typ has tests of its own
    sources = [environment.loader.get_source(environment, name)[0] for name in parts]  # type: ignore[union-attr]
    assert not any(re.search(r"\|\s*safe|autoescape|Markup", source) for source in sources)
    assert json.loads(ROBUSTNESS.policy_text)
