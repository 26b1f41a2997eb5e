"""The page that is shipped, in Chromium: it answers as the tool does, shows signed rows, and loads nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.page.verifier_build import VERIFIER_PAGE
from reports.verdict.excerpt import make_excerpt
from reports.verdict.issue import CHECKPOINT, REPORT, SUMMARY
from signing import (
    Algorithm,
    Checkpoint,
    PrivateKey,
    Role,
    TrustStore,
    now,
    sign_checkpoint,
    write_key,
    write_time,
)
from signing.sigstore_bundle import sign_payload
from tests.conftest import entry, make_trust
from tests.page.browser import Browser, browsing
from tests.reports.verdict.made import redecided, report
from tests.reports.verdict.test_vectors import PIN, VECTORS

pytestmark = pytest.mark.outside
AUDITOR, ROOT = (PrivateKey.generate(Algorithm.ED25519) for _ in range(2))
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def trust() -> TrustStore:
    """Return a store that is good today, by the clock of the browser."""
    return make_trust(ROOT, (entry(AUDITOR, Role.AUDITOR, "auditor-1"),))


def received(folder: Path, **changes: Any) -> Path:
    """Write the folder of a report that the auditor signed today."""
    folder.mkdir()
    made = report(AUDITOR.public, issued=write_time(now()))
    made = redecided(made, made.images, **changes)
    (folder / REPORT).write_bytes(sign_payload(made.to_payload(), AUDITOR))
    return folder / REPORT


def checked(browser: Browser, files: list[Path], trust: Path | None, pin: str, images: tuple[Path, ...] = ()) -> Any:
    """Give the page these files, and return its outcome, reason and text."""
    browser.open(VERIFIER_PAGE)
    browser.choose("report-files", files)
    if trust is not None:
        browser.choose("trust-file", [trust])
    if images:
        browser.choose("image-files", list(images))
    browser.value(f"document.getElementById('pin').value = '{pin}'")
    browser.value("document.getElementById('check').click()")
    browser.wait_for("document.getElementById('outcome') !== null")
    data = "document.getElementById('outcome').dataset"
    text = browser.value("document.getElementById('answer').innerText")
    return browser.value(f"{data}.outcome"), browser.value(f"{data}.reason"), text


@pytest.fixture
def store(tmp_path: Path, trust: TrustStore) -> Path:
    path = tmp_path / "trust.json"
    path.write_bytes(trust.to_bytes())
    return path


def test_a_genuine_report_passes_and_its_signed_rows_are_shown(
    browser: Browser, tmp_path: Path, store: Path, trust: TrustStore
) -> None:
    page = tmp_path / "report.html"
    page.write_text("<p>AUTHENTIC</p>")
    file = received(tmp_path / "out", reference=HOSTILE)
    outcome, reason, text = checked(browser, [file, page], store, f"sha256:{trust.fingerprint}")
    assert (outcome, reason) == ("PASSED", ""), text
    assert "The signed file is genuine and unaltered. DEMONSTRATION." in text
    assert f"AUTHENTIC means authentic as: {HOSTILE}" in text
    assert "report.html: not signed, or not compared" in text
    assert "tile-000000.tif" in text
    assert browser.value("document.querySelectorAll('#answer img').length") == 0
    assert browser.complaints() == []
    assert {address.partition(":")[0] for address in browser.addresses()} == {"file"}


@pytest.mark.parametrize("way", ["dropped", "chosen"])
def test_a_whole_folder(browser: Browser, tmp_path: Path, store: Path, trust: TrustStore, way: str) -> None:
    """The trust store in it is not used, and the one that was chosen is."""
    file = received(tmp_path / "out")
    (file.parent / "images").mkdir()
    (file.parent / "images" / "trust.json").write_bytes(b"{}")
    browser.open(VERIFIER_PAGE)
    browser.choose("trust-file", [store])
    browser.value(f"document.getElementById('pin').value = '{trust.fingerprint}'")
    if way == "dropped":
        browser.drop("drop-report", file.parent)
    else:
        browser.choose("report-folder", [file.parent])
    browser.wait_for("document.getElementById('report-chosen').textContent !== ''")
    browser.value("document.getElementById('check').click()")
    browser.wait_for("document.getElementById('outcome')?.dataset.outcome === 'PASSED'")
    text = browser.value("document.getElementById('answer').innerText")
    assert "out/images/trust.json: not signed, or not compared" in text


def test_rows_are_sorted_filtered_and_paged(browser: Browser, tmp_path: Path, store: Path, trust: TrustStore) -> None:
    checked(browser, [received(tmp_path / "out")], store, trust.fingerprint)
    rows = "document.querySelectorAll('section')[1].querySelectorAll('tbody tr')"
    assert browser.value(f"{rows}.length") == 30
    browser.value("document.querySelectorAll('section')[1].querySelectorAll('th button')[2].click()")
    verdicts = browser.value(f"[...{rows}].map((row) => row.children[2].textContent)")
    assert verdicts == sorted(verdicts)
    assert len(set(verdicts)) == 5
    browser.value(
        "const filter = document.querySelectorAll('section')[1].querySelector('input');"
        "filter.value = 'TILE-00001'; filter.dispatchEvent(new Event('input'))"
    )
    assert browser.value(f"{rows}.length") == 10


def test_what_leaves_a_report_without_an_answer(
    browser: Browser, tmp_path: Path, store: Path, trust: TrustStore
) -> None:
    file = received(tmp_path / "out")
    beside = file.parent / "trust.json"
    beside.write_bytes(store.read_bytes())
    key = write_key(AUDITOR, tmp_path / "auditor.pem", passphrase=None)
    v1 = VECTORS / "v1"
    answers = {
        "no-pin": checked(browser, [file], store, ""),
        "trust-beside-report": checked(browser, [file, beside], None, trust.fingerprint),
        "no-trust-store": checked(browser, [file], None, trust.fingerprint),
        "needs-tool": checked(browser, [v1 / REPORT, v1 / CHECKPOINT, v1 / SUMMARY], v1 / "trust.json", PIN),
    }
    for expected, (outcome, reason, text) in answers.items():
        assert (outcome, reason) == ("INCONCLUSIVE", expected), text
    by_key = checked(browser, [file], key, AUDITOR.public.keyid)
    assert by_key[:2] == ("INCONCLUSIVE", "no-trust-store")
    assert "tile-000000.tif" in by_key[2]
    assert "tile-000000.tif" not in answers["no-pin"][2]  # who signed is not known, so no row is shown


def test_a_file_of_more_than_200_megabytes_is_not_read(browser: Browser, tmp_path: Path, store: Path) -> None:
    large = tmp_path / REPORT
    with large.open("wb") as file:
        file.truncate(200_000_001)
    outcome, reason, text = checked(browser, [large], store, 64 * "0")
    assert (outcome, reason) == ("INCONCLUSIVE", "needs-tool")
    assert "200,000,001 bytes, more than the 200,000,000 that this page reads" in text


def test_a_report_that_was_changed_is_refused_and_none_of_it_shown(
    browser: Browser, tmp_path: Path, store: Path, trust: TrustStore
) -> None:
    file = received(tmp_path / "out")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] = ord("A") if data[len(data) // 2] != ord("A") else ord("B")
    file.write_bytes(data)
    outcome, reason, text = checked(browser, [file], store, trust.fingerprint)
    assert (outcome, reason) == ("REFUSED", "bad-signature")
    assert "tile-" not in text
    browser.send("Emulation.setDeviceMetricsOverride", width=380, height=800, deviceScaleFactor=1, mobile=False)
    assert checked(browser, [file], store, 64 * "0")[:2] == ("REFUSED", "wrong-root")
    assert browser.value("document.documentElement.scrollWidth") <= 380
    browser.send("Emulation.clearDeviceMetricsOverride")


def test_images_are_compared_by_their_digests(browser: Browser, tmp_path: Path, store: Path, trust: TrustStore) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    own, other, stranger = (folder / name for name in ("tile-000000.tif", "tile-000001.tif", "holiday.tif"))
    for path in (own, other, stranger):
        path.write_bytes(path.name.encode())  # as the made reports state it of their images
    file = received(tmp_path / "out")
    outcome, _, text = checked(browser, [file], store, trust.fingerprint, (own, other))
    assert outcome == "PASSED"
    assert "2 of the files given are images that were judged" in text
    assert checked(browser, [file], store, trust.fingerprint, (stranger,))[:2] == ("INCONCLUSIVE", "unknown-file")
    other.write_bytes(b"another")
    assert checked(browser, [file], store, trust.fingerprint, (own, other))[:2] == ("REFUSED", "digest-mismatch")


def test_an_excerpt_passes_where_its_rows_are_leaves_of_the_signed_tree(
    browser: Browser, tmp_path: Path, store: Path, trust: TrustStore
) -> None:
    made = report(AUDITOR.public, issued=write_time(now()))
    head = sign_checkpoint(Checkpoint(made.origin, len(made.tree), made.tree.root()), AUDITOR)
    data = make_excerpt(made, head, "tile-000000.tif")
    path = tmp_path / "one.json"
    path.write_bytes(data)
    outcome, reason, text = checked(browser, [path], store, trust.fingerprint)
    assert (outcome, reason) == ("PASSED", ""), text
    assert "It says of tile-000000.tif: AUTHENTIC" in text
    path.write_bytes(data.replace(b'"AUTHENTIC"', b'"UNFAMILIAR"'))
    assert checked(browser, [path], store, trust.fingerprint)[0] == "REFUSED"
