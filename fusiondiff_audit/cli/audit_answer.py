"""The answer of the verb `audit`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fusiondiff_audit.cli.answer import Answer
from fusiondiff_audit.cli.exits import Exit, worst
from fusiondiff_audit.cli.failure import exit_code
from fusiondiff_audit.cli.options import TrustContext
from fusiondiff_audit.cli.report_text import checked_data, header_rows, tolerance_rows, verdict_tables
from fusiondiff_audit.cli.text import count, table
from fusiondiff_audit.errors import AuditReason
from reports.verdict.verdicts import Verdict
from signing.records import write_record

if TYPE_CHECKING:
    from fusiondiff_audit.auditing.repeat import Comparison
    from fusiondiff_audit.auditing.run import AuditResult


def audit_answer(result: "AuditResult", out: Path, gates: tuple[Verdict, ...], trust: TrustContext) -> Answer:
    """Return what the verb prints: header, tables of verdicts, and their counts in one sentence."""
    report = result.report
    header, specimens, images = report.header, report.specimens, report.images
    about = table([*header_rows(header, specimens, images), *tolerance_rows(report)])
    text = f"{about}\n\n{verdict_tables(report, list_all=False)}"
    failed = sorted({row.verdict.value for row in report.images} & set(gates))
    refused = {reason for row in report.images if row.verdict is Verdict.REFUSED for reason in row.reasons}
    code = worst([Exit.DONE, *map(exit_code, refused), *([Exit.GATE] if failed else [])])
    if not any(row.judged is not None for row in report.images):
        code = worst([code, Exit.INCONCLUSIVE])
    data = {
        "out": str(out),
        "id": report.header.id,
        "demonstration": report.header.demonstration,
        "judged": result.judged,
        "images": list(map(write_record, images)),
        "specimens": list(map(write_record, specimens)),
        "checked": checked_data(header, specimens, images),
        "failedOn": failed,
        "trust": trust.data(),
    }
    shown = "DEMONSTRATION. " if report.header.demonstration else ""
    number = sum(header.specimens.by_verdict().values())
    sentence = f"{shown}{count(number, 'specimen')}: {header.specimens}; signed in {out}{trust.remarks()}"
    if not failed:
        return Answer("DONE", sentence, text, data, code)
    data["reason"] = AuditReason.GATE_FAILED.value
    return Answer("REFUSED", f"--fail-on {', '.join(failed)}: {sentence} ({AuditReason.GATE_FAILED})", text, data, code)


def repetition_answer(answer: Answer, comparison: "Comparison", believed: tuple[str, ...]) -> Answer:
    """Return the answer of a repetition, with the differences from the first report."""
    if comparison.identical:
        summary = "the same as the first report, byte for byte"
    elif comparison.rows:
        summary = f"{count(len(comparison.rows), 'row')} with differences"
    elif comparison.unexplained:
        summary = "differs from the first report, and neither code nor device explains it"
    else:
        summary = "every verdict, vote and rank as in the first report"
    rows = [("setting differs", text) for text in comparison.settings]
    rows += [("row differs", text) for text in comparison.rows]
    rows += [("believed", f"{name}: refused as admitted before, as the first report says") for name in believed]
    text = f"{answer.text}\n\n{table(rows)}" if rows else answer.text
    data = {
        "identical": comparison.identical,
        "differentSettings": comparison.settings,
        "differentRows": comparison.rows,
        "believed": believed,
    }
    code = worst([Exit(answer.code), Exit.INCONCLUSIVE]) if comparison.unexplained else answer.code
    return replace(
        answer, sentence=f"{answer.sentence}; {summary}", text=text, data=answer.data | {"repeat": data}, code=code
    )
