"""Verdicts, and the one rule by which evidence becomes one: for makers and verifiers alike.

The rule is of a specimen with all its images, or of an image without a specimen's name. A file that was refused keeps
its own REFUSED, and a specimen whose every image was refused is REFUSED.

1. The model was enrolled with the specimen, or with an image of it: INCONCLUSIVE.
2. No image is assessable: INCONCLUSIVE. One that is not is left out beside those that are.
3. Too few specimens of either class are enrolled for the error rate: INCONCLUSIVE.
4. The scale is needed and unknown: INCONCLUSIVE.
5. The instrument is none that was enrolled, or imaging predicts the labels of the enrolled specimens: INCONCLUSIVE, or
   a remark beside the verdict, as the policy says.
6. An image was refused: INCONCLUSIVE. Otherwise whoever can have one refused could choose the evidence.
7. One class alone has a p-value above the error rate: AUTHENTIC or COUNTERFEIT. Both have one: INCONCLUSIVE. Neither
   has one: UNFAMILIAR, but INCONCLUSIVE if the images of the specimen lie further apart than those of enrolled ones.
   INCONCLUSIVE, too, instead of AUTHENTIC, if a group of the images does not have the class authentic, or if few tiles
   were compared.
8. An answer whose certificate does not reach the policy's least tolerance, or is not of the same label: INCONCLUSIVE.

    >>> likely, unlikely = Rank(at_least=12, of=25), Rank(at_least=0, of=25)
    >>> rules, judged = VerdictRules(Fraction("0.05")), (Label.COUNTERFEIT,)
    >>> verdict(Evidence(judged, likely, unlikely), rules)  # the label of the forests decides nothing
    (<Verdict.AUTHENTIC: 'AUTHENTIC'>, ())
    >>> verdict(Evidence(judged, likely, likely), rules)
    (<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>, (<VerdictReason.NOT_SURE: 'not-sure'>,))
    >>> verdict(Evidence(judged, unlikely, unlikely), rules)
    (<Verdict.UNFAMILIAR: 'UNFAMILIAR'>, (<VerdictReason.UNFAMILIAR: 'unfamiliar'>,))
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from reports.arithmetic import Rank


class Verdict(StrEnum):
    """The five verdicts; a report counts rows in this order."""

    AUTHENTIC = "AUTHENTIC"
    COUNTERFEIT = "COUNTERFEIT"
    INCONCLUSIVE = "INCONCLUSIVE"
    UNFAMILIAR = "UNFAMILIAR"
    REFUSED = "REFUSED"


class Label(StrEnum):
    """The label that most forests voted for."""

    AUTHENTIC = "authentic"
    COUNTERFEIT = "counterfeit"


class VerdictReason(StrEnum):
    """Why a verdict is not AUTHENTIC or COUNTERFEIT, and remarks; refused files have reason codes of their own."""

    WAS_ENROLLED = "was-enrolled"
    NOT_ASSESSABLE = "not-assessable"
    NOT_CALIBRATED = "not-calibrated"
    SCALE_UNKNOWN = "scale-unknown"
    INSTRUMENT_NOT_ENROLLED = "instrument-not-enrolled"
    INSTRUMENT_CONFOUNDED = "instrument-confounded"
    UNFAMILIAR = "unfamiliar"
    NOT_SURE = "not-sure"
    IMAGES_DISAGREE = "pictures-disagree"
    TOO_FEW_TILES = "too-few-tiles"
    IMAGE_REFUSED = "picture-refused"
    LEAST_NOT_REACHED = "least-not-reached"
    UNLIKE_BOTH = "unlike-both"  # in versions 1 and 2 alone, as the next
    SET_DISAGREES = "set-disagrees"


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """The settings of a policy that decide a verdict, and what speaks against the instrument of the batch."""

    alpha: Fraction  # error rate
    needs_scale: bool = False
    tolerance: int | None = None  # the least tolerance of an answer; None: none is computed
    needs_instrument: bool = False  # what speaks against the instrument prevents an answer, and is no mere remark
    instrument: tuple[VerdictReason, ...] = ()  # `reports.verdict.header` has the reasons
    least_tiles: int = 0  # by fewer no specimen is AUTHENTIC; `reports.verdict.header` has the number


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict depends on, of a specimen or of an image without a specimen's name."""

    labels: tuple[Label, ...]  # by the forests, of the images that could be judged; none: no image is assessable
    authentic: Rank | None = None  # None: not calibrated
    counterfeit: Rank | None = None
    spread: Rank | None = None  # of how far the images lie apart; None: not checked
    weakest: Rank | None = None  # the least as authentic of all groups of images, where not all were compared at once
    enrolled: bool = False
    scale_missing: bool = False
    refused: bool = False  # an image of the specimen never reached the model
    tolerance: int | None = None  # the least of its images
    tiles: int = 0  # that were compared


def verdict(evidence: Evidence, rules: VerdictRules) -> tuple[Verdict, tuple[VerdictReason, ...]]:
    """Return a verdict, the reasons if it is no answer, and remarks on the instrument."""
    if evidence.enrolled:  # 1
        return Verdict.INCONCLUSIVE, (VerdictReason.WAS_ENROLLED,)
    if not evidence.labels:  # 2
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_ASSESSABLE,)
    result, reasons = _of_ranks(evidence, rules)
    return result, reasons if rules.needs_instrument else (*reasons, *rules.instrument)


def _of_ranks(evidence: Evidence, rules: VerdictRules) -> tuple[Verdict, tuple[VerdictReason, ...]]:
    if evidence.authentic is None or evidence.counterfeit is None:  # 3
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_CALIBRATED,)
    if rules.needs_scale and evidence.scale_missing:  # 4
        return Verdict.INCONCLUSIVE, (VerdictReason.SCALE_UNKNOWN,)
    if rules.needs_instrument and rules.instrument:  # 5
        return Verdict.INCONCLUSIVE, rules.instrument
    if evidence.refused:  # 6
        return Verdict.INCONCLUSIVE, (VerdictReason.IMAGE_REFUSED,)
    pairs = (Label.AUTHENTIC, evidence.authentic), (Label.COUNTERFEIT, evidence.counterfeit)
    classes = [label for label, rank in pairs if rank.above(rules.alpha)]
    if len(classes) > 1:  # 7
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_SURE,)
    if not classes and evidence.spread is not None and not evidence.spread.above(rules.alpha):
        return Verdict.INCONCLUSIVE, (VerdictReason.IMAGES_DISAGREE,)
    if classes == [Label.AUTHENTIC] and (doubt := _doubt(evidence, rules)) is not None:
        return Verdict.INCONCLUSIVE, (doubt,)
    if not classes:
        return Verdict.UNFAMILIAR, (VerdictReason.UNFAMILIAR,)
    is_certified = set(evidence.labels) == set(classes) and (evidence.tolerance or 0) >= (rules.tolerance or 0)
    if rules.tolerance and not is_certified:  # 8
        return Verdict.INCONCLUSIVE, (VerdictReason.LEAST_NOT_REACHED,)
    return Verdict(classes[0].name), ()


def _doubt(evidence: Evidence, rules: VerdictRules) -> VerdictReason | None:
    """Return what keeps a specimen whose p-values are those of the reference from being AUTHENTIC, or None."""
    if evidence.weakest is not None and not evidence.weakest.above(rules.alpha):
        return VerdictReason.IMAGES_DISAGREE
    return VerdictReason.TOO_FEW_TILES if evidence.tiles < rules.least_tiles else None
