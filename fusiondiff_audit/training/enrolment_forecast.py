"""What a bundle will be able to say, forecast from the numbers of specimens and makers before any image is embedded.

>>> few = EnrolmentForecast(authentic=9, counterfeit=12, fitted=True, makers=2, measured=2)
>>> for sentence in few.sentences():
...     print(sentence)
at an error rate of 10 %: answers
at an error rate of 5 %: no answers, every specimen is not-calibrated; 10 authentic and 7 counterfeit ones are missing
at an error rate of 1 %: no answers, every specimen is not-calibrated; 90 authentic and 87 counterfeit ones are missing
makers never enrolled: measured by leaving out each of 2 makers of counterfeits
likelihood ratios: at most 11 against the enrolled counterfeiters, at most 2.7 against another maker
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from fractions import Fraction

from fusiondiff_audit.model.cross_conformal import can_fit
from fusiondiff_audit.model.enrolment import UNNAMED_MAKER, LabelledExample
from fusiondiff_audit.model.left_out import without_each_maker
from fusiondiff_audit.model.likelihood_ratio import LEAST_OF_A_CLASS
from fusiondiff_audit.model.specimens import TiledSpecimen
from fusiondiff_audit.training.labelled_batches import LabelledBatch
from reports.arithmetic import least_specimens
from reports.verdict.likelihood_ratio import Alternative, largest_ratio
from reports.verdict.verdicts import VerdictReason

FORECAST_RATES = (Fraction(1, 10), Fraction(1, 20), Fraction(1, 100))  # the second is the built-in policy's
_TWO_DIGITS = Context(prec=2, rounding=ROUND_DOWN)


@dataclass(frozen=True, slots=True)
class EnrolmentForecast:
    """The numbers of specimens of each class and of makers of counterfeits, and what they suffice for."""

    authentic: int
    counterfeit: int
    fitted: bool  # whether they suffice for the models of folds
    makers: int  # of counterfeits; those without a name count as one
    measured: int  # of these, how many can be left out

    @classmethod
    def of_batches(cls, batches: Iterable[LabelledBatch]) -> "EnrolmentForecast":
        labels = (label for batch in batches for label in batch.enrolled.values())
        return cls._of((label.specimen, label.authentic, label.maker) for label in labels)

    @classmethod
    def of_examples(cls, examples: Iterable[LabelledExample]) -> "EnrolmentForecast":
        return cls._of((example.specimen, example.authentic, example.maker) for example in examples)

    @classmethod
    def _of(cls, images: Iterable[tuple[str, bool, str | None]]) -> "EnrolmentForecast":
        """Count specimens; one with several images counts once."""
        specimens = [
            TiledSpecimen(name, maker or UNNAMED_MAKER, authentic, images=())
            for name, authentic, maker in sorted(set(images), key=lambda image: image[0])
        ]
        makers = {specimen.maker for specimen in specimens if not specimen.authentic}
        authentic = sum(specimen.authentic for specimen in specimens)
        fitted = can_fit(specimens)
        measured = len(list(without_each_maker(specimens))) if fitted else 0
        return cls(authentic, len(specimens) - authentic, fitted, len(makers), measured)

    def answers(self, rate: Fraction) -> bool:
        """Say whether a specimen can get an answer at an error rate."""
        return self.fitted and min(self.authentic, self.counterfeit) >= least_specimens(rate)

    def missing(self, rate: Fraction) -> tuple[int, int]:
        """Return how many authentic and counterfeit specimens are missing at an error rate."""
        least = least_specimens(rate)
        return max(0, least - self.authentic), max(0, least - self.counterfeit)

    def largest_ratio(self, alternative: Alternative) -> Decimal | None:
        """Return the largest likelihood ratio that so few support, to two digits; None: there will be none."""
        others = self.measured if alternative is Alternative.ANOTHER_MAKER else self.counterfeit
        if not self.fitted or min(self.authentic, others) < LEAST_OF_A_CLASS:
            return None
        bound = largest_ratio(self.authentic, others)
        return _TWO_DIGITS.divide(Decimal(bound.numerator), Decimal(bound.denominator))

    def sentences(self) -> list[str]:
        """Return a sentence for each of the usual error rates, and for what else a bundle can state."""
        return [*map(self._answers, FORECAST_RATES), self._makers(), self._ratios()]

    def data(self) -> dict[str, object]:
        rates = {}
        for rate in FORECAST_RATES:
            authentic, counterfeit = self.missing(rate)
            missing = {"authentic": authentic, "counterfeit": counterfeit}
            rates[f"{float(rate):g}"] = {"answers": self.answers(rate), "missing": missing}
        bounds = {alternative.value: self.largest_ratio(alternative) for alternative in Alternative}
        return {
            "errorRates": rates,
            "makersOfCounterfeits": self.makers,
            "makersLeftOut": self.measured,
            "largestRatio": {name: None if bound is None else f"{bound:f}" for name, bound in bounds.items()},
        }

    def _answers(self, rate: Fraction) -> str:
        where = f"at an error rate of {float(100 * rate):g} %"
        if self.answers(rate):
            return f"{where}: answers"
        shortfalls = zip(self.missing(rate), ("authentic", "counterfeit"), strict=True)
        missing = [f"{count:,} {label}" for count, label in shortfalls if count]
        remedy = f"{' and '.join(missing)} ones are missing" if missing else "no maker has specimens enough to fit to"
        return f"{where}: no answers, every specimen is {VerdictReason.NOT_CALIBRATED}; {remedy}"

    def _makers(self) -> str:
        if not self.measured:
            count = "1 maker" if self.makers == 1 else f"{self.makers:,} makers"
            remedy = "name two, with specimens enough, in the column `maker` of labels.csv"
            return f"makers never enrolled: not measured, counterfeits have {count}; {remedy}"
        each = f"each of {self.makers:,}" if self.measured == self.makers else f"{self.measured:,} of {self.makers:,}"
        return f"makers never enrolled: measured by leaving out {each} makers of counterfeits"

    def _ratios(self) -> str:
        against = {
            Alternative.ENROLLED_MAKERS: "the enrolled counterfeiters",
            Alternative.ANOTHER_MAKER: "another maker",
        }
        bounds = {name: self.largest_ratio(alternative) for alternative, name in against.items()}
        return "likelihood ratios: " + ", ".join(
            f"none against {name}" if bound is None else f"at most {bound.normalize():f} against {name}"
            for name, bound in bounds.items()
        )
