"""The page of a reviewer: its order, what it may run, and what leaves it."""

import base64
import json
import re
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import pytest

from fusiondiff_audit.page.review_page import distance_to_bound, review_page
from reports.arithmetic import Rank
from reports.verdict.report import Report
from reports.verdict.review import read_decisions, report_digest
from signing import Algorithm, PrivateKey
from tests.page.browser import browsing
from tests.page.test_report import PNG
from tests.reports.verdict.made import changed, report

KEY = PrivateKey.generate(Algorithm.ED25519)


@pytest.fixture(scope="module")
def reviewed() -> Report:
    return report(KEY.public, 40)


def content_of(page: bytes) -> dict[str, object]:
    (text,) = re.findall(r'id="content">(.*?)</script>', page.decode(), re.DOTALL)
    content: dict[str, object] = json.loads(text)
    return content


@pytest.mark.parametrize("of", [0, 1, 19, 25, 60])
@pytest.mark.parametrize("alpha", [Fraction(1, 20), Fraction(1, 10), Fraction(1, 2)])
def test_a_margin_is_the_least_change_of_a_rank_that_crosses_the_error_rate(of: int, alpha: Fraction) -> None:
    for at_least in range(of + 1):
        rank = Rank(at_least, of)
        crossing = [
            abs(other - at_least) for other in range(of + 1) if Rank(other, of).above(alpha) is not rank.above(alpha)
        ]
        if crossing:
            assert distance_to_bound(rank, alpha) == min(crossing)


def test_the_page_runs_its_own_script_alone_and_is_the_same_each_time(reviewed: Report) -> None:
    page = review_page(reviewed, {reviewed.images[0].name: PNG})
    assert page == review_page(reviewed, {reviewed.images[0].name: PNG})
    text = page.decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    for kind in ("script", "style"):
        (element,) = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(sha256(element.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy[1]
    assert "default-src 'none'" in policy[1]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_texts_of_a_report_end_no_element(reviewed: Report) -> None:
    hostile = "</script><script>alert(1)</script>\u202e {{SCRIPT}}"
    made = changed(reviewed, header=replace(reviewed.header, reference=hostile))
    page = review_page(made, {}).decode()
    assert page.count("<script") == page.count("</script>") == 2
    assert "\u202e" not in page
    assert "{{SCRIPT}}" in page


def test_every_specimen_is_listed_with_its_images(reviewed: Report) -> None:
    content = content_of(review_page(reviewed, {}))
    specimens = content["specimens"]
    assert isinstance(specimens, list)
    assert {one["name"] for one in specimens} >= {row.specimen for row in reviewed.specimens}
    shown = [image["name"] for one in specimens for image in one["images"]]
    assert sorted(shown) == sorted(row.name for row in reviewed.images)
    assert content["report"] == report_digest(reviewed)


@pytest.mark.outside
def test_decisions_by_keys_leave_the_page_as_a_file_that_can_be_signed(reviewed: Report, tmp_path: Path) -> None:
    (tmp_path / "review.html").write_bytes(review_page(reviewed, {}))
    with browsing(tmp_path / "profile") as browser:
        browser.open(tmp_path / "review.html")
        first = browser.value("document.querySelector('#detail h2').textContent")
        press = "document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{}', bubbles: true}}))"
        browser.value(press.format("a"))
        browser.value(press.format("j"))
        second = browser.value("document.querySelector('#detail h2').textContent")
        browser.value(press.format("d"))
        browser.value("document.getElementById('export').click()")
        assert "give a reason" in browser.value("document.getElementById('count').textContent")
        browser.value("document.getElementById('why').value = '<b>not</b> ours\\n\\n'")
        browser.value("document.getElementById('why').dispatchEvent(new Event('input'))")
        keep = "blob.text().then((text) => { window.left = text })"
        browser.value(f"URL.createObjectURL = (blob) => {{ {keep}; return 'blob:x' }}")
        browser.value("document.getElementById('export').click()")
        browser.wait_for("window.left !== undefined")
        left = browser.value("window.left")
        assert not [event for event in browser.events if event.get("method") == "Network.requestWillBeSent"][1:]
    digest, decisions = read_decisions(left.encode(), "decisions.json")
    assert digest == report_digest(reviewed)
    assert {(one.specimen, one.decision.value, one.reason) for one in decisions} == {
        (first, "agree", None),
        (second, "disagree", "<b>not</b> ours"),
    }
