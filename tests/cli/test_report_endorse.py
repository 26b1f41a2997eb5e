"""`report endorse`, and what `verify` says of a review."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fusiondiff_audit.cli.exits import Exit
from reports.verdict.issue import REPORT
from reports.verdict.review import DECISIONS_FORMAT, REVIEW, report_digest
from reports.verdict.verification import read_unverified
from tests.cli.conftest import ADD_AUDITOR, Tool

TRUST = ("--trust", "trust.json")


@pytest.fixture
def folder(lab: Tool, received: Callable[..., Path]) -> Path:
    """Return a report, beside the key of a second auditor."""
    folder = received()
    assert lab("keygen", "--role", "auditor", "--out", "doe.pem", "--no-passphrase").code == 0
    listed = [word.replace("auditor.pub.pem", "doe.pub.pem") for word in ADD_AUDITOR]
    assert lab(*listed).code == 0
    return folder


def write_decisions(folder: Path, decisions: list[dict[str, Any]], **changes: object) -> None:
    digest = report_digest(read_unverified(folder))
    content = {"format": DECISIONS_FORMAT, "report": digest, "decisions": decisions} | changes
    Path("decisions.json").write_text(json.dumps(content))


def decisions_on(lab: Tool, folder: Path) -> list[dict[str, Any]]:
    """Agree with all but the last of the named specimens."""
    names = [row["specimen"] for row in lab("verify", folder, *TRUST, "--json").json["specimens"]]
    decided = [{"specimen": name, "decision": "agree", "reason": None} for name in names]
    return [*decided[:-1], decided[-1] | {"decision": "disagree", "reason": "the glaze is modern"}]


def endorse(lab: Tool, folder: Path, key: str = "doe.pem") -> Any:
    return lab("report", "endorse", folder, "--decisions", "decisions.json", "--key", key, *TRUST)


def test_a_review_is_signed_and_shown_and_alters_nothing(lab: Tool, folder: Path) -> None:
    before = (folder / REPORT).read_bytes()
    write_decisions(folder, decisions_on(lab, folder))
    done = endorse(lab, folder)
    assert done.code == 0, done.err + done.out
    assert "8 decisions signed by 'doe'" in done.out
    shown = lab("verify", folder, *TRUST)
    assert shown.code == 0
    assert shown.out.splitlines()[-1].count("reviewed by 'doe': 7 agree, 1 disagree") == 1
    assert "the glaze is modern" in shown.out
    review = lab("verify", folder, *TRUST, "--json").json["reviews"][0]
    assert [decided["decision"] for decided in review["decisions"]].count("disagree") == 1
    assert (folder / REPORT).read_bytes() == before
    assert endorse(lab, folder).code == Exit.USAGE  # nothing is overwritten


def test_a_review_that_is_not_genuine_is_not_counted_and_refuses_nothing(lab: Tool, folder: Path) -> None:
    write_decisions(folder, decisions_on(lab, folder))
    assert endorse(lab, folder).code == 0
    signed = (folder / REVIEW).read_text()
    (folder / REVIEW).write_text(
        signed.replace('"payload": "', '"payload": "AA', 1).replace('"payload":"', '"payload":"AAAA', 1)
    )
    shown = lab("verify", folder, *TRUST)
    assert shown.code == 0
    assert "reviewed by" not in shown.out
    assert "NOT a genuine review of this report" in shown.out


@pytest.mark.parametrize(
    ("decision", "fault"),
    [
        ({"specimen": "nobody", "decision": "agree", "reason": None}, "is no specimen of the report"),
        ({"decision": "disagree", "reason": None}, "disagree without a reason"),
        ({"decision": "disagree", "reason": "a\u202eb"}, "control characters"),
        ({"decision": "authentic", "reason": "x"}, "decision"),
        ({"decision": "look-again", "reason": "x" * 1001}, "more than 1,000 characters"),
    ],
)
def test_decisions_that_cannot_be_are_refused(lab: Tool, folder: Path, decision: dict[str, Any], fault: str) -> None:
    first = decisions_on(lab, folder)[0]
    write_decisions(folder, [first | decision])
    done = endorse(lab, folder)
    assert done.code not in (Exit.DONE, Exit.FAULT)
    assert fault in done.err + done.out
    assert not (folder / REVIEW).exists()


def test_a_review_of_another_report_and_an_unlisted_key_are_refused(lab: Tool, folder: Path) -> None:
    write_decisions(folder, decisions_on(lab, folder), report="0" * 64)
    assert "payload sha256:000" in (done := endorse(lab, folder)).err + done.out
    write_decisions(folder, decisions_on(lab, folder))
    assert endorse(lab, folder, key="device.pem").code == Exit.INTEGRITY
    assert not (folder / REVIEW).exists()


def test_a_review_stays_valid_when_the_file_of_the_report_gets_a_timestamp(lab: Tool, folder: Path) -> None:
    write_decisions(folder, decisions_on(lab, folder))
    assert endorse(lab, folder).code == 0
    bundle = json.loads((folder / REPORT).read_text())
    (folder / REPORT).write_text(json.dumps(bundle, indent=1))  # other bytes around the same payload
    shown = lab("verify", folder, *TRUST)
    assert shown.code == 0, shown.err
    assert "reviewed by 'doe'" in shown.out
