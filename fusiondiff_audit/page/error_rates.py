"""How often the method errs, and what follows for the batch as a whole: from the counts of the header."""

import re
from dataclasses import dataclass, replace

from fusiondiff_audit.page.language import Catalogue
from reports.verdict.batch_statement import BatchStatement, expected_exclusions_tenths
from reports.verdict.enrolment_ranks import COPIES_ACCEPTED, OWN_REJECTED
from reports.verdict.error_rates import rated_maker
from reports.verdict.header import ErrorRate, Header

_INTERVAL = re.compile(r"([0-9]{1,3}\.[0-9]) to ([0-9]{1,3}\.[0-9]) %")
_NAMED = {COPIES_ACCEPTED: "errors.known", OWN_REJECTED: "errors.own"}


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """One measured rate; `low` and `high` are the ends of its interval in per cent, for a bar."""

    what: str
    count: str
    interval: str  # with its confidence, but for makers, of which the introduction states it
    low: float
    high: float
    point: float


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """The rates of the classes, and those of makers that were left out of the enrolment."""

    classes: tuple[ErrorLine, ...]
    makers: tuple[ErrorLine, ...]


def error_table(header: Header, catalogue: Catalogue) -> ErrorTable:
    rates = header.model.error_rates
    makers = tuple(_line(rate, name, catalogue) for rate in rates if (name := rated_maker(rate)) is not None)
    classes = (
        _line(rate, catalogue.text(_NAMED[rate.what]) if rate.what in _NAMED else rate.what, catalogue)
        for rate in rates
        if rated_maker(rate) is None
    )
    with_confidence = (
        replace(line, interval=catalogue.text("errors.with_confidence", interval=line.interval)) for line in classes
    )
    return ErrorTable(tuple(with_confidence), makers)


def batch_sentences(header: Header, catalogue: Catalogue) -> tuple[str, ...]:
    """Return what follows for the batch as a whole, and how much of it chance explains."""
    statement = header.statement
    if statement is None:
        return ()
    tenths = expected_exclusions_tenths(statement.of, statement.calibration, header.policy.rate)
    expected = catalogue.decimal(f"{tenths // 10}.{tenths % 10}")
    key = "errors.expected_approximate" if statement.approximate else "errors.expected"
    return (
        f"{_claim(statement, catalogue)} {_beyond(statement, catalogue)}",
        catalogue.text(key, n=statement.of, number=expected),
    )


def _claim(statement: BatchStatement, catalogue: Catalogue) -> str:
    confidence = catalogue.text(f"errors.confidence{'_approximate' if statement.approximate else ''}")
    if not statement.least_unlike:
        return catalogue.text("errors.unlike_none", confidence=confidence, of=statement.of)
    return catalogue.text("errors.unlike", n=statement.least_unlike, of=statement.of, confidence=confidence)


def _beyond(statement: BatchStatement, catalogue: Catalogue) -> str:
    most = statement.place - 1
    others = catalogue.text("errors.all_but", number=most) if most else catalogue.text("errors.each")
    return catalogue.text("errors.beyond", n=statement.beyond, others=others, calibration=statement.calibration)


def _line(rate: ErrorRate, what: str, catalogue: Catalogue) -> ErrorLine:
    count = catalogue.text("errors.count", errors=rate.errors, of=rate.of)
    ends = _INTERVAL.fullmatch(rate.interval)
    if ends is None:
        return ErrorLine(what, count, rate.interval, 0, 0, 0)
    low, high = ends.groups()
    shown = catalogue.text("errors.interval", low=catalogue.decimal(low), high=catalogue.decimal(high))
    return ErrorLine(what, count, shown, float(low), float(high), round(100 * rate.errors / rate.of, 1))
