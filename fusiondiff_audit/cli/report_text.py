"""What verbs print of a report: the facts of its header, the tests that were not made, and tables of verdicts."""

from collections.abc import Sequence
from textwrap import wrap

from fusiondiff_audit.cli.text import count, cut_table, table
from reports.verdict.coverage import available_checks, ratios_are_stated
from reports.verdict.former_coverage import former_checks
from reports.verdict.former_header import FormerHeader
from reports.verdict.former_rows import FormerImageRow, FormerSpecimenRow
from reports.verdict.header import Header
from reports.verdict.likelihood_ratio import Alternative, RatioCalibrator, ratio_text
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenRow, surviving_answers
from reports.verdict.trust_check import TrustComparison
from reports.verdict.versions import NEWEST
from reports.verdict.wording import (
    instrument_lines,
    limitations,
    p_text,
    rate_lines,
    ratio_sentences,
    ratio_texts,
    robustness_lines,
    statement_lines,
    unchecked_tests,
)

MOST_ROWS = 20  # of each table; more would push the checks off the screen
_ALLEGED = "as the auditor says: "
_WIDTH = 110  # characters of a line of prose
_RATIO_HEADS = {Alternative.ENROLLED_MAKERS: "LR, known copies", Alternative.ANOTHER_MAKER: "LR, other maker"}


def header_rows(
    header: Header,
    specimens: tuple[SpecimenRow, ...],
    images: tuple[ImageRow, ...],
    comparison: TrustComparison | None = None,
) -> list[tuple[str, str]]:
    """Return the facts of a header, for people; with a comparison, facts that only the auditor claims are marked.

    `specimens` and `images` are the rows that are shown; a test that some of them lack is listed as not checked.
    """
    model, batch = header.model, header.batch
    unlisted = _ALLEGED if comparison is not None and not comparison.signer_listed else ""
    claimed = _ALLEGED if comparison is not None and header.robustness is not None else ""
    rates = rate_lines(header) or ("not measured",)
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
        *(row for text in rates for row in wrapped("its error rates", text)),
        *(("instrument", line) for line in instrument_lines(header)),
        *(row for text in unchecked_tests(header, specimens, images) for row in wrapped("not checked", text)),
        *(row for text in statement_lines(header) for row in wrapped("whole batch", text)),
        ("policy", f"{header.policy.name}, sha256:{header.policy.digest}"),
        *(("stress test", f"{claimed}{line}") for line in robustness_lines(header.robustness)),
        ("replay", _replay(header, comparison)),
        *(("case", text) for text in header.case),
        *(row for text in limitations(header) for row in wrapped("not proven", text)),
        ("specimens", str(header.specimens)),
        ("images", str(header.images)),
    ]


def _replay(header: Header, comparison: TrustComparison | None) -> str:
    if header.ledger is None:
        return "not checked"
    note = "" if comparison is None or comparison.ledger is None else f": {comparison.ledger.removeprefix(_ALLEGED)}"
    return f"checked, as the auditor says{note}"


def checked_data(header: Header, specimens: tuple[SpecimenRow, ...], images: tuple[ImageRow, ...]) -> dict[str, bool]:
    """Return the tests that all these rows went through, as data; `answers` is true only if calibrated."""
    if isinstance(header, FormerHeader):
        former = former_checks(header, images)
        return {"conformalSets": former.sets, "familiarity": former.familiarity, "answers": former.calibrated}
    checks = available_checks(header, specimens, images)
    return {"spread": not checks.unspread, "confounding": checks.confounding, "answers": checks.ranks}


