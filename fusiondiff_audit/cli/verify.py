"""The verb `verify`: for whoever received a report."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import signing
from fusiondiff_audit.cli.answer import Answer, answering, say
from fusiondiff_audit.cli.file_checks import signer_data
from fusiondiff_audit.cli.options import PATH, Judged, trust_options
from fusiondiff_audit.cli.text import count, table

if TYPE_CHECKING:
    from reports.verdict.header import Header
    from reports.verdict.report import Report
    from reports.verdict.rows import ImageRow
    from reports.verdict.trust_check import TrustComparison
    from reports.verdict.verification import Verification

_SHOWN = 20  # rows of either kind; more would push the checks off the screen
_LONGEST = 60  # characters of a file's name
_PLAIN = re.compile("[A-Za-z0-9._+-]+")
_ALLEGED = "as the auditor says: "


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
    used. What is the auditor's word alone is printed as such. Of a folder every other file is named, since nothing was
    compared with it: a page can be edited while the signed file stays genuine.

    \b
    fusiondiff-audit verify out --trust trust.json --root sha256:...
    fusiondiff-audit verify report.sigstore.json --trust trust.json --images micrographs --model bundle
    """
    from fusiondiff_audit.cli.failure import exit_code
    from fusiondiff_audit.weights.pins import PINNED
    from reports.verdict.issue import REPORT
    from reports.verdict.verification import Verification, verify_report

    found = Verification()
    try:
        pin = PINNED.get(str(model))
        looked = model if pin is None or os.path.lexists(str(model)) else pin.folder
        said = verify_report(report, trust=trust.store, images=images, model=looked, found=found)
    except signing.SigningError as e:
        for hint in getattr(e, "__notes__", ()):
            say(f"hint: {hint}")
        data = {"reason": e.reason.value, "message": str(e), "checks": _checks(found), "trust": trust.data()}
        text = table(_numbered(found, failed=f"{e.reason}: {e}"))
        return Answer("REFUSED", f"{e} ({e.reason})", text, data, exit_code(e.reason))
    whole_data: dict[str, Any] = {
        "checks": _checks(found),
        "id": said.header.id,
        "format": said.header.format,
        "rules": rules_data(said.header),
        "reference": said.header.reference,
        "demonstration": said.header.demonstration,
        "signer": signer_data(found.signer) if found.signer else {},
        "specimens": _rows_data(said.specimens, "specimen"),
        "images": _rows_data(said.images, "name"),
        "checked": checked_data(said.header, said.images),
        "unchecked": [{"name": one.name, "state": one.state} for one in found.unchecked],
        "trust": trust.data(),
    }
    about = table([*header_rows(said.header, found.comparison, said.images), *tolerance_rows(said)])
    parts = [table(_numbered(found)), _unchecked(found, whole=whole), about, verdict_tables(said, whole=whole)]
    shown = "DEMONSTRATION. " if said.header.demonstration else ""
    file = REPORT if os.path.isdir(report) else report.name
    sentence = (
        f"{file} is genuine and unaltered{trust.remarks()}{by_rules(said.header)}. {shown}It says: {said.header.images}"
    )
    return Answer("PASSED", sentence, "\n\n".join(filter(None, parts)), whole_data)


def by_rules(header: "Header") -> str:
    """Return the clause that names an older version and what its rules let be, if a report is of one."""
    from reports.verdict.versions import version_remark

    remark = version_remark(header.format)
    return f", {remark}" if remark else ""


def rules_data(header: "Header") -> dict[str, Any]:
    """Return by which version's rules a report was judged, and what they let be that the newest do not, as data."""
    from reports.verdict.versions import NEWEST, gaps_of

    return {"format": header.format, "newest": header.format == NEWEST, "gaps": list(gaps_of(header.format))}


