"""`verify` and `report render` of a stress result, as whoever received one calls them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import signing
from fusiondiff_audit.cli.exits import Exit
from reports.stress.outcome import Outcome
from reports.stress.result import RESULT, STRESS_PAGE, sign_stress_result
from tests.cli.conftest import ADD_AUDITOR, Tool
from tests.reports.stress.test_stress_result import FAILED_GATE, made
from tests.reports.verdict.made import digest

TRUST = ("--trust", "trust.json")


@pytest.fixture
def stressed(lab: Tool) -> Callable[..., Path]:
    """Return what writes a stress result that the lab's auditor signed."""
    assert lab(*ADD_AUDITOR).code == 0
    key = signing.load_key(Path("auditor.pem"), passphrase=lambda: b"")

    def write(**changes: Any) -> Path:
        issued = signing.write_time(signing.now())
        Path("stressed").mkdir()
        Path("stressed", RESULT).write_bytes(sign_stress_result(made(key.public, issued=issued, **changes), key))
        return Path("stressed")

    return write


def test_a_genuine_result_passes_and_says_what_happened(lab: Tool, stressed: Callable[..., Path]) -> None:
    folder = stressed(word=Outcome.FAILED, gates=(FAILED_GATE,))
    (folder / STRESS_PAGE).write_text("forged")
    (folder / RESULT).rename(folder / "other.json")
    renamed = lab("verify", folder / "other.json", *TRUST)
    (folder / "other.json").rename(folder / RESULT)
    kept = "only 5 of 8 images kept their right answer under every attack; the policy asks for 100 %"
    for done in (lab("verify", folder, *TRUST), lab("verify", folder / RESULT, *TRUST), renamed):
        assert done.code == 0, done.out
        assert "1.  passed  signature: by key sha256:" in done.out
        assert "3.  passed  arithmetic: 1 gate and the outcome follow from the images of 1 attack" in done.out
        assert "robustness.html: the page of a stress test, not signed, not compared" in done.out
        assert f" what happened {kept}, and the share is 62.5 %" in " ".join(done.out.split())
        last = done.out.splitlines()[-1]
        assert "is genuine and unaltered (trust store not pinned); robustness.html beside it was NOT compared. " in last
        assert f"DEMONSTRATION. It says: the stress test of alder by policy quick FAILED: {kept}" in last
    data = lab("verify", folder, *TRUST, "--json").json
    assert (data["outcome"], data["word"]) == ("PASSED", "FAILED")
    assert any(kept in sentence for sentence in data["sentences"])
    assert data["result"]["model"] == "alder"


def test_an_altered_or_foreign_result_is_refused(lab: Tool, stressed: Callable[..., Path]) -> None:
    folder = stressed()
    whole = (folder / RESULT).read_text()
    bundle = json.loads(whole)
    payload = bundle["dsseEnvelope"]["payload"]
    bundle["dsseEnvelope"]["payload"] = payload[:400] + ("A" if payload[400] != "A" else "B") + payload[401:]
    (folder / RESULT).write_text(json.dumps(bundle))
    done = lab("verify", folder, *TRUST)
    assert (done.code, "FAILED  bad-signature" in done.out) == (Exit.INTEGRITY, True)
    (folder / RESULT).write_text(whole)
    assert lab("verify", folder, "--images", "batch", *TRUST).code == Exit.USAGE
    Path("model").mkdir()
    assert lab("verify", folder, "--model", "model", *TRUST).code == Exit.INTEGRITY
    assert lab("keygen", "--role", "root", "--out", "root-2.pem", "--no-passphrase").code == 0
    assert lab("trust", "init", "--root-key", "root-2.pem", "--out", "foreign.json").code == 0
    foreign = lab("verify", folder, "--trust", "foreign.json", "--json")
    assert (foreign.code, foreign.json["reason"]) == (Exit.INTEGRITY, "unknown-key")
    for name in ("report.sigstore.json", "renamed.json"):  # a result under a report's name is no report
        Path(name).write_text(whole)
    assert lab("verify", "report.sigstore.json", *TRUST).code == Exit.UNREADABLE
    assert "the stress test of alder" in lab("verify", "renamed.json", *TRUST).out


def test_a_report_under_the_name_of_a_result_is_refused(lab: Tool, received: Callable[..., Path]) -> None:
    Path("robustness.sigstore.json").write_bytes(Path(received(), "report.sigstore.json").read_bytes())
    assert lab("verify", "robustness.sigstore.json", *TRUST).code == Exit.UNREADABLE


def test_the_page_of_a_result_is_rendered(lab: Tool, stressed: Callable[..., Path]) -> None:
    folder = stressed(word=Outcome.FAILED, gates=(FAILED_GATE,))
    for number, path in enumerate((folder, folder / RESULT)):
        done = lab("report", "render", path, "--out", f"{number}.html")
        assert done.code == 0, done.err
        assert done.out == f"DONE: {number}.html written; nothing was verified\n"
    page = Path("0.html").read_text()
    assert page == Path("1.html").read_text()
    assert "<li>only 5 of 8 images kept their right answer under every attack; the policy asks for 100 %" in page
    assert digest("model") in page
    assert lab("report", "render", folder, "--out", "x.html", "--language", "de").code == Exit.USAGE
    assert lab("report", "render", folder, "--out", "x.html", "--images", "batch").code == Exit.USAGE
    assert not Path("x.html").exists()
