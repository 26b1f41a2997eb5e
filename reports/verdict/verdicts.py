"""Verdicts, and the one rule by which labels, sets and faults become one: for makers and verifiers alike.

1. The model was enrolled with the image, or with its specimen: INCONCLUSIVE, whatever its label.
2. An image that cannot be judged: INCONCLUSIVE.
3. Neither a conformal set nor a familiarity rank, as too few specimens calibrate them: INCONCLUSIVE. The error
   rate of the label is unknown. Reports of versions 1 and 2 were made without this rule, and are judged without it.
4. An image whose scale is needed and unknown, or one that is unlike anything enrolled: UNFAMILIAR.
5. An image of the specimen was refused, or its images disagree: INCONCLUSIVE; otherwise
   whoever can have one image refused could choose the images that a specimen is judged by.
6. The set is empty: UNFAMILIAR. It holds both classes, or another than the label: INCONCLUSIVE.
7. Else the label. Without a set the verdict rests on the label and on how familiar the image is.

    >>> verdict(Evidence(labels=(Label.AUTHENTIC,), classes=(Label.AUTHENTIC,)))
    (<Verdict.AUTHENTIC: 'AUTHENTIC'>, ())
    >>> verdict(Evidence(labels=(Label.AUTHENTIC,), classes=(Label.AUTHENTIC, Label.COUNTERFEIT)))
    (<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>, (<VerdictReason.NOT_SURE: 'not-sure'>,))
    >>> verdict(Evidence(labels=(Label.AUTHENTIC,)))
    (<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>, (<VerdictReason.NOT_CALIBRATED: 'not-calibrated'>,))
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


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
    """Why a verdict is not AUTHENTIC or COUNTERFEIT; refused files have reason codes of their own."""

    WAS_ENROLLED = "was-enrolled"
    NOT_ASSESSABLE = "not-assessable"
    NOT_CALIBRATED = "not-calibrated"
    SCALE_UNKNOWN = "scale-unknown"
    UNFAMILIAR = "unfamiliar"
    UNLIKE_BOTH = "unlike-both"
    NOT_SURE = "not-sure"
    SET_DISAGREES = "set-disagrees"
    IMAGES_DISAGREE = "pictures-disagree"
    IMAGE_REFUSED = "picture-refused"
    LEAST_NOT_REACHED = "least-not-reached"


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """The settings of a policy, and of the report's version, that decide a verdict."""

    alpha: Fraction  # error rate of the conformal sets
    needs_scale: bool = False
    tolerance: int | None = None  # the least tolerance of an answer; None: none is required
    needs_calibration: bool = True  # an answer takes a conformal set or a familiarity rank; not in versions 1 and 2


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict depends on, of one image or of all images of a specimen."""

    labels: tuple[Label, ...] = ()  # of the images that could be judged
    faults: bool = False  # an image that cannot be judged
    scale_missing: bool = False
    familiar: bool | None = None  # None: not available
    classes: tuple[Label, ...] | None = None  # the conformal set; None: not available
    needs_calibration: bool = True  # see `VerdictRules`
    enrolled: bool = False  # the model was enrolled with the image, or with another of its specimen
    refused: bool = False  # an image of the specimen never reached the model
    short: bool = False  # a certificate does not reach the policy's least


def verdict(evidence: Evidence) -> tuple[Verdict, tuple[VerdictReason, ...]]:
    """Return a verdict, and the reasons if it is no answer."""
    if evidence.enrolled:
        return Verdict.INCONCLUSIVE, (VerdictReason.WAS_ENROLLED,)
    if evidence.faults or not evidence.labels:
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_ASSESSABLE,)
    if evidence.needs_calibration and evidence.familiar is None and evidence.classes is None:
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_CALIBRATED,)
    if evidence.scale_missing:
        return Verdict.UNFAMILIAR, (VerdictReason.SCALE_UNKNOWN,)
    if evidence.familiar is False:
        return Verdict.UNFAMILIAR, (VerdictReason.UNFAMILIAR,)
    if evidence.refused:
        return Verdict.INCONCLUSIVE, (VerdictReason.IMAGE_REFUSED,)
    if len(set(evidence.labels)) > 1:
        return Verdict.INCONCLUSIVE, (VerdictReason.IMAGES_DISAGREE,)
    if evidence.classes == ():
        return Verdict.UNFAMILIAR, (VerdictReason.UNLIKE_BOTH,)
    if evidence.classes is not None and len(evidence.classes) > 1:
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_SURE,)
    if evidence.classes is not None and evidence.classes != evidence.labels[:1]:
        return Verdict.INCONCLUSIVE, (VerdictReason.SET_DISAGREES,)
    if evidence.short:
        return Verdict.INCONCLUSIVE, (VerdictReason.LEAST_NOT_REACHED,)
    return Verdict(evidence.labels[0].name), ()
