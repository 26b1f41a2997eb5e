"""What a verdict is, and the one rule by which label, sets and faults become one: for makers and checkers alike.

1. The model was enrolled with the picture, or with its specimen: INCONCLUSIVE, whatever it says of it.
2. A picture that cannot be judged: INCONCLUSIVE.
3. Neither a conformal set nor a familiarity rank, as too few specimens calibrate them: INCONCLUSIVE. Nobody can tell
   how often the label would be wrong. Reports of versions 1 and 2 were made without this rule, and are judged without.
4. A picture whose scale is needed and unknown, or one that is unlike anything enrolled: UNFAMILIAR.
5. A picture of the specimen was refused, or its pictures disagree: INCONCLUSIVE; whoever can make one picture be
   refused could otherwise choose what a specimen is judged by.
6. The set is empty: UNFAMILIAR. It holds both classes, or another than the label: INCONCLUSIVE.
7. Else the label. Without a set the verdict rests on the label and on how familiar the picture is.

    >>> verdict(Evidence(labels=(Label.AUTHENTIC,), classes=(Label.AUTHENTIC,)))
    (<Verdict.AUTHENTIC: 'AUTHENTIC'>, ())
    >>> verdict(Evidence(labels=(Label.AUTHENTIC,), classes=(Label.AUTHENTIC, Label.COUNTERFEIT)))
    (<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>, (<Why.NOT_SURE: 'not-sure'>,))
    >>> verdict(Evidence(labels=(Label.AUTHENTIC,)))
    (<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>, (<Why.NOT_CALIBRATED: 'not-calibrated'>,))
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Verdict(StrEnum):
    """A closed set."""

    AUTHENTIC = "AUTHENTIC"
    COUNTERFEIT = "COUNTERFEIT"
    INCONCLUSIVE = "INCONCLUSIVE"
    UNFAMILIAR = "UNFAMILIAR"
    REFUSED = "REFUSED"


class Label(StrEnum):
    """What most forests say."""

    AUTHENTIC = "authentic"
    COUNTERFEIT = "counterfeit"


class VerdictReason(StrEnum):
    """Why there is no answer, beside the reasons of refused files."""

    WAS_ENROLLED = "was-enrolled"
    NOT_ASSESSABLE = "not-assessable"
    NOT_CALIBRATED = "not-calibrated"
    SCALE_UNKNOWN = "scale-unknown"
    UNFAMILIAR = "unfamiliar"
    UNLIKE_BOTH = "unlike-both"
    NOT_SURE = "not-sure"
    SET_DISAGREES = "set-disagrees"
    PICTURES_DISAGREE = "pictures-disagree"
    PICTURE_REFUSED = "picture-refused"
    LEAST_NOT_REACHED = "least-not-reached"


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """What of a policy decides a verdict."""

    alpha: Fraction  # error rate of the conformal sets
    needs_scale: bool = False
    tolerance: int | None = None  # how many specimens may be altered, at least; None: nobody asks
    needs_calibration: bool = True  # an answer takes a conformal set or a familiarity rank; not so before version 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict depends on, of one picture or of all pictures of a specimen."""

    labels: tuple[Label, ...] = ()  # of the pictures that could be judged
    faults: bool = False  # a picture that cannot be judged
    scale_missing: bool = False
    familiar: bool | None = None  # None: not available
    classes: tuple[Label, ...] | None = None  # the conformal set; None: not available
    needs_calibration: bool = True  # see `VerdictRules`
    enrolled: bool = False  # the model was enrolled with the picture, or with another of its specimen
    refused: bool = False  # a picture of the specimen never reached the model
    short: bool = False  # a certificate does not reach the policy's least


def verdict(found: Evidence) -> tuple[Verdict, tuple[VerdictReason, ...]]:
    """Return a verdict and why it is no answer."""
    if found.enrolled:
        return Verdict.INCONCLUSIVE, (VerdictReason.WAS_ENROLLED,)
    if found.faults or not found.labels:
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_ASSESSABLE,)
    if found.needs_calibration and found.familiar is None and found.classes is None:
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_CALIBRATED,)
    if found.scale_missing:
        return Verdict.UNFAMILIAR, (VerdictReason.SCALE_UNKNOWN,)
    if found.familiar is False:
        return Verdict.UNFAMILIAR, (VerdictReason.UNFAMILIAR,)
    if found.refused:
        return Verdict.INCONCLUSIVE, (VerdictReason.PICTURE_REFUSED,)
    if len(set(found.labels)) > 1:
        return Verdict.INCONCLUSIVE, (VerdictReason.PICTURES_DISAGREE,)
    if found.classes == ():
        return Verdict.UNFAMILIAR, (VerdictReason.UNLIKE_BOTH,)
    if found.classes is not None and len(found.classes) > 1:
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_SURE,)
    if found.classes is not None and found.classes != found.labels[:1]:
        return Verdict.INCONCLUSIVE, (VerdictReason.SET_DISAGREES,)
    if found.short:
        return Verdict.INCONCLUSIVE, (VerdictReason.LEAST_NOT_REACHED,)
    return Verdict(found.labels[0].name), ()