def header_rows(
    header: "Header", comparison: "TrustComparison | None" = None, images: "tuple[ImageRow, ...]" = ()
) -> list[tuple[str, str]]:
    """Return what a report is about, for people; with a comparison, what is the auditor's word alone says so.

    `images` are the rows that are shown: what some of them lack is not told as checked.
    """
    from reports.verdict.versions import NEWEST
    from reports.verdict.wording import limitations, robustness_text

    model, batch = header.model, header.batch
    unlisted = _ALLEGED if comparison is not None and not comparison.signer_listed else ""
    tested = _ALLEGED if comparison is not None and header.robustness is not None else ""
    rates = [f"{r.errors} of {r.of} {r.what} ({r.interval})" for r in model.error_rates] or ["not measured"]
    old = (
        () if header.format == NEWEST else (("format", f"{header.format}, judged by the rules that it was made under"),)
    )
    return [
        ("AUTHENTIC means", f"authentic as {header.reference}"),
        *((("", "DEMONSTRATION: made-up pictures, keys for show"),) if header.demonstration else ()),
        *old,
        ("issued", f"{header.issued} by {header.auditor.principal}"),
        ("batch", f"{count(batch.files, 'file')}, captured {batch.captured} (claimed)"),
        ("signed by", f"{unlisted}{batch.signer.principal}"),
        *(() if comparison is None else (("trust store", comparison.store),)),
        ("model", f"{model.title}, sha256:{model.digest}"),
        *(("its error rates", rate) for rate in rates),
        *(("not checked", text) for text in _open_questions(header, images)),
        ("policy", f"{header.policy.name}, sha256:{header.policy.digest}"),
        ("stress test", f"{tested}{robustness_text(header.robustness)}"),
        ("replay", _replay(header, comparison)),
        *(("case", text) for text in header.case),
        *(("not proven", text) for text in limitations(header)),
        ("specimens", str(header.specimens)),
        ("images", str(header.images)),
    ]


def _replay(header: "Header", comparison: "TrustComparison | None") -> str:
    if header.ledger is None:
        return "not checked"
    found = "" if comparison is None or comparison.ledger is None else f": {comparison.ledger.removeprefix(_ALLEGED)}"
    return f"checked, as the auditor says{found}"


def _open_questions(header: "Header", images: "tuple[ImageRow, ...]") -> list[str]:
    """Return what was not asked of every picture: too few specimens calibrate it, or the version did not ask."""
    from reports.arithmetic import least_specimens
    from reports.verdict.coverage import available_checks_of
    from reports.verdict.versions import rules_of

    known, least, rules = (
        available_checks_of(header, images),
        least_specimens(header.policy.rate),
        rules_of(header.format),
    )
    open_ = [] if known.sets else [f"which class can be ruled out: {least} calibration specimens of each are needed"]
    if not known.familiarity:
        open_.append(f"whether a picture is unlike anything enrolled: {least} specimens are needed")
    if not known.calibrated and not rules.answers_need_calibration:
        open_.append("how often an answer is wrong: answers were given without calibration")
    if not rules.enrolled_are_marked:
        open_.append("whether the model was enrolled with a picture: the format has no mark for it")
    return open_


def checked_data(header: "Header", images: "tuple[ImageRow, ...]") -> dict[str, bool]:
    """Return what was asked of the pictures of a report, as data; answers without calibration are not checked ones."""
    from reports.verdict.coverage import available_checks_of

    known = available_checks_of(header, images)
    return {"conformalSets": known.sets, "familiarity": known.familiarity, "answers": known.calibrated}


def _unchecked(found: "Verification", *, whole: bool) -> str:
    """Return what lies beside the signed files and was not checked, for people."""
    rows = [("beside it", f"{_named(one.name)}: {one.state}") for one in found.unchecked]
    shown = rows if whole else rows[:_SHOWN]
    text = table(shown) if rows else ""
    if hidden := len(rows) - len(shown):
        text += f"\n  and {count(hidden, 'file')} more, not checked either; --all lists them"
    return text


def _named(name: str) -> str:
    """Return a file's name so that nobody takes a part of it for what is said of it."""
    text = name if _PLAIN.fullmatch(name) else ascii(name)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def tolerance_rows(report: "Report") -> list[tuple[str, str]]:
    """Return how many answers stay if somebody altered the specimens that the model was taught with, for people."""
    if report.header.policy.tolerance is None:
        return []
    from reports.verdict.rows import surviving_answers

    by_specimen = bool(report.specimens)
    kept = surviving_answers(report.specimens if by_specimen else report.images)
    what = "specimen" if by_specimen else "image"
    if not kept:
        return [("poisoning", "no answer that could stay")]
    rows = [("poisoning", f"{count(kept[0], 'answer')} by {what}; with specimens of the enrolment altered in place:")]
    return [*rows, *(("", f"{altered} altered: {stay} stay") for altered, stay in enumerate(kept) if altered)]


def _numbered(found: "Verification", failed: str | None = None) -> list[tuple[str, str, str]]:
    rows = [(f"{number}.", "passed", f"{c.title}: {c.found}") for number, c in enumerate(found.checks, start=1)]
    return rows if failed is None else [*rows, (f"{len(rows) + 1}.", "FAILED", failed)]


def _checks(found: "Verification") -> list[dict[str, str]]:
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
