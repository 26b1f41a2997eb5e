"""What a bundle will be able to say with so many specimens, told before the work and after it.

>>> few = Specimens(learnt=(10, 6), calibrated=(9, 5))
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


@dataclass(frozen=True, slots=True)
class Specimens:
    """How many specimens of each class, counterfeit and authentic, an enrolment has."""

    learnt: tuple[int, int]
    calibrated: tuple[int, int]

    @classmethod
    def of(cls, examples: Iterable[LabelledExample]) -> "Specimens":
        """Count them; a specimen counts once, however many pictures show it."""
        uses = {(example.specimen, example.authentic, example.calibrates) for example in examples}

        def counted(*, calibrates: bool) -> tuple[int, int]:
            counterfeit, authentic = (
                len([use for use in uses if use[1:] == (kind, calibrates)]) for kind in (False, True)
            )
            return counterfeit, authentic

        return cls(counted(calibrates=False), counted(calibrates=True))

    def sentences(self) -> list[str]:
        """Return for each of the usual error rates what the bundle can say, and what it would take."""
        return [self._sentence(rate) for rate in RATES]

    def _sentence(self, rate: Fraction) -> str:
        known, least = coverage(self.calibrated, sum(self.learnt), rate), least_specimens(rate)
        more = [f"{n} {kind}" for n, kind in zip(missing_specimens(self.calibrated, rate), _KINDS, strict=True) if n]
        sets = "yes" if known.sets else f"no ({' and '.join(more)} more to calibrate)"
        short = (least - sum(self.learnt), least - sum(self.calibrated))
        odd = "yes" if known.familiar else "no ({} more to learn from, or {} to calibrate)".format(*short)
        answers = "yes" if known.answers else f"no: every picture is INCONCLUSIVE, {VerdictReason.NOT_CALIBRATED}"
        return f"at an error rate of {float(rate):.0%}: ".replace("%", " %") + (
            f"conformal sets {sets}, unfamiliarity {odd}, answers {answers}"
        )

    def data(self) -> dict[str, dict[str, object]]:
        """Return what the bundle will be able to answer, as JSON has it, by error rate."""
        found: dict[str, dict[str, object]] = {}
        for rate in RATES:
            known = coverage(self.calibrated, sum(self.learnt), rate)
            counterfeit, authentic = missing_specimens(self.calibrated, rate)
            found[f"{float(rate):g}"] = {
                "conformalSets": known.sets is not None,
                "familiarity": known.familiar is not None,
                "answers": known.answers,
                "moreToCalibrate": {"authentic": authentic, "counterfeit": counterfeit},
            }
        return found


_KINDS = ("counterfeit", "authentic")
