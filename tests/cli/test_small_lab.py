"""A model with too few enrolled specimens gives no answers; its report and page say why."""

from dataclasses import replace
from pathlib import Path

import pytest

import signing
from reports.verdict.issue import REPORT, issue
from reports.verdict.specimens import DecidedRows, decide_rows
from reports.verdict.verification import verify_report
from signing import Reason, SigningError
from tests.cli.conftest import Tool
from tests.model.tiny import tiny_model
from tests.reports.verdict.made import following
from tests.small_lab import PHOTOGRAPHS, audited, keys, photographs, predicate_of
from tests.training.test_enrol import write_labelled


@pytest.fixture
def uncalibrated_lab(tool: Tool) -> Tool:
    """Return the tool beside a bundle enrolled with five specimens of each class, and images to audit."""

    def call(*words: str) -> int:
        done = tool(*words)
        assert done.code == 0, (words, done.out, done.err)
        return done.code

    keys(call)
    tiny_model().save(Path("tiny"))
    call("model", "sign", "tiny", "--key", "model.pem")
    lines = write_labelled(Path("labelled"), 5)
    Path("labelled", "labels.csv").write_text("\n".join(lines))
    call("sign", "labelled", "--key", "labeller.pem", "--device", "bench")
    words = ("--reference", "alder", "--model", "tiny", "--trust", "trust.json", "--key", "model.pem")
    call("enrol", "labelled", *words, "--trees", "20", "--out", "birch")
    photographs(Path("asked"), side=128)
    for name in ("alder-0.tif", "alder-4.tif"):  # both enrolled
        Path("asked", f"copy-of-{name}").write_bytes(Path("labelled", name).read_bytes())
    return tool


def test_an_uncalibrated_bundle_gives_no_answers(uncalibrated_lab: Tool) -> None:
    outputs: list[str] = []

    def call(*words: str) -> int:
        done = uncalibrated_lab(*words)
        assert done.code == 0, (words, done.out, done.err)
        outputs.append(done.out)
        return done.code

    summary = audited(call, "birch")
    rows = {row["name"]: row for row in predicate_of(Path("report", REPORT))["images"]}
    assert {row["verdict"] for row in rows.values()} == {"INCONCLUSIVE"}
    assert {tuple(rows[f"{name}.tif"]["reasons"]) for name in PHOTOGRAPHS} == {("not-calibrated",)}
    for name in ("copy-of-alder-0.tif", "copy-of-alder-4.tif"):
        assert (rows[name]["reasons"], rows[name]["enrolled"]) == (["was-enrolled"], "picture")
    assert summary["verificationResult"] == "FAILED"
    page = Path("report", "report.html").read_text()
    for verdict in ("AUTHENTIC", "COUNTERFEIT", "UNFAMILIAR"):
        assert f'<li class="{verdict} unchecked"><b>not checked</b>' in page
    assert "No specimen could get an answer." in page
    assert "birch, enrolled on tiny" in page
    assert "not available" not in page
    _, done, verified = outputs
    for text in (done, verified):
        assert "birch, enrolled on tiny" in text
        assert "not checked      which class can be ruled out, by ranks among enrolled specimens: 19" in text
    assert "were enrolled with those images alone that are marked" in verified
    data = uncalibrated_lab("verify", "report", "--trust", "trust.json", "--json").json
    assert data["checked"] == {"spread": True, "confounding": False, "answers": False}
    refuse_hidden_enrolment(Path("report"))


def refuse_hidden_enrolment(folder: Path) -> None:
    """Remove the enrolment marks from the rows, as an auditor could: nothing was compared of what is then unmarked."""
    said = verify_report(folder, trust=signing.load_trust(Path("trust.json"), at=signing.now()))
    unmarked = (replace(row, enrolled=None) for row in said.images)
    evidence = DecidedRows(said.specimens, said.images).evidence
    forged = following(said.header, decide_rows(unmarked, evidence, said.header.rules), said.salt_key)
    with pytest.raises(SigningError, match="was not compared with the enrolled specimens") as caught:
        issue(forged, signing.load_key(Path("auditor.pem"), passphrase=bytes))
    assert caught.value.reason is Reason.CONTRADICTION
