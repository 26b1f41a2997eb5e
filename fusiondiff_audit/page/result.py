"""The result of a report in one sentence, and the number of specimens of each verdict."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fusiondiff_audit.page.language import Catalogue
from reports.verdict.coverage import available_checks
from reports.verdict.former_coverage import former_checks
from reports.verdict.former_header import FormerHeader
from reports.verdict.header import VerdictCounts
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow
from reports.verdict.verdicts import Verdict

_ANSWERS = (Verdict.AUTHENTIC, Verdict.COUNTERFEIT, Verdict.UNFAMILIAR)
_MOST_REASONS = 2  # in the sentence; more stand beside the specimens


@dataclass(frozen=True, slots=True)
class VerdictCard:
    """The number of specimens of a verdict; `checked` is false where nothing could have got that verdict."""

    verdict: Verdict
    number: str
    checked: bool
    meaning: str
    images: str  # how many images have the verdict; empty if the number itself is of images


def page_specimens(report: Report) -> tuple[ImageRow | SpecimenRow, ...]:
    """Return the specimens, those images among them that name none; of versions 1 and 2 the named ones alone."""
    if isinstance(report.header, FormerHeader):
        return report.specimens
    return (*report.specimens, *(row for row in report.images if row.specimen is None))


def can_answer(report: Report) -> bool:
    """Say whether any row could be AUTHENTIC or COUNTERFEIT; versions 1 and 2 gave answers without calibration."""
    header = report.header
    if isinstance(header, FormerHeader):
        return True
    return available_checks(header, report.specimens, report.images).ranks


def verdict_cards(report: Report, catalogue: Catalogue) -> list[VerdictCard]:
    """Return the numbers of a report; one that was not checked is never shown as 0."""
    header, answers = report.header, can_answer(report)
    is_former = isinstance(header, FormerHeader)
    unfamiliar = former_checks(header, report.images).calibrated if isinstance(header, FormerHeader) else answers
    possible = {Verdict.AUTHENTIC: answers, Verdict.COUNTERFEIT: answers, Verdict.UNFAMILIAR: unfamiliar}
    of_images, cards = header.images.by_verdict(), []
    for verdict, number in _counts(report).by_verdict().items():
        checked = bool(number) or possible.get(verdict, True)
        shown = catalogue.number(number) if checked else catalogue.text("result.unchecked")
        images = "" if is_former or not of_images[verdict] else catalogue.text("result.images", n=of_images[verdict])
        cards.append(VerdictCard(verdict, shown, checked, catalogue.text(f"verdict.{verdict.value}"), images))
    return cards


def result_sentence(report: Report, catalogue: Catalogue) -> str:
    """Return what was found of how many specimens, and why some have no answer."""
    is_former = isinstance(report.header, FormerHeader)
    rows = report.images if is_former else page_specimens(report)
    counts = {verdict: number for verdict, number in _counts(report).by_verdict().items() if number}
    if not counts:
        return catalogue.text("result.nothing")
    ordered = sorted(counts, key=lambda verdict: verdict not in _ANSWERS)
    parts = (_clause(verdict, counts[verdict], rows, catalogue) for verdict in ordered)
    lead = catalogue.text("result.lead_images" if is_former else "result.lead", n=sum(counts.values()))
    return catalogue.text("result.sentence", lead=lead, parts=catalogue.listed(parts))


def because(reason: str, catalogue: Catalogue) -> str:
    """Return a reason in words; a code that this version does not know stands as it is."""
    return catalogue.choice("because", reason) or reason


def _counts(report: Report) -> VerdictCounts:
    return report.header.images if isinstance(report.header, FormerHeader) else report.header.specimens


def _clause(verdict: Verdict, number: int, rows: Sequence[ImageRow | SpecimenRow], catalogue: Catalogue) -> str:
    if verdict in _ANSWERS:
        return catalogue.text(f"result.{verdict.value}", n=number)
    first = Counter(row.reasons[0] for row in rows if row.verdict is verdict and row.reasons)
    if len(first) > _MOST_REASONS:
        return catalogue.text(f"result.{verdict.value}_many", n=number)
    texts = [(because(reason, catalogue), count) for reason, count in sorted(first.items(), key=lambda item: -item[1])]
    one = len(texts) == 1 and texts[0][1] == number
    whys = [text if one else catalogue.text("result.counted", why=text, n=count) for text, count in texts]
    why = catalogue.joined(whys) or catalogue.text("result.unstated")
    return catalogue.text(f"result.{verdict.value}", n=number, why=why)
