"""Reports in Python, as somebody with a notebook calls them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import fusiondiff_audit as fda
from fusiondiff_audit.interface.signed_report import SignedReport
from reports.verdict.issue import REPORT
from signing import Algorithm, PrivateKey, Reason
from tests.cli.conftest import Tool
from tests.reports.verdict.made import changed, report


@pytest.fixture
def folder(lab: Tool, received: Callable[..., Path]) -> Path:
    return received()


def test_every_public_name_is_found_and_no_other() -> None:
    assert all(getattr(fda, name) for name in fda.__all__)
    assert dir(fda) == sorted(fda.__all__)
    with pytest.raises(AttributeError, match="no attribute 'audits'"):
        _ = fda.audits


def test_a_verified_report_has_rows_verdicts_and_a_line_that_says_so(folder: Path) -> None:
    trust = fda.load_trust("trust.json")
    made = fda.verify(folder, trust=trust)
    assert made.verified
    assert "signed by 'auditor', verified" in repr(made)
    assert (len(made.specimens), len(made.images)) == (8, 30)
    assert made.specimens[0]["verdict"] == made.verdicts[str(made.specimens[0]["specimen"])]
    assert sum(Counter(made.verdicts.values()).values()) == sum(made.header["specimens"].values())
    frame = made.to_frame("images")
    assert len(frame) == 30
    assert set(frame["verdict"]) == {row["verdict"] for row in made.images}
    assert made.to_frame()["evidence.authentic.p"].dtype == float


def test_without_a_trust_store_nothing_is_verified_and_it_says_so(folder: Path) -> None:
    made = fda.read_report(folder / REPORT)
    assert not made.verified
    assert "NOT VERIFIED" in repr(made)
    assert "NOT VERIFIED" in made._repr_html_()
    assert fda.read_report(folder, trust=fda.load_trust(Path("trust.json"))).verified


def test_a_changed_report_and_another_pin_are_refused(folder: Path) -> None:
    trust = fda.load_trust("trust.json")
    pin = f"sha256:{trust.fingerprint}"
    assert fda.load_trust("trust.json", root=pin).fingerprint == trust.fingerprint
    with pytest.raises(fda.SigningError, match="pinned sha256:0") as refused:
        fda.load_trust("trust.json", root="0" * 64)
    assert refused.value.reason is Reason.WRONG_ROOT
    data = (folder / REPORT).read_bytes()
    (folder / REPORT).write_bytes(data.replace(b'"payload"', b'"Payload"'))
    with pytest.raises(fda.SigningError):
        fda.verify(folder, trust=trust)


def test_texts_of_a_report_are_escaped_in_a_notebook() -> None:
    plain = report(PrivateKey.generate(Algorithm.ED25519).public, 3)
    made = changed(plain, header=replace(plain.header, reference="<script>alert(1)</script>\u202e"))
    shown = SignedReport(made, None)._repr_html_()
    assert "<script" not in shown
    assert "\u202e" not in shown


def test_a_long_report_is_cut_in_a_notebook() -> None:
    made = SignedReport(report(PrivateKey.generate(Algorithm.ED25519).public, 300), None)
    assert made._repr_html_().count("<tr>") <= 22
    assert f"{len(made.verdicts) - 20} more" in made._repr_html_()
