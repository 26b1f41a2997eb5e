"""The page of a report shows its rows, escaped, and loads nothing."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from fusiondiff_audit.page.render import render
from reports.verdict.claims import ScaleClaim
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from reports.verdict.verdicts import Verdict
from reports.verdict.wording import ratio_sentences
from signing import Algorithm, PrivateKey
from tests.reports.verdict.made import changed, redecided, report
from tests.reports.verdict.test_vectors import VECTORS, payload_of

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x60\0\0\0\x40" + bytes(20)


@pytest.fixture(scope="module")
def page_report() -> Report:
    return report(PrivateKey.generate(Algorithm.ED25519).public, 24)


class PageTags(HTMLParser):
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


def test_a_page_is_reproducible_and_shows_the_rows_of_the_report(page_report: Report) -> None:
    page = render(page_report, {page_report.images[0].name: PNG})
    assert page == render(page_report, {page_report.images[0].name: PNG})
    text = PageTags(page).text
    assert all(row.specimen in text for row in page_report.specimens)
    assert all(row.name in text for row in page_report.images)
    for verdict in Verdict:
        number = page_report.header.specimens.by_verdict()[verdict]
        assert re.search(rf"\b{number}\W+{verdict.value}", text)
    assert "DEMONSTRATION" in text
    assert all(limit in text for limit in page_report.header.limits)
    assert page_report.header.trust.fingerprint in text


def test_a_test_that_was_not_made_is_not_shown_as_zero() -> None:
    """Version 2 allowed answers without calibration; no version shows a count of UNFAMILIAR that was not tested."""
    for name, unchecked in (
        ("v2-uncalibrated", ["UNFAMILIAR"]),
        ("v3-uncalibrated", ["AUTHENTIC", "COUNTERFEIT", "UNFAMILIAR"]),
        ("v3", []),
        ("v2", []),
        ("v1", []),
    ):
        page_report = Report.from_payload(payload_of(VECTORS / name / REPORT), "it")
        page = render(page_report).decode()
        text = PageTags(page.encode()).text
        assert re.findall(r'<li class="([A-Z]+) unchecked"><b>not checked</b>', page) == unchecked, name
        assert ("No specimen could get an answer." in text) is (name == "v3-uncalibrated")
        assert ("Not checked: which class can be ruled out" in text) is name.endswith("uncalibrated")
        assert ("Not checked: whether the instrument was enrolled" in text) is (name[:2] != "v3")
        assert ("Not checked: whether facts about imaging predict" in text) is (name == "v3-uncalibrated")
        if name == "v3-uncalibrated":
            rows = [row for row in page_report.specimens if row.evidence is not None]
            shown = [row.evidence for row in page_report.images if row.evidence is not None]
            assert page.count('<td data-head="p, authentic">not checked</td>') == len(rows) + len(shown) > 0
            assert "not measured" in text


def test_page_one_states_error_rates_instrument_confounding_and_the_whole_batch(page_report: Report) -> None:
    text = PageTags(render(page_report, {})).text
    first = text[: text.index("A p-value says")]
    statement = page_report.header.statement
    assert statement is not None
    assert statement.sentence() in first
    assert "Of 7 specimens like the reference, approximately 0.4 have the reference ruled out" in first
    assert "1 of 20 known copies accepted (0.1 to 24.9 %)" in first
    assert "2 of 5 specimens of Oak (5.2 to 85.4 %), the worst, 0 of 5 of Elm" in first
    assert "sem-1, enrolled; enrolled: sem-1, sem-2" in first
    assert "imaging was not found to predict the labels" in first
    model = replace(page_report.header.model, devices=("sem-9",), confounded=True)
    other = redecided(page_report, page_report.images, model=model)
    text = PageTags(render(other, {})).text
    assert "sem-1, NOT ENROLLED; enrolled: sem-9" in text
    assert "IMAGING PREDICTS THE LABELS" in text
    assert "no image of this instrument was enrolled" in text


def test_a_specimen_is_shown_with_its_p_values_and_likelihood_ratios(page_report: Report) -> None:
    page = render(page_report, {}).decode()
    assert '<td data-head="p, authentic">0.762</td><td data-head="p, counterfeit">0.048</td>' in page
    assert '<td data-head="p, spread">one image</td>' in page
    sentences = [line for row in page_report.specimens for line in ratio_sentences(row, page_report.header)]
    sentences += [line for row in page_report.images for line in ratio_sentences(row, page_report.header)]
    assert len(sentences) == page.count("this enrolment cannot support more than") > 4
    unfamiliar = next(row for row in page_report.specimens if row.verdict is Verdict.UNFAMILIAR)
    assert not ratio_sentences(unfamiliar, page_report.header)  # both propositions are wrong
    model, stated = page_report.header.model, next(row for row in page_report.specimens if row.verdict == "AUTHENTIC")
    tiles = stated.evidence.tiles if stated.evidence is not None else ()
    assert ratio_sentences(stated, page_report.header)
    for fitted in ((*tiles, 1), (2 * tiles[0],)):  # to more images, or to twice as many tiles
        other = replace(page_report.header, model=replace(model, enrolled_tiles=fitted))
        assert not ratio_sentences(stated, other)
    assert "an image without a specimen&#39;s name" in page or "an image without a specimen's name" in page


def test_a_page_loads_nothing_and_runs_nothing(page_report: Report) -> None:
    tags = PageTags(render(page_report, {page_report.images[0].name: PNG}))
    assert not {tag for tag, _ in tags.tags} & {"script", "link", "iframe", "object", "embed", "form", "a", "base"}
    assert not any(name.startswith("on") for _, attributes in tags.tags for name in attributes)
    sources = [a["src"] for _, a in tags.tags if "src" in a]
    assert len(sources) == 1
    assert all((source or "").startswith("data:image/png;base64,") for source in sources)
    (policy,) = (a["content"] for _, a in tags.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert (policy or "").startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert not re.search(rb"url\(|@import|https?://", render(page_report))


def test_hostile_text_is_shown_as_text(page_report: Report) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>{{ 7*7 }}"
    row = replace(
        page_report.images[0], name=evil, specimen=evil, reasons=(evil,), scale=ScaleClaim("5", evil), remarks=(evil,)
    )
    header = replace(page_report.header, reference=evil, case=(evil,), limits=(evil,))
    bad = changed(page_report, header=header, images=(row, *page_report.images[1:]))
    tags = PageTags(render(bad, {evil: PNG}))
    assert "script" not in {tag for tag, _ in tags.tags}
    assert not any("onerror" in attributes for _, attributes in tags.tags)
    assert tags.text.count(evil) >= 8
    assert "{{ 7*7 }}" in tags.text


def test_a_map_shows_each_tile_in_its_place_and_gaps_for_tiles_without_a_score(page_report: Report) -> None:
    row = next(row for row in page_report.images if row.judged is not None)
    assert row.judged is not None
    gaps = replace(row, judged=replace(row.judged, map="- 10 90; 20 - -"))
    images = tuple(gaps if other is row else replace(other, judged=None, evidence=None) for other in page_report.images)
    tags = PageTags(render(changed(page_report, images=images), {}))
    (drawing,) = (a for tag, a in tags.tags if tag == "svg")
    assert drawing["viewbox"] == "0 0 3 2"
    assert [(a["x"], a["y"]) for tag, a in tags.tags if tag == "rect"] == [("1", "0"), ("2", "0"), ("0", "1")]


def test_a_page_does_not_state_the_fingerprint_to_verify_it_with(page_report: Report) -> None:
    (command,) = re.findall(r"fusiondiff-audit verify[^<]*", render(page_report, {}).decode())
    assert page_report.header.trust.fingerprint not in command
