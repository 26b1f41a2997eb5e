"""The verb `verify`."""

import os
import re
from pathlib import Path
from typing import Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.failure import exit_code
from fusiondiff_audit.cli.file_checks import signer_data
from fusiondiff_audit.cli.file_kinds import wrong_file_hint
from fusiondiff_audit.cli.options import PATH, TrustContext, trust_options
from fusiondiff_audit.cli.page_check import check_page
from fusiondiff_audit.cli.report_text import MOST_ROWS, checked_data, header_rows, tolerance_rows, verdict_tables
from fusiondiff_audit.cli.review_check import check_reviews, reviews_data, reviews_sentence
from fusiondiff_audit.cli.signed_file import SignedKind, find_signed
from fusiondiff_audit.cli.text import cut_table, table
from fusiondiff_audit.weights.pins import PINNED
from reports.verdict.former_header import FormerHeader
from reports.verdict.header import Header
from reports.verdict.verification import Verification, verify_report
from reports.verdict.versions import NEWEST, gaps_of, version_remark
from signing.records import write_record

_LONGEST = 60  # characters of a file's name
_PLAIN = re.compile("[A-Za-z0-9._+-]+")


@click.command()
@click.argument("path", metavar="REPORT", type=PATH)
@click.option("--images", type=PATH, help="The audited folder: compare every image with the report.")
@click.option("--model", type=PATH, help="The bundle that judged, or its name: compare it with the report.")
@click.option("--all", "list_all", is_flag=True, help="List every row, however many there are.")
@answering()
@trust_options
def command(path: Path, images: Path | None, model: Path | None, list_all: bool, trust: TrustContext) -> Answer:
    """Check a signed report or stress result.

    REPORT is report.sigstore.json or the folder that holds it. Of a report it checks who signed it and whether the
    trust store vouches for that key, whether its rows are those that were signed, and whether every p-value, verdict
    and statement follows from the numbers in its row. Uses no model and no network. Statements that rest on the
    auditor's word are marked. A page can be edited while the signed file stays genuine, so report.html is rendered
    again and compared byte for byte, if this version made it and jinja2 is installed; what its images show is compared
    with --images. Every other file of the folder is listed as not checked.

    Of robustness.sigstore.json it checks who signed it, and whether every gate and the outcome follow from what became
    of the images. PASSED means that the file is genuine, whatever it says.

    \b
    fusiondiff-audit verify out --trust trust.json --root sha256:...
    fusiondiff-audit verify report.sigstore.json --trust trust.json --images micrographs --model bundle
    """
    verification = Verification()
    try:
        file, kind = find_signed(path)
        pin = PINNED.get(str(model))
        bundle = model if pin is None or os.path.lexists(str(model)) else pin.folder
        if kind is SignedKind.STRESS_RESULT:
            from fusiondiff_audit.cli.verify_stress import stress_answer, verify_stress

            if images is not None:
                raise click.UsageError("--images is for a report; a stress result names no file of a folder")
            result = verify_stress(file, verification, trust=trust, model=bundle)
            tables = table(_numbered(verification)), _unchecked(verification, list_all=list_all)
            return stress_answer(file, result, verification, tables, trust)
        report = verify_report(path, trust=trust.store, images=images, model=bundle, verification=verification)
        page = check_page(path, report, verification, images=images)
        reviews = check_reviews(path, report, verification, trust.store)
    except signing.SigningError as e:
        advice = wrong_file_hint(e, "verify")
        for hint in (*getattr(e, "__notes__", ()), *([advice] if advice else [])):
            say(f"hint: {hint}")
        refusal = {"reason": e.reason.value, "message": str(e), "checks": _checks(verification), "trust": trust.data()}
        text = table(_numbered(verification, failed=f"{e.reason}: {e}"))
        return Answer("REFUSED", f"{e} ({e.reason})", text, refusal, exit_code(e.reason))
    header = report.header
    data: dict[str, Any] = {
        "checks": _checks(verification),
        "id": header.id,
        "format": header.format,
        "rules": rules_data(header),
        "reference": header.reference,
        "demonstration": header.demonstration,
        "signer": signer_data(verification.signer) if verification.signer else {},
        "header": write_record(header),
        "specimens": list(map(write_record, report.specimens)),
        "images": list(map(write_record, report.images)),
        "checked": checked_data(header, report.specimens, report.images),
        "unchecked": [{"name": file.name, "state": file.state} for file in verification.unchecked],
        "reviews": reviews_data(reviews),
        "trust": trust.data(),
    }
    facts = header_rows(header, report.specimens, report.images, verification.comparison)
    about = table([*facts, *tolerance_rows(report)])
    checks, unchecked = table(_numbered(verification)), _unchecked(verification, list_all=list_all)
    text = "\n\n".join(filter(None, (checks, unchecked, about, verdict_tables(report, list_all=list_all))))
    demonstration = "DEMONSTRATION. " if header.demonstration else ""
    genuine = f"{file.name} is genuine and unaltered{trust.remarks()}{version_remark(header.format)}{page}"
    genuine += reviews_sentence(reviews)
    counted = header.images if isinstance(header, FormerHeader) else header.specimens
    return Answer("PASSED", f"{genuine}. {demonstration}It says: {counted}", text, data)


def rules_data(header: Header) -> dict[str, Any]:
    """Return the version whose rules judged a report, and what those allow and the newest do not, as data."""
    return {"format": header.format, "newest": header.format == NEWEST, "gaps": list(gaps_of(header.format))}


def _unchecked(verification: Verification, *, list_all: bool) -> str:
    """Return the files beside the signed ones that were not checked, for people."""
    rows = [("beside it", f"{_quoted(file.name)}: {file.state}") for file in verification.unchecked]
    return (
        cut_table(rows, most=None if list_all else MOST_ROWS, noun="file", remark=", not checked either")
        if rows
        else ""
    )


def _quoted(name: str) -> str:
    """Return a file's name, quoted unless it is plain, so that no part of it looks like a remark."""
    text = name if _PLAIN.fullmatch(name) else ascii(name)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _numbered(verification: Verification, failed: str | None = None) -> list[tuple[str, str, str]]:
    rows = [(f"{number}.", "passed", f"{c.title}: {c.found}") for number, c in enumerate(verification.checks, start=1)]
    return rows if failed is None else [*rows, (f"{len(rows) + 1}.", "FAILED", failed)]


def _checks(verification: Verification) -> list[dict[str, str]]:
    return [{"check": check.title, "state": "passed", "found": check.found} for check in verification.checks]
