"""What a report leaves open: files that were refused or cannot be judged, tests that were not made, and deviations."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from fusiondiff_audit.page.language import Catalogue
from fusiondiff_audit.page.preparation import quality_text
from fusiondiff_audit.page.result import because, page_specimens
from reports.arithmetic import least_specimens
from reports.verdict.coverage import available_checks, is_calibrated
from reports.verdict.former_coverage import former_checks
from reports.verdict.former_header import FormerHeader
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow
from reports.verdict.verdicts import Verdict, VerdictReason

_REMARKS = (VerdictReason.INSTRUMENT_NOT_ENROLLED, VerdictReason.INSTRUMENT_CONFOUNDED)
_UNANSWERED = (Verdict.INCONCLUSIVE, Verdict.REFUSED)


@dataclass(frozen=True, slots=True)
class UnexaminedFile:
    """A file, and why it is no part of the evidence."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class NotExamined:
    """What was not examined; `files` are other signed files, which have no row."""

    refused: tuple[UnexaminedFile, ...]
    left_out: tuple[UnexaminedFile, ...]
    tests: tuple[str, ...]
    files: int


def not_examined(report: Report, catalogue: Catalogue) -> NotExamined:
    refused = (row for row in report.images if row.verdict is Verdict.REFUSED)
    signed = sum(row.sha256 is not None for row in report.images)
    return NotExamined(
        tuple(
            UnexaminedFile(row.name, catalogue.joined(because(reason, catalogue) for reason in row.reasons))
            for row in refused
        ),
        tuple(UnexaminedFile(row.name, quality_text(row.quality, catalogue)) for row in _left_out(report)),
        tuple(_tests(report, catalogue)),
        max(0, report.header.batch.files - signed),
    )


def deviations(report: Report, catalogue: Catalogue) -> list[str]:
    """Return what was done otherwise than for every batch, from the header and the rows."""
    header = report.header
    sentences = []
    if header.admission.again is not None:
        sentences.append(catalogue.text("deviation.again", reason=header.admission.again))
    if header.admission.out_of_order:
        sentences.append(catalogue.text("deviation.out_of_order"))
    if header.run.limit is not None:
        sentences.append(catalogue.text("deviation.limit", n=header.run.limit))
    if refused := sum(row.verdict is Verdict.REFUSED for row in report.images):
        sentences.append(catalogue.text("deviation.refused", n=refused))
    if left_out := len(_left_out(report)):
        sentences.append(catalogue.text("deviation.left_out", n=left_out))
    answered = [row for row in page_specimens(report) if row.verdict not in _UNANSWERED]
    remarks = Counter(reason for row in answered for reason in row.reasons if reason in _REMARKS)
    sentences += (
        catalogue.text("deviation.remark", n=number, why=because(reason, catalogue))
        for reason, number in remarks.items()
    )
    return sentences


def _left_out(report: Report) -> list[ImageRow]:
    return [
        row
        for row in report.images
        if row.judged is None and row.enrolled is None and row.verdict is not Verdict.REFUSED
    ]


def _tests(report: Report, catalogue: Catalogue) -> Iterator[str]:
    """Yield the tests that some specimens lack, and what they would need."""
    header = report.header
    if isinstance(header, FormerHeader):
        yield from _former_tests(header, report, catalogue)
        return
    checks, model = available_checks(header, report.specimens, report.images), header.model
    if not checks.ranks:
        enrolled = {"authentic": model.enrolled_authentic, "counterfeit": model.enrolled_counterfeit}
        key = "unexamined.no_ranks" if is_calibrated(header) else "unexamined.ranks"
        yield catalogue.text(key, least=least_specimens(header.policy.rate), **enrolled)
    if checks.unspread:
        yield catalogue.text("unexamined.spread", n=checks.unspread)
    if checks.without_ratios:
        images = catalogue.text("result.images", n=len(model.enrolled_tiles))
        yield catalogue.text(
            "unexamined.ratios", n=checks.without_ratios, images=images, tiles=min(model.enrolled_tiles)
        )
    if not checks.confounding:
        yield catalogue.text("unexamined.confounding")


def _former_tests(header: FormerHeader, report: Report, catalogue: Catalogue) -> Iterator[str]:
    checks, least = former_checks(header, report.images), least_specimens(header.policy.rate)
    if not checks.sets:
        yield catalogue.text("unexamined.former_sets", least=least)
    if not checks.familiarity:
        yield catalogue.text("unexamined.former_familiarity", least=least)
    if not checks.calibrated:
        yield catalogue.text("unexamined.former_rate")
    yield catalogue.text("unexamined.former_enrolled")
    yield catalogue.text("unexamined.former_instrument")
