"""The page of a report shows its rows, escaped, and loads nothing."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import numpy as np
import pytest

from fusiondiff_audit.page.files import PageImage
from fusiondiff_audit.page.language import Language
from fusiondiff_audit.page.render import css_text, render
from fusiondiff_audit.page.thumbnails import page_thumbnail
from fusiondiff_audit.policy.audit import AuditPolicy
from fusiondiff_audit.policy.laboratory import Case, Laboratory
from reports.stress.outcome import Outcome
from reports.verdict.claims import RobustnessClaim, ScaleClaim
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from reports.verdict.verdicts import Label, Verdict
from reports.verdict.wording import ratio_sentences, statement_lines
from signing import Algorithm, PrivateKey
from tests.images.test_prepare import micrograph
from tests.reports.verdict.made import ORIGIN, changed, redecided, report
from tests.reports.verdict.test_vectors import VECTORS, payload_of

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x60\0\0\0\x40" + bytes(20)


@pytest.fixture(scope="module")
def page_report() -> Report:
    return report(PrivateKey.generate(Algorithm.ED25519).public, 24)


def spaced(text: str) -> str:
    """Return text with one space where tags or blanks are."""
    return " ".join(text.replace("1 of 20", " 1 of 20 ").split())


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


def english(report: Report, thumbnails: Mapping[str, bytes] | None = None) -> bytes:
    return render(report, thumbnails or {}, language=Language.ENGLISH, origin=ORIGIN)


def test_a_page_is_reproducible_and_shows_the_rows_of_the_report(page_report: Report) -> None:
    page = english(page_report, {page_report.images[0].name: PNG})
    assert page == english(page_report, {page_report.images[0].name: PNG})
    text = PageTags(page).text
    assert all(row.specimen in text for row in page_report.specimens)
    for row in page_report.images:
        assert row.name in text
        assert row.sha256 is not None
        assert row.sha256 in text
        assert row.pixels is None or row.pixels in text
    for verdict in Verdict:
        number = page_report.header.specimens.by_verdict()[verdict]
        assert re.search(rf"\b{number}\W+{verdict.value}", text)
    assert "DEMONSTRATION" in text
    assert "NOT STRESS-TESTED" in text
    assert all(limit in text for limit in page_report.header.limits)
    assert page_report.header.trust.fingerprint in text


def test_the_result_is_one_sentence_on_specimens_before_all_numbers(page_report: Report) -> None:
    text = PageTags(english(page_report)).text
    sentence = "Of 10 specimens, 2 are like the reference; 1 is like known copies; 1 is like neither the reference nor "
    sentence += (
        "known copies; 4 could not be answered, for reasons given below; 2 were refused, because all its images "
    )
    assert sentence in text
    assert text.index("Of 10 specimens") < text.index("How often this method errs") < text.index("Verdict on each")
    images = tuple(row for row in page_report.images if row.specimen in ("sherd 0", "sherd 2"))
    few = redecided(page_report, images)
    expected = "Of 2 specimens, 1 is like the reference; 1 could not be answered, because either class is possible."
    assert expected in PageTags(english(few)).text


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
        page = english(page_report).decode()
        text = PageTags(page.encode()).text
        assert re.findall(r'<li class="([A-Z]+) unchecked"><b>not checked</b>', page) == unchecked, name
        assert ("No specimen could get an answer" in text) is (name == "v3-uncalibrated")
        assert ("which class can be ruled out" in text) is name.endswith("uncalibrated")
        assert ("whether the instrument was enrolled" in text) is (name[:2] != "v3")
        assert ("whether facts about imaging predict" in text) is (name == "v3-uncalibrated")
        assert ("These numbers count images" in text) is (name[:2] != "v3")
        if name == "v3-uncalibrated":
            rows = [row for row in page_report.specimens if row.evidence is not None]
            shown = [row.evidence for row in page_report.images if row.evidence is not None]
            assert page.count("Likeness to reference and known copies: not checked.") == len(rows) + len(shown) > 0
            assert "Not measured: nobody knows how often" in text


def test_error_rates_stand_beside_the_numbers_with_what_follows_for_the_batch(page_report: Report) -> None:
    text = PageTags(english(page_report)).text
    first = " ".join(text[: text.index("Verdict on each specimen")].split())
    statement = page_report.header.statement
    assert statement is not None
    assert all(sentence in first for sentence in statement_lines(page_report.header))
    assert "Known copies that were accepted as authentic 1 of 20 95 % confidence: 0.1 to 24.9 %" in spaced(first)
    assert "Oak2 of 5" in first
    assert first.index("Oak") < first.index("Elm")
    assert "sem-1, an enrolled instrument; enrolled instruments: sem-1, sem-2" in first
    assert "imaging was not found to predict the labels" in first
    model = replace(page_report.header.model, devices=("sem-9",), confounded=True)
    other = redecided(page_report, page_report.images, model=model)
    text = PageTags(english(other)).text
    assert "sem-1, which was NOT ENROLLED; it may differ as another maker does; enrolled instruments: sem-9" in text
    assert "IMAGING PREDICTS THE LABELS" in text
    assert "no image of this instrument was enrolled" in text


def test_what_speaks_for_a_verdict_is_said_in_words_with_the_ceiling_of_each_likelihood_ratio(
    page_report: Report,
) -> None:
    page = english(page_report).decode()
    assert "Like the reference: 15 of its 20 enrolled specimens fit it no better (p\u00a0=\u00a00.762)." in page
    assert "Unlike known copies: each of 20 enrolled ones fits them better (p\u00a0=\u00a00.048, the smallest" in page
    sentences = [line for row in page_report.specimens for line in ratio_sentences(row, page_report.header)]
    sentences += [line for row in page_report.images for line in ratio_sentences(row, page_report.header)]
    assert len(sentences) == page.count("this enrolment cannot support more than") > 4
    for sentence in sentences:  # the words of `verify`
        assert f"{sentence[0].upper()}{sentence[1:]}." in page
    unfamiliar = next(row for row in page_report.specimens if row.verdict is Verdict.UNFAMILIAR)
    assert not ratio_sentences(unfamiliar, page_report.header)  # both propositions are wrong
    model, stated = page_report.header.model, next(row for row in page_report.specimens if row.verdict == "AUTHENTIC")
    tiles = stated.evidence.tiles if stated.evidence is not None else ()
    assert ratio_sentences(stated, page_report.header)
    for fitted in ((*tiles, 1), (2 * tiles[0],)):  # to more images, or to twice as many tiles
        other = replace(page_report.header, model=replace(model, enrolled_tiles=fitted))
        assert not ratio_sentences(stated, other)
    assert "an image without a specimen&#39;s name" in page or "an image without a specimen's name" in page


def test_what_was_not_examined_is_listed_with_the_reason_and_the_measured_quality(page_report: Report) -> None:
    quality = "not assessable (saturated): white 7.1%, black 0.0%, contrast 0.92, focus 0.895"
    images = tuple(
        row if row.judged or row.verdict is Verdict.REFUSED else replace(row, quality=quality)
        for row in page_report.images
    )
    text = PageTags(english(changed(page_report, images=images))).text
    part = text[text.index("What was not examined") : text.index("Laboratory, customer and items")]
    for row in images:
        refused = f"{row.name}: the file was changed since it was signed"
        assert (refused in part) is (row.verdict is Verdict.REFUSED)
        left_out = f"{row.name}: cannot be judged (saturated): white 7.1 %, black 0.0 %, contrast 0.92, focus 0.895"
        assert (left_out in part) is (row.judged is None and row.verdict is not Verdict.REFUSED)
    assert "16 other signed files have no row in this report" in part
    assert "Obtain the refused images anew" in text


def test_laboratory_and_case_are_those_of_the_quoted_policy_and_unset_ones_are_not_stated(page_report: Report) -> None:
    text = PageTags(english(page_report)).text
    assert text.count("not stated") > 12
    assert "shall not be reproduced except in full" in text
    laboratory = Laboratory(name="Ceramics Laboratory", reproduction="Copies of parts need our consent.")
    case = Case(text=("Sale 12",), customer="City Museum", received=date(2026, 11, 1), deviations="No sampling.")
    policy = replace(page_report.header.policy, text=AuditPolicy(laboratory=laboratory, case=case).text)
    text = PageTags(english(changed(page_report, header=replace(page_report.header, policy=policy)))).text
    for stated in ("Ceramics Laboratory", "Copies of parts need our consent.", "City Museum", "No sampling."):
        assert stated in text
    assert "1 November 2026" in text
    assert "shall not be reproduced except in full" not in text
    policy = replace(policy, text='{"case":{"customer":7}}')
    text = PageTags(english(changed(page_report, header=replace(page_report.header, policy=policy)))).text
    assert "in a form that this version does not read" in text


def test_gate_and_votes_are_shown_only_where_they_differ(page_report: Report) -> None:
    assert "Weight of local texture" not in PageTags(english(page_report)).text
    assert "7 for authentic, 1 against" in PageTags(english(page_report)).text
    rows = [row for row in page_report.images if row.judged is not None]
    one = {
        row.name: replace(row.judged, votes_authentic=1, votes_counterfeit=0, tolerance=0, label=Label.AUTHENTIC)
        for row in rows
        if row.judged
    }
    images = tuple(replace(row, judged=one.get(row.name)) for row in page_report.images)
    assert "against" not in PageTags(english(changed(page_report, images=images))).text
    judged = one[rows[0].name]
    images = tuple(
        replace(row, judged=replace(judged, gate="0.100000")) if row is rows[0] else row for row in page_report.images
    )
    assert "Weight of local texture: 0.100" in PageTags(english(changed(page_report, images=images))).text


def test_each_printed_page_has_the_report_s_id_its_number_and_the_marks(page_report: Report) -> None:
    style = english(page_report).decode().split("</style>")[0]
    margins = dict(re.findall(r"@([a-z]+-[a-z]+) { content: (.*?); font", style))
    assert page_report.header.id in margins["top-left"]
    assert margins["top-right"] == f'"{css_text("DEMONSTRATION · NOT STRESS-TESTED")}"'
    assert "counter(page)" in margins["bottom-right"]
    assert "counter(pages)" in margins["bottom-right"]
    claim = RobustnessClaim(Outcome.PASSED, "quick", "0" * 64, "2026-11-21", "0" * 64, stale=False)
    passed = replace(page_report.header, robustness=claim, demonstration=False)
    style = english(changed(page_report, header=passed)).decode().split("</style>")[0]
    assert '@top-right { content: "";' in style


def test_a_page_of_a_hundred_specimens_is_small() -> None:
    large = report(PrivateKey.generate(Algorithm.ED25519).public, 200, specimens=100)
    noise = np.random.default_rng(1).integers(0, 2**16, (512, 512), dtype=np.uint16)  # nothing is compressed less
    png = page_thumbnail(micrograph(noise))
    assert (PageImage(png).width, PageImage(png).height) == (136, 136)
    assert len(english(large, {row.name: png for row in large.images})) < 3_000_000


def test_a_page_loads_nothing_and_runs_nothing(page_report: Report) -> None:
    tags = PageTags(english(page_report, {page_report.images[0].name: PNG}))
    assert not {tag for tag, _ in tags.tags} & {"script", "link", "iframe", "object", "embed", "form", "a", "base"}
    assert not any(name.startswith("on") for _, attributes in tags.tags for name in attributes)
    sources = [a["src"] for _, a in tags.tags if "src" in a]
    assert len(sources) == 1
    assert all((source or "").startswith("data:image/png;base64,") for source in sources)
    (policy,) = (a["content"] for _, a in tags.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert (policy or "").startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert not re.search(rb"url\(|@import|https?://", english(page_report))


def test_hostile_text_is_shown_as_text(page_report: Report) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>{{ 7*7 }}"
    row = replace(
        page_report.images[0], name=evil, specimen=evil, reasons=(evil,), scale=ScaleClaim("5", evil), remarks=(evil,)
    )
    header = replace(page_report.header, reference=evil, case=(evil,), limits=(evil,))
    bad = changed(page_report, header=header, images=(row, *page_report.images[1:]))
    tags = PageTags(english(bad, {evil: PNG}))
    assert "script" not in {tag for tag, _ in tags.tags}
    assert not any("onerror" in attributes for _, attributes in tags.tags)
    assert tags.text.count(evil) >= 6
    assert "{{ 7*7 }}" in tags.text


def test_a_map_shows_each_tile_in_its_place_and_gaps_for_tiles_without_a_score(page_report: Report) -> None:
    row = next(row for row in page_report.images if row.judged is not None)
    assert row.judged is not None
    gaps = replace(row, judged=replace(row.judged, map="- 10 90; 20 - -"))
    images = tuple(gaps if other is row else replace(other, judged=None, evidence=None) for other in page_report.images)
    tags = PageTags(english(changed(page_report, images=images)))
    (drawing,) = (a for tag, a in tags.tags if tag == "svg")
    assert drawing["viewbox"] == "0 0 3 2"
    assert [(a["x"], a["y"]) for tag, a in tags.tags if tag == "rect"] == [("1", "0"), ("2", "0"), ("0", "1")]


def test_a_page_does_not_state_the_fingerprint_to_verify_it_with(page_report: Report) -> None:
    (command,) = re.findall(r"fusiondiff-audit verify[^<]*", english(page_report).decode())
    assert page_report.header.trust.fingerprint not in command
