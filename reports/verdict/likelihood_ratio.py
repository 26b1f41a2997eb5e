"""Likelihood ratios: how much more probable the findings are under one proposition than under another.

A calibrator turns a score into a ratio: log LR = intercept + slope * score, by the natural logarithm. No ratio is above
the ceiling or below the floor, the empirical bounds (ELUB) of Vergeer, van Es, de Jongh, Alberink and Stoel (2016).
These cannot be wider than the number of enrolled specimens allows, so a calibrator that claims more is refused. All
arithmetic is decimal and correctly rounded: whoever computes a ratio again gets the same digits.

    >>> calibrator = RatioCalibrator(
    ...     Alternative.ENROLLED_MAKERS, Decimal("-6.5"), Decimal("9"), Decimal("0.04"), Decimal("25"), 25, 25
    ... )
    >>> calibrator.ratio(Decimal("1")), calibrator.ratio(Decimal("-Infinity"))
    (Decimal('12.182493960703473438'), Decimal('0.04'))
    >>> print(ratio_sentence(calibrator, calibrator.ratio(Decimal("1"))))  # doctest: +NORMALIZE_WHITESPACE
    the findings are about 12 times more probable if the specimen is of the reference than if the specimen is by one of
    the enrolled counterfeiters; this enrolment cannot support more than 25
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from enum import StrEnum
from fractions import Fraction

from reports.arithmetic import MOST_SPECIMENS

REFERENCE_PROPOSITION = "the specimen is of the reference"
STORED_DIGITS = 12  # of each decimal of a calibrator, at most
_LARGEST_EXPONENT = 30  # of ten, either way: far beyond any score, and small enough for exact fractions
_LARGEST_LOG = Decimal(20)  # its exponential is beyond every bound, since MOST_SPECIMENS is
_ARITHMETIC = Context(prec=20, traps=[])
_INVERSE = Context(prec=9)  # fewer digits than are stored, so that the inverse of a rounded 1 / 19 is 19
_TWO_DIGITS = Context(prec=2, rounding=ROUND_DOWN)


class Alternative(StrEnum):
    """The proposition that the reference is weighed against."""

    ENROLLED_MAKERS = "enrolled-makers"
    ANOTHER_MAKER = "another-maker"

    @property
    def proposition(self) -> str:
        """Return the proposition in words."""
        if self is Alternative.ENROLLED_MAKERS:
            return "the specimen is by one of the enrolled counterfeiters"
        return "the specimen is by another maker, one that was not enrolled"


@dataclass(frozen=True, slots=True)
class RatioCalibrator:
    """From the score of a specimen to its likelihood ratio; a larger score is more like the reference."""

    alternative: Alternative
    intercept: Decimal
    slope: Decimal  # never negative: a larger score never counts against the reference
    floor: Decimal
    ceiling: Decimal
    reference: int  # specimens of the reference that it was fitted to
    others: int  # specimens by the enrolled counterfeiters, or, for another maker, makers

    def __post_init__(self) -> None:
        """Refuse numbers out of range, and bounds that so few specimens cannot support."""
        if not (0 < self.reference <= MOST_SPECIMENS and 0 < self.others <= MOST_SPECIMENS):
            raise ValueError(f"a calibrator of {self.reference} and {self.others} specimens")
        if not all(_is_short(number) for number in (self.intercept, self.slope, self.floor, self.ceiling)):
            raise ValueError(f"a calibrator's number is not finite, or has more than {STORED_DIGITS} digits")
        if self.slope < 0:
            raise ValueError(f"a slope of {self.slope}")
        if not 1 <= Fraction(self.ceiling) <= largest_ratio(self.reference, self.others):
            raise ValueError(f"a ceiling of {self.ceiling} of {self.reference} and {self.others} specimens")
        if not 1 / largest_ratio(self.others, self.reference) <= Fraction(self.floor) <= 1:
            raise ValueError(f"a floor of {self.floor} of {self.reference} and {self.others} specimens")

    @property
    def propositions(self) -> tuple[str, str]:
        """Return the two propositions in words; a ratio above 1 favours the first."""
        return REFERENCE_PROPOSITION, self.alternative.proposition

    def ratio(self, score: Decimal) -> Decimal:
        """Return the ratio of a score, infinite ones included, to 20 digits; what is not a number is refused."""
        if score.is_nan():
            raise ValueError("a score that is not a number")
        product = _ARITHMETIC.multiply(self.slope, score) if self.slope else Decimal(0)
        log = _ARITHMETIC.add(self.intercept, product)
        ratio = _ARITHMETIC.exp(max(-_LARGEST_LOG, min(log, _LARGEST_LOG)))
        return max(self.floor, min(ratio, self.ceiling))


@dataclass(frozen=True, slots=True)
class CalibrationQuality:
    """How good the ratios of specimens are, each by a calibrator that was not fitted with the specimen.

    Cllr is the cost of log likelihood ratios (Brummer and du Preez 2006): 0 is perfect, 1 is no better than a ratio of
    1 for everything. `cllr_min` is its part that calibration cannot mend.
    """

    cllr: Decimal
    cllr_min: Decimal
    reference: int
    others: int
    misleading_reference: int  # of the reference, with a ratio below 1
    misleading_others: int  # with a ratio above 1

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other."""
        finite = _is_short(self.cllr) and _is_short(self.cllr_min)
        if not (finite and 0 <= self.cllr_min <= self.cllr and self.cllr_min <= 1):
            raise ValueError(f"a cllr of {self.cllr}, and {self.cllr_min} at least")
        if not 0 <= self.misleading_reference <= self.reference:
            raise ValueError(f"{self.misleading_reference} misleading ratios of {self.reference}")
        if not 0 <= self.misleading_others <= self.others:
            raise ValueError(f"{self.misleading_others} misleading ratios of {self.others}")

    @property
    def cllr_cal(self) -> Decimal:
        """Return the part of Cllr that better calibration would save."""
        return self.cllr - self.cllr_min


