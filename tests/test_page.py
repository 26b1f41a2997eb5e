"""The page shows what the report says, escaped, and loads nothing."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from fusiondiff_audit.page.render import render
from reports.verdict.claims import ScaleClaim
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from reports.verdict.verdicts import Verdict
from signing import Algorithm, PrivateKey
from tests.reports.verdict.made import changed, report
from tests.reports.verdict.test_vectors import VECTORS, payload_of

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x60\0\0\0\x40" + bytes(20)


@pytest.fixture(scope="module")
def said() -> Report:
    return report(PrivateKey.generate(Algorithm.ED25519).public, 24)


class Tags(HTMLParser):
    """Collects tags, their attributes and the text between them."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_is_the_same_twice_and_says_what_the_report_says(said: Report) -> None:
    page = render(said, {said.images[0].name: PNG})
    assert page == render(said, {said.images[0].name: PNG})
    text = Tags(page).text
    assert all(row.specimen in text for row in said.specimens)
    assert all(row.name in text for row in said.images)
    for verdict in Verdict:
        number = sum(row.verdict is verdict for row in said.images)
        assert re.search(rf"\b{number}\W+{verdict.value}", text)
    assert "DEMONSTRATION" in text
    assert all(limit in text for limit in said.header.limits)
    assert said.header.trust.fingerprint in text


def test_what_nobody_looked_for_is_not_told_as_none() -> None:
    """Version 2 let labels be answers; where nobody asked what is unfamiliar, that card has no number in either."""
    for name, unchecked in (
        ("v2-uncalibrated", ["UNFAMILIAR"]),
        ("v3-uncalibrated", ["AUTHENTIC", "COUNTERFEIT", "UNFAMILIAR"]),
        ("v3", []),
        ("v1", []),
    ):
        said = Report.from_payload(payload_of(VECTORS / name / REPORT), "it")
        page = render(said).decode()
        assert re.findall(r'<li class="([A-Z]+) unchecked"><b>not checked</b>', page) == unchecked, name
        assert ("No image could get an answer." in page) is (name == "v3-uncalibrated")
        assert ("Not checked: whether an image is unlike anything" in page) is name.endswith("uncalibrated")
        assert "not available" not in page


def test_nothing_is_loaded_and_nothing_runs(said: Report) -> None:
    found = Tags(render(said, {said.images[0].name: PNG}))
    assert not {tag for tag, _ in found.tags} & {"script", "link", "iframe", "object", "embed", "form", "a", "base"}
    assert not any(name.startswith("on") for _, attributes in found.tags for name in attributes)
    sources = [a["src"] for _, a in found.tags if "src" in a]
    assert len(sources) == 1
    assert all((source or "").startswith("data:image/png;base64,") for source in sources)
    (policy,) = (a["content"] for _, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert (policy or "").startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert not re.search(rb"url\(|@import|https?://", render(said))


def test_whatever_a_stranger_wrote_is_shown_and_not_obeyed(said: Report) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>{{ 7*7 }}"
    row = replace(
        said.images[0], name=evil, specimen=evil, reasons=(evil,), scale=ScaleClaim("5", evil), remarks=(evil,)
    )
    header = replace(said.header, reference=evil, case=(evil,), limits=(evil,))
    bad = changed(said, header=header, images=(row, *said.images[1:]))
    found = Tags(render(bad, {evil: PNG}))
    assert "script" not in {tag for tag, _ in found.tags}
    assert not any("onerror" in attributes for _, attributes in found.tags)
    assert found.text.count(evil) >= 8
    assert "{{ 7*7 }}" in found.text


def test_tiles_lie_where_they_lay_and_those_without_structure_leave_a_gap(said: Report) -> None:
    row = next(row for row in said.images if row.judged is not None)
    assert row.judged is not None
    gaps = replace(row, judged=replace(row.judged, map="- 10 90; 20 - -"))
    images = tuple(gaps if one is row else replace(one, judged=None) for one in said.images)
    found = Tags(render(changed(said, images=images), {}))
    (drawing,) = (a for tag, a in found.tags if tag == "svg")
    assert drawing["viewbox"] == "0 0 3 2"
    assert [(a["x"], a["y"]) for tag, a in found.tags if tag == "rect"] == [("1", "0"), ("2", "0"), ("0", "1")]


def test_a_page_does_not_vouch_for_itself(said: Report) -> None:
    (command,) = re.findall(r"fusiondiff-audit verify[^<]*", render(said, {}).decode())
    assert said.header.trust.fingerprint not in command
