"""Coverage: the error rates at which a bundle gives answers, forecast from the numbers of enrolled specimens.

>>> few = CoverageForecast(trained=(10, 6), calibrated=(9, 5))
>>> few.sentences()[0]
'at an error rate of 10 %: conformal sets no (4 authentic more to calibrate), unfamiliarity yes, answers yes'
>>> few.data()["0.05"]["answers"]
False
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from fusiondiff_audit.model.enrolment import LabelledExample
from reports.arithmetic import least_specimens
from reports.verdict.coverage import coverage, missing_specimens
from reports.verdict.verdicts import VerdictReason

RATES = (Fraction(1, 10), Fraction(1, 20), Fraction(1, 100))  # the second is the built-in policy's
_CLASSES = ("counterfeit", "authentic")


@dataclass(frozen=True, slots=True)
class CoverageForecast:
    """The numbers of specimens of each class, counterfeit and authentic, and what they suffice for."""

    trained: tuple[int, int]
    calibrated: tuple[int, int]

    @classmethod
    def of(cls, examples: Iterable[LabelledExample]) -> "CoverageForecast":
        """Count specimens; one with several images counts once."""
        uses = {(example.specimen, example.authentic, example.calibrates) for example in examples}

        def counted(*, calibrates: bool) -> tuple[int, int]:
            counterfeit, authentic = (
                len([use for use in uses if use[1:] == (label, calibrates)]) for label in (False, True)
            )
            return counterfeit, authentic

        return cls(counted(calibrates=False), counted(calibrates=True))

    def sentences(self) -> list[str]:
        """Return a sentence for each of the usual error rates: its answers, and the specimens that are missing."""
        return [self._sentence(rate) for rate in RATES]

    def data(self) -> dict[str, dict[str, object]]:
        by_rate: dict[str, dict[str, object]] = {}
        for rate in RATES:
            covered = coverage(self.calibrated, sum(self.trained), rate)
            counterfeit, authentic = missing_specimens(self.calibrated, rate)
            by_rate[f"{float(rate):g}"] = {
                "conformalSets": covered.sets is not None,
                "familiarity": covered.familiar is not None,
                "answers": covered.answers,
                "moreToCalibrate": {"authentic": authentic, "counterfeit": counterfeit},
            }
        return by_rate

    def _sentence(self, rate: Fraction) -> str:
        covered, least = coverage(self.calibrated, sum(self.trained), rate), least_specimens(rate)
        missing = zip(missing_specimens(self.calibrated, rate), _CLASSES, strict=True)
        shortfalls = [f"{count} {label}" for count, label in missing if count]
        sets = "yes" if covered.sets else f"no ({' and '.join(shortfalls)} more to calibrate)"
        short = (least - sum(self.trained), least - sum(self.calibrated))
        unfamiliarity = "yes" if covered.familiar else "no ({} more to learn from, or {} to calibrate)".format(*short)
        answers = "yes" if covered.answers else f"no: every image is INCONCLUSIVE, {VerdictReason.NOT_CALIBRATED}"
        return f"at an error rate of {float(rate):.0%}: ".replace("%", " %") + (
            f"conformal sets {sets}, unfamiliarity {unfamiliarity}, answers {answers}"
        )