def largest_ratio(true: int, false: int) -> Fraction:
    """Return the ceiling of a system that errs in none of so many specimens for which its proposition is true or false.

    >>> largest_ratio(25, 25), largest_ratio(25, 8)
    (Fraction(25, 1), Fraction(225, 26))
    """
    return Fraction(true * (false + 1), true + 1)


@dataclass(frozen=True, slots=True)
class StatedRatio:
    """A ratio as people read it: at least 1, in favour of one proposition; rounded so that it is never overstated."""

    alternative: Alternative
    for_reference: bool
    times: str
    most: str  # what this enrolment can support, in this direction


def stated_ratio(calibrator: RatioCalibrator, ratio: Decimal) -> StatedRatio:
    """Return a ratio for people; its numbers are rounded to two digits towards 1."""
    bound, for_reference = calibrator.ceiling, ratio >= 1
    if not for_reference:
        ratio, bound = _INVERSE.divide(1, ratio), _INVERSE.divide(1, calibrator.floor)
    times, most = _TWO_DIGITS.plus(ratio), _TWO_DIGITS.plus(bound)
    return StatedRatio(calibrator.alternative, for_reference, _plain(times), _plain(most))


def ratio_sentence(calibrator: RatioCalibrator, ratio: Decimal) -> str:
    """Return the sentence for people."""
    stated = stated_ratio(calibrator, ratio)
    first, second = calibrator.propositions if stated.for_reference else reversed(calibrator.propositions)
    comparison = "as probable if" if stated.times == "1" else f"{stated.times} times more probable if"
    link = "as" if stated.times == "1" else "than"
    return (
        f"the findings are about {comparison} {first} {link} if {second}; "
        f"this enrolment cannot support more than {stated.most}"
    )


def ratio_text(ratio: Decimal) -> str:
    """Return a ratio to two digits, rounded towards 1.

    >>> ratio_text(Decimal("12.37")), ratio_text(Decimal("0.0244"))
    ('12', '1/40')
    """
    if ratio >= 1:
        return _plain(_TWO_DIGITS.plus(ratio))
    return f"1/{_plain(_TWO_DIGITS.plus(_INVERSE.divide(1, ratio)))}"


def _is_short(number: Decimal) -> bool:
    digits = number.as_tuple().digits
    return number.is_finite() and len(digits) <= STORED_DIGITS and abs(number.adjusted()) <= _LARGEST_EXPONENT


def _plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"
