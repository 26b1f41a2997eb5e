"""The verb `report table`."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering
from fusiondiff_audit.cli.options import PATH, TrustContext, optional_trust_options
from fusiondiff_audit.cli.text import count
from fusiondiff_audit.extras import require
from fusiondiff_audit.tables.csv_file import csv_columns, csv_table
from fusiondiff_audit.tables.row_tables import RowKind, row_tables
from reports.verdict.report import Report
from reports.verdict.verification import read_unverified, verify_report
from signing.records import write_record

COLUMNS_CSV = "columns.csv"


@click.command()
@click.argument("path", metavar="REPORT", type=PATH)
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, UTF-8, decimal points.")
@click.option("--xlsx", "as_xlsx", is_flag=True, help="A workbook for spreadsheet programs.")
@click.option("--kind", type=click.Choice(tuple(map(str, RowKind))), help="Of CSV: these rows alone.")
@click.option("--out", type=PATH, help="The file to write; for CSV without --kind, the new folder.")
@answering()
@optional_trust_options("The trust store that you pinned: verify the report first.")
def command(
    path: Path, as_csv: bool, as_xlsx: bool, kind: str | None, out: Path | None, trust: TrustContext | None
) -> Answer:
    """Write the rows of a report as a table.

    Every field of every signed row has a column; p-values and likelihood ratios are computed from them. CSV is one file
    for specimens, one for images and one that describes the columns; with --kind it is one file, or goes to stdout. A
    workbook has all three as sheets. No text becomes a formula: in CSV an apostrophe precedes what would. With --trust
    the report is verified first; else nothing is. A table is not signed, and proves nothing.

    \b
    fusiondiff-audit report table out --csv --kind specimens --trust trust.json
    fusiondiff-audit report table out --xlsx --out report.xlsx --trust trust.json --root sha256:...
    """
    if as_csv is as_xlsx:
        raise click.UsageError("give --csv or --xlsx")
    if as_xlsx and (kind is not None or out is None):
        raise click.UsageError("a workbook has all rows and goes to a file: give --out, and no --kind")
    if kind is None and out is None:
        raise click.UsageError("give --out FOLDER for all rows, or --kind for one table on stdout")
    if out is not None:
        signing.refuse_existing(out)
    if as_xlsx:
        require("tables", "writing a workbook")
    report = read_unverified(path) if trust is None else verify_report(path, trust=trust.store)
    tables = row_tables(report)
    chosen = tuple(table for table in tables if kind in (None, table.kind))
    state = _state(trust)
    document = csv_table(chosen[0]) if as_csv and kind is not None else ""
    data: dict[str, Any] = {"id": report.header.id, "verified": trust is not None}
    data |= {table.kind.value: list(map(write_record, table.rows)) for table in chosen}
    data |= {} if trust is None else {"trust": trust.data()}
    numbers = " and ".join(count(len(table.rows), table.kind.value.removesuffix("s")) for table in chosen)
    if out is None:
        return Answer("DONE", f"{numbers}; {state}", data=data, document=document)
    if as_xlsx:
        from fusiondiff_audit.tables.workbook import workbook

        signing.create(out, workbook(tables, _about(report, state), report.header.time))
    elif document:
        signing.create(out, document.encode())
    else:
        out.mkdir(parents=True)
        for table in tables:
            signing.create(out / f"{table.kind}.csv", csv_table(table).encode())
        signing.create(out / COLUMNS_CSV, csv_columns(tables).encode())
    return Answer("DONE", f"{numbers} in {out}; {state}", data=data | {"out": str(out)})


def _state(trust: TrustContext | None) -> str:
    """Return whether the report was verified, for the answer and for the workbook."""
    if trust is None:
        return "the report was NOT verified: give --trust"
    return f"the report is genuine and unaltered{trust.remarks()}"


def _about(report: Report, state: str) -> tuple[tuple[str, str], ...]:
    header = report.header
    return (
        ("report", header.id),
        ("format", header.format),
        ("payload", f"sha256:{sha256(report.to_payload()).hexdigest()}"),
        ("issued", f"{header.issued} by {header.auditor.principal}"),
        ("AUTHENTIC means", f"authentic as {header.reference}"),
        *((("DEMONSTRATION", "synthetic images, or a model for demonstration"),) if header.demonstration else ()),
        ("when this was written", state),
        ("this workbook", "is not signed and proves nothing; the signed report does"),
    )
