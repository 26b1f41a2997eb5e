"""What a repetition of an audit must reproduce of its report, and what another machine, auditor or release explains."""

from copy import copy
from dataclasses import fields, replace

import pytest

from fusiondiff_audit.auditing.repeat import compare
from reports.verdict.header import Header
from reports.verdict.report import Report
from reports.verdict.verdicts import Verdict
from signing import PrivateKey
from tests.reports.verdict.made import changed, report
from tests.reports.verdict.made_former import former_report

MAY_DIFFER = {
    "format",
    "auditor",
    "trust",
    "robustness",
    "run",
    "id",
    "case",
    "limits",
    "specimens",
    "images",
    "statement",
}


@pytest.fixture
def first(keys: dict[str, PrivateKey]) -> Report:
    return report(keys["auditor"].public)


@pytest.mark.parametrize("name", [field.name for field in fields(Header) if field.name not in MAY_DIFFER])
def test_no_circumstance_explains_another_fact_of_the_header(name: str, first: Report) -> None:
    header = replace(first.header, run=replace(first.header.run, threads=first.header.run.threads + 1))
    assert not compare(first, replace(first, header=header)).unexplained
    header = copy(header)
    object.__setattr__(header, name, "another")  # whatever the type of the field
    comparison = compare(first, replace(first, header=header))
    assert comparison.unexplained
    assert comparison.settings
    assert comparison.rows
    assert all(row.startswith(name) for row in comparison.rows)


def test_the_fields_of_a_section_are_named(first: Report) -> None:
    header = replace(first.header, batch=replace(first.header.batch, device="sem-2"))
    assert compare(first, replace(first, header=header)).rows == ("batch device: sem-1, now sem-2",)


def test_of_a_report_of_an_older_version_only_votes_are_compared(first: Report, keys: dict[str, PrivateKey]) -> None:
    former = former_report(keys["auditor"].public)
    same = compare(replace(former, images=first.images), first)
    assert not same.rows
    assert not same.unexplained
    assert same.settings[0].startswith("report format: ")
    assert compare(former, first).unexplained


@pytest.mark.parametrize("what", ["verdict", "rank", "tiles", "votes"])
def test_differences_of_rows_are_named(what: str, first: Report) -> None:
    specimen, image = first.specimens[0], first.images[0]
    assert specimen.evidence is not None
    assert image.judged is not None
    if what == "votes":
        judged = replace(image.judged, votes_authentic=8, votes_counterfeit=0, tolerance=3)
        other = changed(first, images=(replace(image, judged=judged), *first.images[1:]))
    else:
        changes = {
            "verdict": {"verdict": Verdict.COUNTERFEIT},
            "rank": {"evidence": replace(specimen.evidence, spread=None)},
            "tiles": {"evidence": replace(specimen.evidence, tiles=(16, 16, 9))},
        }[what]
        other = replace(first, specimens=(replace(specimen, **changes), *first.specimens[1:]))  # type: ignore[arg-type]
    (difference,) = compare(first, other).rows
    assert difference.startswith(image.name if what == "votes" else specimen.specimen)
