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
from fusiondiff_audit.cli.options import PATH, TrustContext, trust_options
from fusiondiff_audit.cli.text import count, cut_table, table
from fusiondiff_audit.weights.pins import PINNED
from reports.arithmetic import least_specimens
from reports.verdict.coverage import available_checks
from reports.verdict.header import Header
from reports.verdict.issue import REPORT
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow, surviving_answers
from reports.verdict.trust_check import TrustComparison
from reports.verdict.verification import Verification, verify_report
from reports.verdict.versions import NEWEST, gaps_of, rules_of, version_remark
from reports.verdict.wording import limitations, robustness_lines
from signing.records import write_record

_SHOWN = 20  # rows of each table; more would push the checks off the screen
_LONGEST = 60  # characters of a file's name
_PLAIN = re.compile("[A-Za-z0-9._+-]+")
_ALLEGED = "as the auditor says: "


@click.command()
@click.argument("path", metavar="REPORT", type=PATH)
@click.option("--images", type=PATH, help="The audited folder: compare every image with the report.")
@click.option("--model", type=PATH, help="The bundle that judged, or its name: compare it with the report.")
@click.option("--all", "list_all", is_flag=True, help="List every row, however many there are.")
@answering()
@trust_options
def command(path: Path, images: Path | None, model: Path | None, list_all: bool, trust: TrustContext) -> Answer:
    """Check a signed report.

    REPORT is report.sigstore.json or the folder that holds it. Checks who signed it and whether the trust store vouches
    for that key, whether its rows are those that were signed, and whether every p-value, conformal set and verdict
    follows from the numbers in its row. Uses no model and no network. Statements that rest on the auditor's word are
    marked. Every other file of the folder is listed as not checked: a page can be edited while the signed file stays
    genuine.

    \b
    fusiondiff-audit verify out --trust trust.json --root sha256:...
    fusiondiff-audit verify report.sigstore.json --trust trust.json --images micrographs --model bundle
    """
    verification = Verification()
    try:
        pin = PINNED.get(str(model))
        bundle = model if pin is None or os.path.lexists(str(model)) else pin.folder
        report = verify_report(path, trust=trust.store, images=images, model=bundle, verification=verification)
    except signing.SigningError as e:
        for hint in getattr(e, "__notes__", ()):
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
        "checked": checked_data(header, report.images),
        "unchecked": [{"name": file.name, "state": file.state} for file in verification.unchecked],
        "trust": trust.data(),
    }
    about = table([*header_rows(header, verification.comparison, report.images), *tolerance_rows(report)])
    checks, unchecked = table(_numbered(verification)), _unchecked(verification, list_all=list_all)
    text = "\n\n".join(filter(None, (checks, unchecked, about, verdict_tables(report, list_all=list_all))))
    demonstration = "DEMONSTRATION. " if header.demonstration else ""
    file = REPORT if os.path.isdir(path) else path.name
    genuine = f"{file} is genuine and unaltered{trust.remarks()}{version_remark(header.format)}"
    return Answer("PASSED", f"{genuine}. {demonstration}It says: {header.images}", text, data)


def rules_data(header: Header) -> dict[str, Any]:
    """Return the version whose rules judged a report, and what those allow and the newest do not, as data."""
    return {"format": header.format, "newest": header.format == NEWEST, "gaps": list(gaps_of(header.format))}


def header_rows(
    header: Header, comparison: TrustComparison | None = None, images: tuple[ImageRow, ...] = ()
) -> list[tuple[str, str]]:
    """Return the facts of a header, for people; with a comparison, facts that only the auditor claims are marked.

    `images` are the rows that are shown; a test that some of them lack is listed as not checked.
    """
    model, batch = header.model, header.batch
    unlisted = _ALLEGED if comparison is not None and not comparison.signer_listed else ""
    claimed = _ALLEGED if comparison is not None and header.robustness is not None else ""
    rates = [f"{r.errors} of {r.of} {r.what} ({r.interval})" for r in model.error_rates] or ["not measured"]
    old = () if header.format == NEWEST else (("format", f"{header.format}, judged by its own rules"),)
    return [
        ("AUTHENTIC means", f"authentic as {header.reference}"),
        *((("", "DEMONSTRATION: synthetic images, keys for demonstration"),) if header.demonstration else ()),
        *old,
        ("issued", f"{header.issued} by {header.auditor.principal}"),
        ("batch", f"{count(batch.files, 'file')}, captured {batch.captured} (claimed)"),
        ("signed by", f"{unlisted}{batch.signer.principal}"),
        *(() if comparison is None else (("trust store", comparison.store),)),
        ("model", f"{model.title}, sha256:{model.digest}"),
        *(("its error rates", rate) for rate in rates),
        *(("not checked", text) for text in _not_checked(header, images)),
        ("policy", f"{header.policy.name}, sha256:{header.policy.digest}"),
        *(("stress test", f"{claimed}{line}") for line in robustness_lines(header.robustness)),
        ("replay", _replay(header, comparison)),
        *(("case", text) for text in header.case),
        *(("not proven", text) for text in limitations(header)),
        ("specimens", str(header.specimens)),
        ("images", str(header.images)),
    ]


