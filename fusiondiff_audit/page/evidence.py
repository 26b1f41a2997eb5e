"""What a page shows of a report's evidence: counts, p-values, comparisons and error rates."""

from reports.arithmetic import Rank
from reports.verdict.coverage import available_checks
from reports.verdict.former_coverage import former_checks
from reports.verdict.former_header import FormerHeader
from reports.verdict.former_rows import FormerImageRow, FormerSpecimenRow
from reports.verdict.header import VerdictCounts
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.verdicts import Verdict
from reports.verdict.wording import UNCHECKED, p_text


def page_specimens(report: Report) -> tuple[ImageRow | SpecimenRow, ...]:
    """Return the specimens, those images among them that name none; of versions 1 and 2 the named ones alone."""
    if isinstance(report.header, FormerHeader):
        return report.specimens
    nameless = (row for row in report.images if row.specimen is None and row.verdict is not Verdict.REFUSED)
    return (*report.specimens, *nameless)


def can_answer(report: Report) -> bool:
    """Say whether any row could be AUTHENTIC or COUNTERFEIT; versions 1 and 2 gave answers without calibration."""
    header = report.header
    if isinstance(header, FormerHeader):
        return True
    return available_checks(header, report.specimens, report.images).ranks


def verdict_cards(report: Report) -> list[tuple[Verdict, str]]:
    """Return the number on each verdict's card; UNCHECKED where nothing could have got that verdict."""
    header, answers = report.header, can_answer(report)
    unfamiliar = former_checks(header, report.images).calibrated if isinstance(header, FormerHeader) else answers
    possible = {Verdict.AUTHENTIC: answers, Verdict.COUNTERFEIT: answers, Verdict.UNFAMILIAR: unfamiliar}
    counts: VerdictCounts = header.images if isinstance(header, FormerHeader) else header.specimens
    return [
        (verdict, f"{number:,}" if number or possible.get(verdict, True) else UNCHECKED)
        for verdict, number in counts.by_verdict().items()
    ]


def _ranks(row: ImageRow | SpecimenRow) -> tuple[Rank | None, Rank | None, Rank | None] | None:
    """Return a row's ranks as authentic and as counterfeit, and of spread; before version 3 of familiarity."""
    if isinstance(row, FormerSpecimenRow):
        return row.ranks
    if isinstance(row, FormerImageRow):
        return None if row.judged is None else row.judged.ranks
    return None if row.evidence is None else row.evidence.ranks


def p_values(row: ImageRow | SpecimenRow) -> tuple[str, str, str]:
    """Return a row's p-values; of a specimen that nobody compared, there are none."""
    ranks = _ranks(row)
    if ranks is None:
        return "none", "none", "none"
    authentic, counterfeit, other = map(p_text, ranks)
    evidence = row.evidence
    if evidence is not None and len(evidence.tiles) == 1:
        other = "one image"
    return authentic, counterfeit, other


def comparison(row: ImageRow | SpecimenRow) -> str:
    """Return by what a specimen was compared, and whether its p-values are too large rather than too small."""
    evidence = row.evidence
    if evidence is None:
        return ""
    reduced = " (of more, which enrolled ones do not have)" if evidence.reduced else ""
    if evidence.weakest is not None:
        reduced += f", the least p of a group {p_text(evidence.weakest)}"
    conservative = "; some enrolled ones have fewer, so p is rather too large" if evidence.conservative else ""
    plural = "" if evidence.tiles == (1,) else "s"
    return f"compared by {', '.join(map(str, evidence.tiles))} tile{plural}{reduced}{conservative}"
