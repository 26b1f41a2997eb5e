"""Each language has every message, with the same values put in; numbers and dates are written as in the language."""

import re
from datetime import date
from pathlib import Path

import pytest

import fusiondiff_audit.page
from fusiondiff_audit.page.language import Catalogue, Language, catalogue_of
from fusiondiff_audit.page.render import css_text, render
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from reports.verdict.verdicts import Verdict, VerdictReason
from signing import Algorithm, PrivateKey
from tests.reports.verdict.made import ORIGIN, report
from tests.reports.verdict.test_vectors import VECTORS, payload_of

FOLDER = Path(fusiondiff_audit.page.__file__).parent
SOURCES = [*FOLDER.glob("*.py"), *FOLDER.glob("templates/*")]
KEY = r"[a-z]+\.[A-Za-z_-]+"
CODES = re.compile(r"(form|month|because|fault|next|ratio|verdict|step|specimen|limit|file|result)\.")  # put together


def placeholders(catalogue: Catalogue, key: str) -> set[str]:
    message = catalogue.messages[key]
    texts = [message] if isinstance(message, str) else message.values()
    return {name for text in texts for name in re.findall(r"\{([^}]*)\}", text)}


@pytest.mark.parametrize("language", Language)
def test_each_language_has_the_messages_and_values_of_english(language: Language) -> None:
    english, other = catalogue_of(Language.ENGLISH), catalogue_of(language)
    optional = {"form.first"}
    assert english.messages.keys() - other.messages.keys() - optional == set()
    assert other.messages.keys() - english.messages.keys() - optional == set()
    for key in english.messages:
        assert placeholders(other, key) | {"n"} == placeholders(english, key) | {"n"}, key
        forms = other.messages[key]
        if not isinstance(forms, str):
            assert {"other"} <= forms.keys() <= {"zero", "one", "other"}, key
        texts = [forms] if isinstance(forms, str) else forms.values()
        assert all(text and (text == text.strip() or key.startswith("form.")) for text in texts), key


def test_every_message_that_is_used_exists_and_every_message_is_used() -> None:
    text = "\n".join(source.read_text(encoding="utf-8") for source in SOURCES if source.name != "style.css")
    parts = {key.partition(".")[0] for key in catalogue_of(Language.ENGLISH).messages}
    named = {key for key in re.findall(f"[\"'`]({KEY})[\"'`]", text) if key.partition(".")[0] in parts}
    used = {key for key in named if not key.endswith((".html", ".css"))}
    stated = {key for key in catalogue_of(Language.ENGLISH).messages if key in used}
    assert used - stated == {"form.first"}
    assert len(stated) > 120
    unused = catalogue_of(Language.ENGLISH).messages.keys() - stated
    assert {key for key in unused if not CODES.match(key) and not key.startswith(("laboratory.", "errors.c"))} == set()


def test_each_reason_and_verdict_has_words() -> None:
    catalogue = catalogue_of(Language.ENGLISH)
    assert all(catalogue.choice("because", reason) for reason in VerdictReason)
    assert all(f"verdict.{verdict}" in catalogue.messages for verdict in Verdict)


def test_numbers_and_dates_are_written_as_in_the_language() -> None:
    english, german, french, chinese = map(catalogue_of, Language)
    assert [each.number(1234567) for each in (english, german, french)] == [
        "1,234,567",
        "1.234.567",
        "1\u202f234\u202f567",
    ]
    assert [each.decimal("0.694") for each in (english, german, french, chinese)] == [
        "0.694",
        "0,694",
        "0,694",
        "0.694",
    ]
    day = date(2026, 12, 1)
    assert [each.day(day) for each in (english, german, french, chinese)] == [
        "1 December 2026",
        "1. Dezember 2026",
        "1er décembre 2026",
        "2026年12月1日",
    ]
    assert french.day(date(2026, 12, 2)) == "2 décembre 2026"
    assert english.moment("2026-12-01T09:43:07Z") == "1 December 2026, 09:43 UTC"
    assert english.moment("yesterday") == "yesterday"
    assert french.text("result.images", n=0) == "0 image"


def test_values_are_put_in_as_they_are() -> None:
    catalogue = catalogue_of(Language.ENGLISH)
    assert (
        catalogue.text("head.issued_by", moment="{auditor}", auditor="{0}{n}")
        == "{auditor}, by {0}{n}, as the auditor states"
    )
    with pytest.raises(KeyError):
        catalogue.text("head.issued_by", moment="now")
    with pytest.raises(KeyError):
        catalogue.text("head.nothing")


def test_text_in_a_style_sheet_cannot_end_its_string() -> None:
    assert css_text('a"; } b\\') == "a\\000022\\00003b\\000020\\00007d\\000020b\\00005c"
    assert css_text("Prüf") == "Pr\\0000fcf"


@pytest.mark.parametrize("language", Language)
def test_each_report_is_rendered_in_each_language_twice_alike(language: Language) -> None:
    former = ("v1", "v2", "v3", "v3-uncalibrated")
    reports = [Report.from_payload(payload_of(VECTORS / name / REPORT), name) for name in former]
    reports.append(report(PrivateKey.generate(Algorithm.ED25519).public, 24))
    for said in reports:
        page = render(said, {}, language=language, origin=ORIGIN)
        assert page == render(said, {}, language=language, origin=ORIGIN)
        assert f'<html lang="{language.value}">'.encode() in page
        assert not re.search(rb"\{[a-z_]+\}", page.split(b"</style>")[1])
