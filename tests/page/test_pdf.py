"""The PDF of a report: what it says, what is attached, and what it claims to conform to."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pypdf import PdfReader

from fusiondiff_audit.page.language import Language
from fusiondiff_audit.page.pdf import Paper, render_pdf
from fusiondiff_audit.page.thumbnails import page_thumbnail
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from signing import Algorithm, PrivateKey
from tests.images.test_prepare import micrograph
from tests.reports.verdict.made import changed, report

PNG = page_thumbnail(micrograph(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)))
SIGNED = b'{"a": "signed file"}'


@pytest.fixture(scope="module")
def small() -> Report:
    return report(PrivateKey.generate(Algorithm.ED25519).public, 6)


def pdf_of(report: Report, *, language: Language = Language.ENGLISH, paper: Paper = Paper.A4) -> bytes:
    return render_pdf(report, SIGNED, {report.images[0].name: PNG}, language=language, paper=paper)


def text_of(made: bytes) -> str:
    pages = PdfReader(io.BytesIO(made)).pages
    text = " ".join(page.extract_text() for page in pages)
    return re.sub(r"\s+", " ", text.replace("\u200b", ""))


def root_of(made: bytes) -> Any:
    return PdfReader(io.BytesIO(made)).root_object


def tags(node: Any) -> Iterator[Any]:
    """Yield the elements of a structure tree."""
    node = node.get_object()
    if isinstance(node, list):
        for child in node:
            yield from tags(child)
    elif hasattr(node, "get"):
        if "/S" in node:
            yield node
        if "/K" in node:
            yield from tags(node["/K"])


def test_the_signed_file_is_attached_and_the_bytes_are_the_same_each_time(small: Report) -> None:
    made = pdf_of(small)
    assert made == pdf_of(small)
    assert PdfReader(io.BytesIO(made)).attachments == {REPORT: [SIGNED]}
    (file,) = root_of(made)["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Source"


def test_it_claims_to_be_archivable_and_accessible_and_has_what_that_takes(small: Report) -> None:
    root = root_of(pdf_of(small))
    claims = root["/Metadata"].get_object().get_data().decode()
    for claim in ("pdfaid:part>3<", "pdfaid:conformance>A<", "pdfuaid:part>1<"):
        assert claim in claims
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    elements = list(tags(root["/StructTreeRoot"]["/K"]))
    kinds = [element["/S"] for element in elements]
    assert kinds.count("/H1") == 1
    assert {"/H2", "/H3", "/Table", "/TH", "/TD", "/L", "/Figure"} <= set(kinds)
    assert all(element.get("/Alt") for element in elements if element["/S"] == "/Figure")


@pytest.mark.parametrize(("paper", "points"), [(Paper.A4, (595, 842)), (Paper.LETTER, (612, 792))])
def test_each_sheet_has_report_number_and_page(small: Report, paper: Paper, points: tuple[int, int]) -> None:
    pages = PdfReader(io.BytesIO(pdf_of(small, paper=paper))).pages
    for number, page in enumerate(pages, 1):
        assert (round(page.mediabox.width), round(page.mediabox.height)) == points
        text = page.extract_text()
        assert small.header.id in text
        assert f"Page {number} of {len(pages)}" in text
        assert "DEMONSTRATION · NOT STRESS-TESTED" in text


@pytest.mark.parametrize("language", [Language.ENGLISH, Language.GERMAN, Language.FRENCH])
def test_it_names_every_specimen_and_every_file(small: Report, language: Language) -> None:
    text = text_of(pdf_of(small, language=language))
    for row in small.specimens:
        assert row.specimen in text
    for image in small.images:
        assert image.name in text
        assert image.sha256 is None or image.sha256 in text


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        ("#panic() *bold* $x$ `raw` @label <tag>", "#panic() *bold* $x$ `raw` @label <tag>"),
        ("a\u202eb\x07", "a\\u202eb\\x07"),
        ("ภาษา", "\\u0e20\\u0e32\\u0e29\\u0e32"),  # no font that comes along has these
        ('"] #read("/etc/passwd")', '"] #read("/etc/passwd")'),
    ],
)
def test_texts_of_a_report_stand_as_they_are(small: Report, reference: str, shown: str) -> None:
    made = changed(small, header=replace(small.header, reference=reference))
    assert shown in text_of(pdf_of(made))
