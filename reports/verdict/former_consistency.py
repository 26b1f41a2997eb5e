"""Whether a report of version 1 or 2 follows from its own numbers, by the rules of its version."""

from reports.arithmetic import MOST_SPECIMENS, error_bounds
from reports.verdict.former_coverage import former_header_coverage
from reports.verdict.former_header import FORMER_ERROR_RATES, FormerHeader
from reports.verdict.former_rows import (
    FormerImageRow,
    former_image_verdict,
    former_images,
    former_specimen_rows,
    image_ranks,
)
from reports.verdict.header import VerdictCounts
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow
from reports.verdict.verdicts import Verdict
from reports.verdict.versions import rules_of


def former_rate_fault(header: FormerHeader) -> str | None:
    """Return what is wrong with error rates: too many, other names, or intervals that do not follow; or None."""
    rates = header.model.error_rates
    names = [rate.what for rate in rates]
    if len(names) > len(FORMER_ERROR_RATES) or len(set(names)) != len(names):
        return f"it has {len(names):,} error rates; each of {len(FORMER_ERROR_RATES)} is there once at most"
    in_order = [name for name in FORMER_ERROR_RATES if name in names]
    if rules_of(header.format).rates_are_known and names != in_order:
        return f"it has error rates other than {' and '.join(FORMER_ERROR_RATES)}, in this order"
    for rate in rates:
        if not 0 <= rate.errors <= rate.of <= MOST_SPECIMENS or rate.interval != error_bounds(rate.errors, rate.of):
            return f"the interval of an error rate does not follow: {rate.what}"
    return None


def former_row_fault(row: ImageRow, header: FormerHeader) -> str | None:
    """Return what about an image's row does not follow from its numbers and the header; None if everything does."""
    (image,) = former_images((row,))
    allowed = former_header_coverage(header)
    if image.judged is not None and allowed is not None:
        counterfeit, authentic = allowed.sets or (None, None)
        ranked = [None if rank is None else rank.of for rank in image_ranks(image)]
        if ranked != [authentic, counterfeit, allowed.familiar]:
            return f"{row.name!a} has ranks among other specimens than there are, or lacks some"
    if row.verdict is not Verdict.REFUSED and (row.verdict, row.reasons) != former_image_verdict(image, header.rules):
        return f"{row.name!a} is {row.verdict}, which does not follow from its numbers"
    return None


def former_report_fault(report: Report) -> str | None:
    """Return why a report's rows of specimens do not follow from its images; None if they do."""
    images: tuple[FormerImageRow, ...] = former_images(report.images)
    if report.specimens != former_specimen_rows(images, report.header.rules):
        return "a specimen's row does not follow from its images"
    if VerdictCounts.of(row.verdict for row in report.specimens) != report.header.specimens:
        return "its specimens are counted otherwise than they are"
    return None
