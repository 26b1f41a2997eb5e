"""What speaks for the verdict on each specimen, in words: from the ranks and ratios of its row."""

from dataclasses import dataclass

from fusiondiff_audit.page.language import Catalogue
from fusiondiff_audit.page.result import because, page_specimens
from reports.arithmetic import Rank
from reports.verdict.former_rows import FormerRanks, FormerSpecimenRow
from reports.verdict.header import Header
from reports.verdict.likelihood_ratio import StatedRatio
from reports.verdict.report import Report
from reports.verdict.rows import ImageRow, SpecimenEvidence, SpecimenRow, least_tolerance
from reports.verdict.verdicts import Verdict
from reports.verdict.wording import UNCHECKED, p_text, stated_ratios


@dataclass(frozen=True, slots=True)
class SpecimenEntry:
    """A specimen on the page."""

    name: str
    named: bool  # false: an image without a specimen's name
    verdict: Verdict
    reasons: tuple[str, ...]  # in words
    images: str
    evidence: tuple[str, ...]
    details: tuple[str, ...]


def specimen_entries(report: Report, catalogue: Catalogue) -> tuple[SpecimenEntry, ...]:
    return tuple(_entry(row, report.header, catalogue) for row in page_specimens(report))


def p_value(rank: Rank | None, catalogue: Catalogue) -> str:
    """Return a p-value in the digits of a language."""
    text = p_text(rank)
    return catalogue.text("result.unchecked") if text == UNCHECKED else catalogue.decimal(text)


def former_p_values(ranks: FormerRanks, catalogue: Catalogue) -> str:
    """Return the p-values of a row of versions 1 and 2."""
    names = ("authentic", "counterfeit", "familiar")
    return catalogue.text(
        "specimen.former_p", **{name: p_value(rank, catalogue) for name, rank in zip(names, ranks, strict=True)}
    )


def _entry(row: ImageRow | SpecimenRow, header: Header, catalogue: Catalogue) -> SpecimenEntry:
    name, images = (row.specimen, row.images) if isinstance(row, SpecimenRow) else (row.name, 1)
    return SpecimenEntry(
        name,
        isinstance(row, SpecimenRow),
        row.verdict,
        tuple(because(reason, catalogue) for reason in row.reasons),
        catalogue.text("result.images", n=images),
        _evidence(row, header, catalogue),
        (*_comparison(row.evidence, catalogue), *_tolerance(row, header, catalogue)),
    )


def _evidence(row: ImageRow | SpecimenRow, header: Header, catalogue: Catalogue) -> tuple[str, ...]:
    if isinstance(row, FormerSpecimenRow):
        return (former_p_values(row.ranks, catalogue),)
    evidence = row.evidence
    if evidence is None:
        return (catalogue.text("specimen.no_evidence"),)
    if evidence.authentic is None or evidence.counterfeit is None:
        return (catalogue.text("specimen.not_ranked"),)
    return (
        _likeness(evidence.authentic, "reference", header, catalogue),
        _likeness(evidence.counterfeit, "copies", header, catalogue),
        *(_ratio(ratio, catalogue) for ratio in stated_ratios(row, header)),
    )


def _likeness(rank: Rank, class_: str, header: Header, catalogue: Catalogue) -> str:
    likeness = "like" if rank.above(header.policy.rate) else "unlike"
    return catalogue.text(f"specimen.{likeness}_{class_}", n=rank.at_least, of=rank.of, p=p_value(rank, catalogue))


def _ratio(ratio: StatedRatio, catalogue: Catalogue) -> str:
    direction = "equal" if ratio.times == "1" else "reference" if ratio.for_reference else "other"
    times, most = (_number(number, catalogue) for number in (ratio.times, ratio.most))
    return catalogue.text(f"ratio.{direction}_{ratio.alternative.value}", times=times, most=most)


def _number(number: str, catalogue: Catalogue) -> str:
    """Return a number of a ratio, which has a point or marks between thousands, in the digits of a language."""
    return catalogue.decimal(number) if "." in number else catalogue.number(int(number.replace(",", "")))


def _comparison(evidence: SpecimenEvidence | None, catalogue: Catalogue) -> tuple[str, ...]:
    """Return by what a specimen was compared, and how far its images lie apart."""
    if evidence is None:
        return ()
    if len(evidence.tiles) == 1:
        spread = "specimen.spread_one"
    else:
        spread = "specimen.spread_unchecked" if evidence.spread is None else "specimen.spread"
    weakest = (
        ()
        if evidence.weakest is None
        else (catalogue.text("specimen.weakest", p=p_value(evidence.weakest, catalogue)),)
    )
    return (
        catalogue.text("specimen.tiles", tiles=" + ".join(map(catalogue.number, evidence.tiles))),
        *((catalogue.text("specimen.reduced"),) if evidence.reduced else ()),
        *((catalogue.text("specimen.conservative"),) if evidence.conservative else ()),
        *weakest,
        catalogue.text(spread, p=p_value(evidence.spread, catalogue)),
    )


def _tolerance(row: ImageRow | SpecimenRow, header: Header, catalogue: Catalogue) -> tuple[str, ...]:
    if header.policy.tolerance is None:
        return ()
    tolerance = least_tolerance((row,)) if isinstance(row, ImageRow) else row.tolerance
    if tolerance is None:
        return (catalogue.text("specimen.tolerance_none"),)
    return (catalogue.text("specimen.tolerance", n=tolerance),)
