"""What a repetition of an audit must reproduce of its report, and what another machine, auditor or release explains."""

from copy import copy
from dataclasses import fields, replace

import pytest

from fusiondiff_audit.audit.repeat import compare
from reports.verdict.header import Header
from reports.verdict.report import Report
from reports.verdict.versions import V2
from signing import PrivateKey
from tests.reports.verdict.made import report

MAY_DIFFER = {"format", "auditor", "trust", "robustness", "run", "id", "case", "limits", "specimens", "images"}


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


def test_fields_that_an_older_version_lacks_are_no_difference(first: Report) -> None:
    newest = replace(first.header, model=replace(first.header.model, base="stock"))
    comparison = compare(replace(first, header=replace(first.header, format=V2)), replace(first, header=newest))
    assert not comparison.unexplained
    assert comparison.settings == (f"report format: {V2}, now {newest.format}",)
