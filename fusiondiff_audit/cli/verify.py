"""The verb `verify`: for whoever received a report."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.options import PATH, Judged, trust_options
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.cli.verdict import signer_data

if TYPE_CHECKING:
    from reports.checks import Examination
    from reports.header import Header
    from reports.report import Report

_SHOWN = 20  # rows of either kind; more would push the checks off the screen


@click.command()
@click.argument("report", metavar="REPORT", type=PATH)
@click.option("--images", type=PATH, help="The folder that was audited: compare every image with the report.")
@click.option("--model", type=PATH, help="The bundle that looked, or its name: compare every file with the report.")
@click.option("--all", "whole", is_flag=True, help="List every row, however many there are.")
@answering()
@trust_options
def command(report: Path, images: Path | None, model: Path | None, whole: bool, trust: Judged) -> Answer:
    """Check a signed report.

    REPORT is report.sigstore.json or the folder that holds it. Who signed it and whether the trust store vouches for
    that key; whether its rows are those that were signed; whether every p-value, set and verdict follows from the
    numbers beside it. Nothing is believed because it is printed, nothing is computed by a model, and no network is
    used.

    \b
    fusiondiff-audit verify out --trust trust.json --root sha256:...
    fusiondiff-audit verify report.sigstore.json --trust trust.json --images micrographs --model bundle
    """
    from fusiondiff_audit.cli.failure import exit_code
    from fusiondiff_audit.weights.pins import PINNED
    from reports.checks import Examination, examine

    found = Examination()
    try:
        pin = PINNED.get(str(model))
        looked = model if pin is None or os.path.lexists(str(model)) else pin.folder
        said = examine(report, trust=trust.store, images=images, model=looked, found=found)
    except signing.SigningError as e:
        for hint in getattr(e, "__notes__", ()):
            say(f"hint: {hint}")
        data = {"reason": e.reason.value, "message": str(e), "checks": _checks(found), "trust": trust.data()}
        text = table(_numbered(found, failed=f"{e.reason}: {e}"))
        return Answer("REFUSED", f"{e} ({e.reason})", text, data, exit_code(e.reason))
    whole_data: dict[str, Any] = {
        "checks": _checks(found),
        "id": said.header.id,
        "reference": said.header.reference,
        "demonstration": said.header.demonstration,
        "signer": signer_data(found.signer) if found.signer else {},
        "specimens": _rows_data(said.specimens, "specimen"),
        "images": _rows_data(said.images, "name"),
        "trust": trust.data(),
    }
    about = table([*header_rows(said.header), *tolerance_rows(said)])
    text = "\n\n".join((table(_numbered(found)), about, verdict_tables(said, whole=whole)))
    shown = "DEMONSTRATION. " if said.header.demonstration else ""
    sentence = f"report genuine and unaltered{trust.remarks()}. {shown}It says: {said.header.images}"
    return Answer("PASSED", sentence, text, whole_data)


def header_rows(header: "Header") -> list[tuple[str, str]]:
    """Return what a report is about, for people."""
    model, batch = header.model, header.batch
    rates = [f"{r.errors} of {r.of} {r.what} ({r.interval})" for r in model.error_rates] or ["not measured"]
    return [
        ("AUTHENTIC means", f"authentic as {header.reference}"),
        *((("", "DEMONSTRATION: made-up pictures, keys for show"),) if header.demonstration else ()),
        ("issued", f"{header.issued} by {header.auditor.principal}"),
        (
            "batch",
            f"{count(batch.files, 'file')} signed by {batch.signer.principal}, captured {batch.captured} (claimed)",
        ),
        ("model", f"{model.name}, sha256:{model.digest}"),
        *(("its error rates", rate) for rate in rates),
        ("policy", f"{header.policy.name}, sha256:{header.policy.digest}"),
        ("stress test", header.robustness),
        ("replay", "checked, as the auditor says" if header.ledger else "not checked"),
        *(("case", text) for text in header.case),
        *(("not proven", text) for text in header.limits),
        ("specimens", str(header.specimens)),
        ("images", str(header.images)),
    ]


def tolerance_rows(report: "Report") -> list[tuple[str, str]]:
    """Return how many answers stay if somebody altered the specimens that the model was taught with, for people."""
    if report.header.policy.tolerance is None:
        return []
    from reports.rows import survivors

    by_specimen = bool(report.specimens)
    kept = survivors(report.specimens if by_specimen else report.images)
    what = "specimen" if by_specimen else "image"
    if not kept:
        return [("poisoning", "no answer that could stay")]
    rows = [("poisoning", f"{count(kept[0], 'answer')} by {what}; with specimens of the enrolment altered in place:")]
    return [*rows, *(("", f"{altered} altered: {stay} stay") for altered, stay in enumerate(kept) if altered)]


def _numbered(found: "Examination", failed: str | None = None) -> list[tuple[str, str, str]]:
    rows = [(f"{number}.", "passed", f"{c.title}: {c.found}") for number, c in enumerate(found.checks, start=1)]
    return rows if failed is None else [*rows, (f"{len(rows) + 1}.", "FAILED", failed)]


def _checks(found: "Examination") -> list[dict[str, str]]:
    return [{"check": check.title, "state": "passed", "found": check.found} for check in found.checks]


def verdict_tables(said: "Report", *, whole: bool) -> str:
    """Return the rows of specimens and of images, for people."""
    specimens = [(row.specimen, str(row.images), row.verdict, _why(row)) for row in said.specimens]
    images = [(row.name, row.specimen or "-", row.verdict, _why(row)) for row in said.images]
    parts = []
    for head, rows in ((("specimen", "images"), specimens), (("image", "specimen"), images)):
        shown = rows if whole else rows[:_SHOWN]
        text = table([(*head, "verdict", "why"), *shown])
        if hidden := len(rows) - len(shown):
            text += f"\n  and {count(hidden, 'row')} more; --all lists them"
        parts += [text] if rows else []
    return "\n\n".join(parts)


def _why(row: Any) -> str:
    return ", ".join(row.reasons) or "-"


def _rows_data(rows: Any, name: str) -> list[dict[str, Any]]:
    return [{name: getattr(row, name), "verdict": row.verdict.value, "reasons": list(row.reasons)} for row in rows]