def verdict_tables(report: Report, *, list_all: bool) -> str:
    """Return the tables of specimens and of images, for people."""
    most = None if list_all else MOST_ROWS
    header = report.header
    nameless = [row for row in report.images if row.specimen is None]
    rows: list[ImageRow | SpecimenRow] = [*report.specimens, *nameless]
    stated = any(_has_ratios(row, header) for row in rows)
    calibrators = header.model.ratios if stated else ()
    columns = () if isinstance(header, FormerHeader) else ("p authentic", "p counterfeit")
    columns = (*columns, *(_RATIO_HEADS[calibrator.alternative] for calibrator in calibrators))
    of_images = columns if nameless else ()  # the numbers of a named specimen stand in its row
    specimens = [
        (row.specimen, str(row.images), *_numbers(row, header, columns), *_verdict(row)) for row in report.specimens
    ]
    images = [
        (row.name, row.specimen or "-", *_numbers(row, header, of_images), *_verdict(row)) for row in report.images
    ]
    tables = (
        (("specimen", "images", *columns, "verdict", "why"), specimens),
        (("image", "specimen", *of_images, "verdict", "why"), images),
    )
    shown = [cut_table(rows, most=most, noun="row", head=head) for head, rows in tables if rows]
    return "\n\n".join([*shown, *_ratio_legend(calibrators)])


def _has_ratios(row: ImageRow | SpecimenRow, header: Header) -> bool:
    return row.evidence is not None and bool(header.model.ratios) and ratios_are_stated(row.evidence, header)


def _ratio_legend(calibrators: tuple[RatioCalibrator, ...]) -> list[str]:
    """Return what the columns of likelihood ratios mean, and how large these can be."""
    return [
        table(
            wrapped(
                _RATIO_HEADS[calibrator.alternative],
                f"how many times more probable the findings are if {calibrator.propositions[0]} than if "
                f"{calibrator.propositions[1]}; 1/3 is three times less probable; this enrolment supports no more "
                f"than {ratio_text(calibrator.ceiling)} and no less than {ratio_text(calibrator.floor)}",
            )
        )
        for calibrator in calibrators
    ]


def wrapped(label: str, text: str) -> list[tuple[str, str]]:
    """Return the rows of a long text with its label, whose lines are not cut."""
    lines = wrap(text, _WIDTH, break_long_words=False) or [""]
    return [(label if place == 0 else "", line) for place, line in enumerate(lines)]


def evidence_rows(row: ImageRow | SpecimenRow, header: Header) -> list[tuple[str, str]]:
    """Return the p-values and likelihood ratios of one specimen, for people."""
    if row.evidence is None:
        return []
    names = zip(("authentic", "counterfeit", "spread"), row.evidence.ranks, strict=True)
    shown = [f"{name} {p_text(rank)}" for name, rank in names if name != "spread" or len(row.evidence.tiles) > 1]
    likelihood = [line for text in ratio_sentences(row, header) for line in wrapped("likelihood", text)]
    return [("p-values", ", ".join(shown)), *likelihood]


def _numbers(row: ImageRow | SpecimenRow, header: Header, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the p-values and likelihood ratios of a row, or why there are none, for these columns."""
    if not columns or isinstance(row, FormerImageRow | FormerSpecimenRow):
        return ()
    if row.evidence is None:
        none = "-" if isinstance(row, ImageRow) and row.specimen is not None else "none"  # the specimen's row has them
        return (none, none, *("-" for _ in columns[2:]))
    p_values = (p_text(row.evidence.authentic), p_text(row.evidence.counterfeit))
    return (*p_values, *ratio_texts(row, header)[: len(columns) - 2])


def _verdict(row: ImageRow | SpecimenRow) -> tuple[str, str]:
    return row.verdict, ", ".join(row.reasons) or "-"


def tolerance_rows(report: Report) -> list[tuple[str, str]]:
    """Return how many labels of the forests stay the same if enrolled specimens were altered, for people."""
    if report.header.policy.tolerance is None:
        return []
    by_specimen = bool(report.specimens)
    kept = surviving_answers(report.specimens if by_specimen else report.images)
    unit = "specimen" if by_specimen else "image"
    if not kept:
        return [("poisoning", "no answers")]
    rows = [("poisoning", f"{count(kept[0], 'answer')} by {unit}; with specimens of the enrolment altered in place:")]
    labels = "" if isinstance(report.header, FormerHeader) else ", by the forests' labels alone"
    return [*rows, *(("", f"{altered} altered: {stay} stay{labels}") for altered, stay in enumerate(kept) if altered)]
