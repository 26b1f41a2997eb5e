"""Ranks of enrolled specimens, each by models that were not fitted to it, and the error rates that they come to.

A bundle states them, so that whoever has it can count its error rates again at any error rate of a policy. A rank of a
specimen among its own class leaves the specimen out. Of a maker that is left out, no model has seen a specimen: it
stands for the makers that were never enrolled.

    >>> copies = (RankPair(Rank(0, 25), Rank(12, 24)), RankPair(Rank(7, 25), Rank(0, 24)))
    >>> ranks = EnrolmentRanks((), copies, (LeftOutMaker("Birch", (RankPair(Rank(3, 25), Rank(0, 20)),)),))
    >>> [(rate.what, rate.errors, rate.of) for rate in ranks.error_rates(Fraction("0.05"))]
    [('known copies accepted', 1, 2), ('maker never enrolled accepted: Birch', 1, 1)]
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from reports.arithmetic import Rank, error_bounds, least_specimens
from reports.verdict.header import ErrorRate

COPIES_ACCEPTED, OWN_REJECTED = "known copies accepted", "own specimens rejected"
MAKER_ACCEPTED = "maker never enrolled accepted: "  # and the maker's name


@dataclass(frozen=True, slots=True)
class RankPair:
    """A specimen's ranks among the enrolled specimens of each class."""

    authentic: Rank
    counterfeit: Rank

    def accepted(self, alpha: Fraction) -> bool:
        """Say whether the specimen is AUTHENTIC at an error rate."""
        return self.authentic.above(alpha) and not self.counterfeit.above(alpha)

    def decides(self, alpha: Fraction) -> bool:
        """Say whether either class could have been ruled out, by as many specimens of it as remain."""
        return min(self.authentic.of, self.counterfeit.of) >= least_specimens(alpha)


@dataclass(frozen=True, slots=True)
class LeftOutMaker:
    """The specimens of a maker, ranked by models that were fitted to those of all others."""

    maker: str
    specimens: tuple[RankPair, ...]


@dataclass(frozen=True, slots=True)
class EnrolmentRanks:
    """The ranks of an enrolment's own specimens; no maker is left out where copies have one maker."""

    own: tuple[RankPair, ...]
    copies: tuple[RankPair, ...]
    left_out: tuple[LeftOutMaker, ...]

    def error_rates(self, alpha: Fraction) -> tuple[ErrorRate, ...]:
        """Return the rates of what there are specimens for; makers never enrolled come worst first.

        A rate that is 0 by necessity is left out: where too few specimens of a class remain beside the one that is
        ranked, or beside a maker's, that class can never be ruled out.
        """
        return tuple(_rates(self, alpha))


def _rates(ranks: EnrolmentRanks, alpha: Fraction) -> Iterator[ErrorRate]:
    if copies := [pair.accepted(alpha) for pair in ranks.copies if pair.decides(alpha)]:
        yield _rate(COPIES_ACCEPTED, copies)
    if own := [not p.authentic.above(alpha) for p in ranks.own if p.authentic.of >= least_specimens(alpha)]:
        yield _rate(OWN_REJECTED, own)
    makers = (
        (maker.maker, [pair.accepted(alpha) for pair in maker.specimens if pair.decides(alpha)])
        for maker in ranks.left_out
    )
    rates = [_rate(f"{MAKER_ACCEPTED}{name}", accepted) for name, accepted in makers if accepted]
    yield from sorted(rates, key=lambda rate: (-Fraction(rate.errors, rate.of), rate.what))


def _rate(what: str, errors: Iterable[bool]) -> ErrorRate:
    each = list(errors)
    return ErrorRate(what, sum(each), len(each), error_bounds(sum(each), len(each)))
