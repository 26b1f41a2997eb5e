"""`report table`, as whoever received a report calls it."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from fusiondiff_audit import extras
from fusiondiff_audit.cli.exits import Exit
from reports.verdict.issue import REPORT
from tests.cli.conftest import Tool

TRUST = ("--trust", "trust.json")


def test_csv_has_a_file_for_each_kind_and_one_for_columns(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    done = lab("report", "table", folder, "--csv", "--out", "tables", *TRUST)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == (
        "DONE: 8 specimens and 30 images in tables; the report is genuine and unaltered (trust store not pinned)"
    )
    lines = {path.name: len(path.read_text().splitlines()) for path in Path("tables").iterdir()}
    assert lines.keys() == {"specimens.csv", "images.csv", "columns.csv"}
    assert (lines["specimens.csv"], lines["images.csv"]) == (9, 31)
    assert lab("report", "table", folder, "--csv", "--out", "tables").code == Exit.USAGE  # nothing is overwritten


def test_one_kind_goes_to_stdout_alone(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    done = lab("report", "table", folder / REPORT, "--csv", "--kind", "images")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert len(rows) == 30
    assert {row["verdict"] for row in rows} >= {"AUTHENTIC", "COUNTERFEIT", "REFUSED"}
    assert done.err.splitlines()[-1] == "DONE: 30 images; the report was NOT verified: give --trust"
    again = lab("report", "table", folder, "--csv", "--kind", "images", "--out", "images.csv")
    assert "NOT verified" in again.out
    assert Path("images.csv").read_text() == done.out


def test_json_has_the_rows_and_whether_they_were_verified(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    words = ("report", "table", folder, "--csv", "--kind", "specimens", "--json")
    plain, verified = lab(*words).json, lab(*words, *TRUST).json
    assert (plain["verified"], verified["verified"]) == (False, True)
    assert plain["specimens"] == lab("verify", folder, *TRUST, "--json").json["specimens"]
    assert "images" not in plain


def test_a_workbook_states_whether_the_report_was_verified(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    for name, words, state in (("a.xlsx", (), "NOT verified"), ("b.xlsx", TRUST, "genuine and unaltered")):
        done = lab("report", "table", folder, "--xlsx", "--out", name, *words)
        assert done.code == 0, done.err
        assert state in done.out
        book = openpyxl.load_workbook(name)
        assert book.sheetnames == ["specimens", "images", "columns"]
        about = {row[0].value: row[1].value for row in book["columns"].iter_rows(max_row=9)}
        assert state in about["when this was written"]
        assert about["DEMONSTRATION"]
    assert lab("report", "table", folder, "--xlsx", "--out", "c.xlsx").code == 0
    assert Path("a.xlsx").read_bytes() == Path("c.xlsx").read_bytes()


def test_no_table_of_an_altered_report_is_written_with_a_trust_store(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    data = bytearray((folder / REPORT).read_bytes())
    at = data.index(b'"sig":"') + 20
    data[at] = ord("A") if data[at] != ord("A") else ord("B")
    (folder / REPORT).write_bytes(data)
    done = lab("report", "table", folder, "--csv", "--out", "tables", *TRUST)
    assert (done.code, Path("tables").exists()) == (Exit.INTEGRITY, False)
    assert lab("report", "table", folder, "--csv", "--out", "tables").code == 0


def test_options_that_make_no_table_are_refused(lab: Tool, received: Callable[..., Path]) -> None:
    folder = received()
    for words in (
        (),
        ("--csv", "--xlsx", "--out", "x"),
        ("--csv",),
        ("--xlsx",),
        ("--xlsx", "--kind", "images", "--out", "x"),
        ("--csv", "--kind", "images", "--at", "2026-11-21"),
    ):
        assert lab("report", "table", folder, *words).code == Exit.USAGE, words
    assert not Path("x").exists()


def test_without_the_library_a_workbook_is_refused(
    lab: Tool, received: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = received()
    monkeypatch.setattr(extras, "missing_libraries", lambda extra: ("xlsxwriter",) if extra == "tables" else ())
    done = lab("report", "table", folder, "--xlsx", "--out", "a.xlsx", "--json")
    assert (done.code, done.json["reason"]) == (Exit.ENVIRONMENT, "missing-extra")
    assert done.json["hints"] == ["pip install 'fusiondiff-audit[tables]'"]
    assert lab("report", "table", folder, "--csv", "--out", "tables").code == 0  # needs no library
