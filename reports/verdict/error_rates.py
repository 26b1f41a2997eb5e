"""Whether the error rates that a header states can be those of its model, from version 3 on.

They are of verdicts on enrolled specimens, each judged by models that did not learn from it
(`reports.verdict.enrolment_ranks`).
"""

from fractions import Fraction

from reports.arithmetic import MOST_SPECIMENS, error_bounds
from reports.verdict.enrolment_ranks import COPIES_ACCEPTED, MAKER_ACCEPTED, OWN_REJECTED
from reports.verdict.header import ErrorRate, ModelHeader

_OF_CLASSES = (COPIES_ACCEPTED, OWN_REJECTED)


def rated_maker(rate: ErrorRate) -> str | None:
    """Return the maker whose specimens an error rate is of; None if it is that of a class."""
    return rate.what.removeprefix(MAKER_ACCEPTED) if rate.what.startswith(MAKER_ACCEPTED) else None


def error_rate_fault(model: ModelHeader) -> str | None:
    """Return why a model cannot have these error rates, or None.

    Numbers are compared before an interval is computed, which takes time that grows with them.
    """
    rates = model.error_rates
    makers = [rate for rate in rates if rated_maker(rate) is not None]
    names = [rate.what for rate in rates if rated_maker(rate) is None]
    if names != [name for name in _OF_CLASSES if name in names] or list(rates[len(names) :]) != makers:
        return f"it has error rates other than {' and '.join(_OF_CLASSES)}, in this order, and those of makers"
    most = {OWN_REJECTED: model.enrolled_authentic}
    for rate in rates:
        enrolled = most.get(rate.what, model.enrolled_counterfeit)
        if not (0 <= rate.errors <= rate.of and 1 <= rate.of <= enrolled <= MOST_SPECIMENS):
            return f"it states {rate.errors:,} errors of {rate.of:,}, and {enrolled:,} were enrolled: {rate.what}"
    if sum(rate.of for rate in makers) > model.enrolled_counterfeit:
        return f"its makers have more specimens than the {model.enrolled_counterfeit:,} that were enrolled"
    if len({rate.what for rate in makers}) < len(makers):
        return "it has two error rates of one maker"
    if makers != sorted(makers, key=lambda rate: (-Fraction(rate.errors, rate.of), rate.what)):
        return "its makers are not in the order of their error rates, worst first"
    for rate in rates:
        if rate.interval != error_bounds(rate.errors, rate.of):
            return f"the interval of an error rate does not follow: {rate.what}"
    return None
