"""`verify`, `report excerpt` and `report verify-excerpt`, as whoever received a report calls them."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from pypdf import PdfReader

from fusiondiff_audit.cli.exits import Exit
from fusiondiff_audit.page.verifier_build import VERIFIER_PAGE
from reports.stress.outcome import Outcome
from reports.verdict.claims import RobustnessClaim
from reports.verdict.issue import REPORT
from reports.verdict.versions import V2, VERSIONS
from reports.verdict.wording import robustness_lines
from tests.cli.conftest import Tool
from tests.reports.verdict.test_vectors import VECTORS


def test_a_genuine_report_passes_with_numbered_checks(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    for path in (folder, folder / REPORT):
        done = lab("verify", path, "--trust", "trust.json")
        assert done.code == 0, done.out
        assert "1.  passed  signature" in done.out
        assert "report.sigstore.json is genuine and unaltered" in done.out.splitlines()[-1] + done.err
        assert "authentic as Kiln Alder" in done.out
        assert "DEMONSTRATION" in done.out
    as_json = lab("verify", folder, "--trust", "trust.json", "--json").json
    assert [check["check"] for check in as_json["checks"]][:4] == ["signature", "time", "names", "tree"]
    assert len(as_json["images"]) == 30


def test_a_changed_report_fails_at_a_numbered_check(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    data = bytearray((folder / REPORT).read_bytes())
    data[len(data) // 2] = ord("A") if data[len(data) // 2] != ord("A") else ord("B")  # still base64
    (folder / REPORT).write_bytes(data)
    done = lab("verify", folder, "--trust", "trust.json")
    assert done.code == Exit.INTEGRITY
    assert "FAILED" in done.out
    assert lab("verify", "nowhere", "--trust", "trust.json").code == Exit.UNREADABLE
    Path("empty").mkdir()
    assert lab("verify", "empty", "--trust", "trust.json").code == Exit.UNREADABLE


def test_every_unsigned_file_is_listed_as_not_checked(lab: Tool, received: Callable[..., Path]) -> None:
    """A page may be edited while the signed file stays genuine."""
    folder = received()
    escape = "x\x1b[2Jy\n1.  passed"
    for name in (
        "report.html",
        "report.pdf",
        "robustness.html",
        "report.html: checked, genuine",
        escape,
        "\u3164.html",
    ):
        (folder / name).write_bytes(b"forged")
    (folder / "robustness.sigstore.json").write_bytes(b"{}")
    (folder / "batch").mkdir()
    (folder / "link.html").symlink_to("report.html")
    done = lab("verify", folder, "--trust", "trust.json")
    assert done.code == 0, done.out
    assert done.out.splitlines()[-1].startswith(
        "PASSED: report.sigstore.json is genuine and unaltered (trust store not pinned); "
        "report.html beside it was NOT compared. DEMONSTRATION. It says: "
    )
    for line in (
        "report.html: the page for people, not signed, made by another version or by another program, not compared",
        "report.pdf: not signed, not compared",
        "robustness.html: the page of a stress test, not signed, not compared",
        "'report.html: checked, genuine': not signed, not compared",
        "robustness.sigstore.json: signed on its own, not checked here",
        "batch: a folder, not opened",
        "link.html: a link, not followed",
        r"'x\x1b[2Jy\n1.  passed': not signed, not compared",
        r"'\u3164.html': not signed, not compared",
    ):
        assert f"beside it  {line}" in done.out, line
    assert "\x1b" not in done.out
    found = lab("verify", folder, "--trust", "trust.json", "--json").json
    assert {"name": "report.pdf", "state": "not signed, not compared"} in found["unchecked"]
    assert len(found["unchecked"]) == 9
    for number in range(30):
        (folder / f"more-{number}").write_bytes(b"")
    assert "19 files more, not checked either" in lab("verify", folder, "--trust", "trust.json").out
    alone = lab("verify", folder / REPORT, "--trust", "trust.json", "--json").json
    assert len(alone["unchecked"]) == 39  # the page's own command names this file
    (folder / REPORT).rename(folder / "renamed.json")
    assert lab("verify", folder / "renamed.json", "--trust", "trust.json", "--json").json["unchecked"] == []


def test_a_page_is_compared_with_the_signed_file(
    lab: Tool, received: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = received()
    page, trust = folder / "report.html", ("--trust", "trust.json")
    assert "report.html" not in lab("verify", folder, *trust).out
    for language in ("de", "en"):
        page.unlink(missing_ok=True)
        assert lab("report", "render", folder, "--out", page, "--language", language).code == 0
        assert f'lang="{language}"' in page.read_text()
        for path in (folder, folder / REPORT):
            done = lab("verify", path, *trust)
            assert (
                "passed  page: report.html is what the signed file gives, byte for byte; it has no images" in done.out
            )
            assert "is genuine and unaltered (trust store not pinned); report.html is its page. " in done.out
            assert "beside it" not in done.out
    genuine = page.read_text()
    page.write_text(genuine.replace("COUNTERFEIT", "AUTHENTIC"))
    done = lab("verify", folder, *trust)
    assert done.code == Exit.INTEGRITY
    last = done.out.splitlines()[-1]
    assert last.startswith("REFUSED: report.html: is not the page of the signed file: line ")
    assert "FAILED  contradiction: report.html: is not the page" in done.out
    assert "hint: the signed file is genuine" in done.err
    page.write_text(genuine.replace("AUTHENTIC means", "AUTHENTIC is"))
    refused = lab("verify", folder, *trust, "--json")
    assert (refused.code, refused.json["reason"]) == (Exit.INTEGRITY, "contradiction")
    page.unlink()
    page.symlink_to("/dev/zero")
    done = lab("verify", folder, *trust)
    assert "beside it  report.html: a link, not followed" in done.out
    assert "NOT compared" in done.out.splitlines()[-1]
    page.unlink()
    page.write_text(genuine)
    monkeypatch.setattr("fusiondiff_audit.page.comparison.MAX_PAGE", 100)
    assert "not signed, too large to be compared" in lab("verify", folder, *trust).out
    monkeypatch.setattr("fusiondiff_audit.cli.page_check.find_spec", lambda name: None)
    done = lab("verify", folder, *trust)
    assert (done.code, "not signed, not compared: jinja2 is not installed" in done.out) == (0, True)
    assert "report.html beside it was NOT compared" in done.out.splitlines()[-1]


def test_claims_of_the_auditor_alone_are_marked(lab: Tool, received: Callable[..., Path]) -> None:
    claim = RobustnessClaim(Outcome.PASSED, "quick", "1" * 64, "2026-11-21", "0" * 64, stale=False)
    out = lab("verify", received(robustness=claim), "--trust", "trust.json").out
    for line in robustness_lines(claim):
        assert f"stress test      as the auditor says: {line}\n" in out
    assert "signed by        as the auditor says: sem-1" in out
    assert "trust store      as the auditor says: another one than this" in out


def test_images_and_model_are_compared_if_given(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    Path("pictures").mkdir()
    Path("pictures", "a.tif").write_bytes(b"picture")
    assert lab("sign", "pictures", "--key", "device.pem", "--device", "sem-1").code == 0
    other = lab("verify", folder, "--trust", "trust.json", "--images", "pictures", "--json")
    assert (other.code, other.json["reason"]) == (Exit.INTEGRITY, "digest-mismatch")
    Path("model").mkdir()
    none = lab("verify", folder, "--trust", "trust.json", "--model", "model", "--json")
    assert (none.code, none.json["reason"]) == (Exit.INTEGRITY, "no-signature")


def test_an_excerpt_shows_one_image_and_is_verified_without_the_report(
    lab: Tool, received: Callable[..., Path]
) -> None:
    folder = received()
    made = lab("report", "excerpt", folder, "tile-000003.tif", "--out", "three.json")
    assert made.code == 0, made.out
    for path in sorted(folder.iterdir()):
        path.unlink()
    done = lab("report", "verify-excerpt", "three.json", "--trust", "trust.json", "--json")
    assert done.code == 0, done.out
    assert (done.json["image"], done.json["verdict"]) == ("tile-000003.tif", "UNFAMILIAR")
    assert done.json["format"] == "fusiondiff-audit/report/v3"
    assert done.json["rules"] == {"format": "fusiondiff-audit/report/v3", "newest": True, "gaps": []}
    assert done.json["checked"] == {"spread": True, "confounding": True, "answers": True}
    assert done.json["specimen"] == {
        "name": "sherd 3",
        "verdict": "UNFAMILIAR",
        "reasons": ["unfamiliar"],
        "images": 3,
    }
    plain = lab("report", "verify-excerpt", "three.json", "--trust", "trust.json").out.splitlines()[-1]
    assert "by the rules of version" not in plain
    assert plain.endswith("It says of tile-000003.tif: UNFAMILIAR; of sherd 3, by all 3 images: UNFAMILIAR")
    Path("other.tif").write_bytes(b"another picture")
    bad = lab("report", "verify-excerpt", "three.json", "--trust", "trust.json", "--image", "other.tif", "--json")
    assert (bad.code, bad.json["reason"]) == (Exit.INTEGRITY, "digest-mismatch")
    Path("three.json").write_bytes(Path("three.json").read_bytes().replace(b"UNFAMILIAR", b"AUTHENTIC", 1))
    assert lab("report", "verify-excerpt", "three.json", "--trust", "trust.json").code == Exit.INTEGRITY
    again = received("again")
    assert lab("report", "excerpt", again, "nowhere.tif", "--out", "x.json").code == Exit.USAGE
    assert lab("report", "excerpt", again, "tile-000024.tif", "--out", "blurred.json").code == 0
    blurred = lab("report", "verify-excerpt", "blurred.json", "--trust", "trust.json").out
    assert "was not assessable, and is no part of the evidence" in blurred
    assert "p-values         authentic 0.762, counterfeit 0.048, spread 0.308" in blurred
    assert lab("report", "excerpt", again, "tile-000029.tif", "--out", "nameless.json").code == 0
    nameless = lab("report", "verify-excerpt", "nameless.json", "--trust", "trust.json").out
    assert "p-values         authentic 0.048, counterfeit 0.762\n" in nameless
    assert "likelihood       the findings are about" in nameless


_GAPS_2 = VERSIONS[V2].gaps
BY_WORST = f"{', '.join(_GAPS_2[:-1])} and {_GAPS_2[-1]}"


@pytest.mark.parametrize(
    ("name", "remark", "checked"),
    [
        ("v1", f"version 1, which took ranks as the auditor wrote them, {BY_WORST}. ", True),
        ("v2", f"version 2, which {BY_WORST}. ", True),
        ("v2-uncalibrated", f"version 2, which {BY_WORST}. ", False),
    ],
)
def test_an_old_version_is_named_with_the_gaps_of_its_rules(tool: Tool, name: str, remark: str, checked: bool) -> None:
    folder = VECTORS / name
    hour = "2026-11-21T21:15:00Z" if name == "v1" else "2026-11-30T13:00:00Z"  # while the auditor's key was good
    trust = ("--trust", folder / "trust.json", "--at", hour)
    calls = {
        "is genuine and unaltered": ("verify", folder, *trust),
        "excerpt genuine": ("report", "verify-excerpt", folder / "excerpt.json", *trust),
    }
    for sentence, words in calls.items():
        done = tool(*words)
        assert done.code == 0, done.out
        last = done.out.splitlines()[-1]
        assert sentence in last
        assert f", by the rules of {remark}" in last
        assert "not checked      whether the model was enrolled with an image" in done.out
        assert ("not checked      how often an answer is wrong" in done.out) is not checked
        data = tool(*words, "--json").json
        assert data["format"] == f"fusiondiff-audit/report/{name[:2]}"
        assert (data["rules"]["format"], data["rules"]["newest"]) == (data["format"], False)
        assert tuple(data["rules"]["gaps"][-4:]) == _GAPS_2
        assert set(data["checked"].values()) == {checked}


def test_the_verifier_page_is_written_with_its_digest(lab: Tool) -> None:
    done = lab("report", "verifier", "--out", "verify.html", "--json").json
    page = Path("verify.html").read_bytes()
    assert done["sha256"] == sha256(page).hexdigest()
    assert page == VERIFIER_PAGE.read_bytes()
    assert lab("report", "verifier", "--out", "verify.html").code == Exit.USAGE


def test_a_pdf_holds_the_signed_file(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    done = lab("report", "pdf", folder, "--out", "report.pdf", "--json")
    assert done.code == 0, done.err
    made = Path("report.pdf").read_bytes()
    assert done.json["sha256"] == sha256(made).hexdigest()
    assert PdfReader("report.pdf").attachments == {REPORT: [(folder / REPORT).read_bytes()]}
    assert lab("report", "pdf", folder, "--out", "report.pdf").code == Exit.USAGE  # nothing is overwritten
    assert Path("report.pdf").read_bytes() == made
