"""What a bundle states of its own enrolment, as short tables and sentences: for model cards and the command line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from fusiondiff_audit.model.enrolment import UNNAMED_MAKER, LabelledExample
from fusiondiff_audit.model.settings import Settings
from reports.arithmetic import least_specimens
from reports.verdict.enrolment_ranks import EnrolmentRanks
from reports.verdict.error_rates import rated_maker
from reports.verdict.header import ErrorRate
from reports.verdict.likelihood_ratio import Alternative

SUMMARY_RATES = (Fraction(1, 20), Fraction(1, 10))  # error rates are stated at the first that the specimens suffice for
_AGAINST = {Alternative.ENROLLED_MAKERS: "the enrolled counterfeiters", Alternative.ANOTHER_MAKER: "another maker"}


@dataclass(frozen=True, slots=True)
class SummaryTable:
    """A table with its title and head, and the sentences below it; it may have no rows."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentences: tuple[str, ...] = ()


def enrolment_tables(settings: Settings) -> tuple[SummaryTable, ...]:
    """Return the tables of a bundle that is enrolled."""
    return (
        _specimens(settings.examples),
        _error_rates(settings),
        _likelihood_ratios(settings),
        _imaging(settings),
    )


def stated_rate(settings: Settings) -> Fraction | None:
    """Return the error rate at which error rates are stated.

    An enrolled specimen is ranked among one specimen of its class fewer than an audited one. Where these do not
    suffice, no enrolled specimen could be rejected, and the rates would be 0 by necessity; None if that is so at all.
    """
    if settings.ranks is None:
        return None
    fewest = min(len(settings.ranks.own), len(settings.ranks.copies))
    return next((rate for rate in SUMMARY_RATES if fewest > least_specimens(rate)), None)


def stated_error_rates(settings: Settings) -> tuple[ErrorRate, ...]:
    """Return the error rates at `stated_rate`; none where it is None."""
    alpha = stated_rate(settings)
    return () if settings.ranks is None or alpha is None else settings.ranks.error_rates(alpha)


def _specimens(examples: Iterable[LabelledExample]) -> SummaryTable:
    by_maker: dict[tuple[bool, str], list[LabelledExample]] = {}
    for example in examples:
        by_maker.setdefault((not example.authentic, example.maker or UNNAMED_MAKER), []).append(example)
    rows = []
    for (counterfeit, maker), own in sorted(by_maker.items()):
        specimens = len({example.specimen for example in own})
        devices = ", ".join(sorted({example.device or "not stated" for example in own}))
        rows.append((maker, "counterfeit" if counterfeit else "authentic", f"{specimens:,}", f"{len(own):,}", devices))
    return SummaryTable("Enrolled specimens", ("maker", "label", "specimens", "images", "devices"), tuple(rows))


def _error_rates(settings: Settings) -> SummaryTable:
    alpha = stated_rate(settings)
    if settings.ranks is None or alpha is None:
        least = least_specimens(SUMMARY_RATES[-1]) + 1
        reason = f"not measured: at least {least} specimens of each class are needed to state them at 10 %"
        return SummaryTable("Error rates", (), (), (reason,))
    rates = stated_error_rates(settings)
    rows = tuple((rate.what, f"{rate.errors} of {rate.of}", rate.interval) for rate in rates)
    title = f"Error rates at {float(100 * alpha):g} %, each specimen judged without itself"
    return SummaryTable(title, ("error", "specimens", "95 % interval"), rows, tuple(_on_makers(settings.ranks, rates)))


def _on_makers(ranks: EnrolmentRanks, rates: Iterable[ErrorRate]) -> Iterator[str]:
    """Yield what the rates of makers that were left out mean, and which of them could not be measured."""
    makers = sum(rated_maker(rate) is not None for rate in rates)
    if not ranks.left_out:
        yield "makers never enrolled: not measured, because no maker of copies could be left out"
    elif unmeasured := len(ranks.left_out) - makers:
        yield f"makers never enrolled: {unmeasured} not measured, because too few copies remain without them"
    if not makers:
        return
    worst = "the one that was left out" if makers == 1 else f"the worst of these {makers}"
    yield (
        f"a further maker, drawn like them, is accepted more often than {worst} with a probability of up to "
        f"1/{makers + 1}"
    )


def _likelihood_ratios(settings: Settings) -> SummaryTable:
    rows = [
        (
            _AGAINST[ratio.alternative],
            _plain(ratio.ceiling),
            _plain(ratio.floor),
            f"{quality.cllr}",
            f"{quality.cllr_cal}",
            f"{quality.misleading_reference} of {quality.reference}",
            f"{quality.misleading_others} of {quality.others}",
        )
        for ratio, quality in zip(settings.ratios, settings.ratio_quality, strict=True)
    ]
    stated = {ratio.alternative for ratio in settings.ratios}
    absent = [f"none against {name}: too few are enrolled" for kind, name in _AGAINST.items() if kind not in stated]
    meaning = (
        "Cllr is 0 for perfect ratios and 1 for useless ones; each ratio is by a calibrator fitted without its "
        "specimen, or its maker"
    )
    lost = "Cllr lost by calibration"
    head = ("against", "at most", "at least", "Cllr", lost, "reference with LR < 1", "others with LR > 1")
    return SummaryTable("Likelihood ratios", head if rows else (), tuple(rows), (*([meaning] * bool(rows)), *absent))


def _imaging(settings: Settings) -> SummaryTable:
    claim = settings.confounding
    if claim is None:
        return SummaryTable("Imaging", (), (), ("whether imaging predicts the label: nobody checked it",))
    title = "IMAGING PREDICTS THE LABEL" if claim.confounded else "Imaging"
    warning = ("a verdict may be about the imaging and not about the ware",) if claim.confounded else ()
    return SummaryTable(title, (), (), (*warning, *claim.sentences()))


def _plain(number: Decimal) -> str:
    """Return a bound to three digits."""
    return f"{float(number):.3g}"