def _replay(header: Header, comparison: TrustComparison | None) -> str:
    if header.ledger is None:
        return "not checked"
    note = "" if comparison is None or comparison.ledger is None else f": {comparison.ledger.removeprefix(_ALLEGED)}"
    return f"checked, as the auditor says{note}"


def _not_checked(header: Header, images: tuple[ImageRow, ...]) -> list[str]:
    """Return the tests that some images lack: too few specimens calibrate them, or the version has none."""
    available, rules = available_checks(header, images), rules_of(header.format)
    least = least_specimens(header.policy.rate)
    uncalibrated = not available.calibrated and not rules.answers_need_calibration
    lacking = (
        (f"which class can be ruled out: {least} calibration specimens of each are needed", not available.sets),
        (f"whether an image is unlike anything enrolled: {least} specimens are needed", not available.familiarity),
        ("how often an answer is wrong: answers were given without calibration", uncalibrated),
        ("whether the model was enrolled with an image: the format has no mark for it", not rules.enrolled_are_marked),
    )
    return [test for test, is_lacking in lacking if is_lacking]


def checked_data(header: Header, images: tuple[ImageRow, ...]) -> dict[str, bool]:
    """Return the tests that all images of a report went through, as data; `answers` is true only if calibrated."""
    available = available_checks(header, images)
    return {
        "conformalSets": available.sets,
        "familiarity": available.familiarity,
        "answers": available.calibrated,
    }


def _unchecked(verification: Verification, *, list_all: bool) -> str:
    """Return the files beside the signed ones that were not checked, for people."""
    rows = [("beside it", f"{_quoted(file.name)}: {file.state}") for file in verification.unchecked]
    return (
        cut_table(rows, most=None if list_all else _SHOWN, noun="file", remark=", not checked either") if rows else ""
    )


def _quoted(name: str) -> str:
    """Return a file's name, quoted unless it is plain, so that no part of it looks like a remark."""
    text = name if _PLAIN.fullmatch(name) else ascii(name)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def tolerance_rows(report: Report) -> list[tuple[str, str]]:
    """Return how many answers stay the same if enrolled specimens were altered, for people."""
    if report.header.policy.tolerance is None:
        return []
    by_specimen = bool(report.specimens)
    kept = surviving_answers(report.specimens if by_specimen else report.images)
    what = "specimen" if by_specimen else "image"
    if not kept:
        return [("poisoning", "no answers")]
    rows = [("poisoning", f"{count(kept[0], 'answer')} by {what}; with specimens of the enrolment altered in place:")]
    return [*rows, *(("", f"{altered} altered: {stay} stay") for altered, stay in enumerate(kept) if altered)]


def _numbered(verification: Verification, failed: str | None = None) -> list[tuple[str, str, str]]:
    rows = [(f"{number}.", "passed", f"{c.title}: {c.found}") for number, c in enumerate(verification.checks, start=1)]
    return rows if failed is None else [*rows, (f"{len(rows) + 1}.", "FAILED", failed)]


def _checks(verification: Verification) -> list[dict[str, str]]:
    return [{"check": check.title, "state": "passed", "found": check.found} for check in verification.checks]


def verdict_tables(report: Report, *, list_all: bool) -> str:
    """Return the tables of specimens and of images, for people."""
    specimens = [(row.specimen, str(row.images), *_verdict(row)) for row in report.specimens]
    images = [(row.name, row.specimen or "-", *_verdict(row)) for row in report.images]
    tables = (("specimen", "images"), specimens), (("image", "specimen"), images)
    most = None if list_all else _SHOWN
    return "\n\n".join(
        cut_table(rows, most=most, noun="row", head=(*head, "verdict", "why")) for head, rows in tables if rows
    )


def _verdict(row: ImageRow | SpecimenRow) -> tuple[str, str]:
    return row.verdict, ", ".join(row.reasons) or "-"
