"""What a verdict is, and the one rule by which label, sets and faults become one: for makers and checkers alike.

1. A picture that cannot be judged, or whose scale is needed and unknown, gets no further.
2. Unlike anything enrolled: UNFAMILIAR. A picture of the specimen was refused, or its pictures disagree: INCONCLUSIVE;
   whoever can make one picture be refused could otherwise choose what a specimen is judged by.
3. The set is empty: UNFAMILIAR. It holds both classes, or another than the label: INCONCLUSIVE.
4. Else the label. Without a set, as too few specimens calibrate it, the verdict rests on the label and on 2.

    >>> verdict(Evidence(labels=(Label.AUTHENTIC,), classes=(Label.AUTHENTIC,)))
    (<Verdict.AUTHENTIC: 'AUTHENTIC'>, ())
    >>> verdict(Evidence(labels=(Label.AUTHENTIC,), classes=(Label.AUTHENTIC, Label.COUNTERFEIT)))
    (<Verdict.INCONCLUSIVE: 'INCONCLUSIVE'>, (<Why.NOT_SURE: 'not-sure'>,))
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


class Why(StrEnum):
    """Why there is no answer, beside the reasons of refused files."""

    NOT_ASSESSABLE = "not-assessable"
    SCALE_UNKNOWN = "scale-unknown"
    UNFAMILIAR = "unfamiliar"
    UNLIKE_BOTH = "unlike-both"
    NOT_SURE = "not-sure"
    SET_DISAGREES = "set-disagrees"
    PICTURES_DISAGREE = "pictures-disagree"
    PICTURE_REFUSED = "picture-refused"
    LEAST_NOT_REACHED = "least-not-reached"


@dataclass(frozen=True, slots=True)
class Rules:
    """What of a policy decides a verdict."""

    alpha: Fraction  # error rate of the conformal sets
    needs_scale: bool = False
    tolerance: int | None = None  # how many specimens may be altered, at least; None: nobody asks


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict depends on, of one picture or of all pictures of a specimen."""

    labels: tuple[Label, ...] = ()  # of the pictures that could be judged
    faults: bool = False  # a picture that cannot be judged
    scale_missing: bool = False
    familiar: bool | None = None  # None: not available
    classes: tuple[Label, ...] | None = None  # the conformal set; None: not available
    refused: bool = False  # a picture of the specimen never reached the model
    short: bool = False  # a certificate does not reach the policy's least


def verdict(found: Evidence) -> tuple[Verdict, tuple[Why, ...]]:
    """Return a verdict and why it is no answer."""
    if found.faults or not found.labels:
        return Verdict.INCONCLUSIVE, (Why.NOT_ASSESSABLE,)
    if found.scale_missing:
        return Verdict.UNFAMILIAR, (Why.SCALE_UNKNOWN,)
    if found.familiar is False:
        return Verdict.UNFAMILIAR, (Why.UNFAMILIAR,)
    if found.refused:
        return Verdict.INCONCLUSIVE, (Why.PICTURE_REFUSED,)
    if len(set(found.labels)) > 1:
        return Verdict.INCONCLUSIVE, (Why.PICTURES_DISAGREE,)
    if found.classes == ():
        return Verdict.UNFAMILIAR, (Why.UNLIKE_BOTH,)
    if found.classes is not None and len(found.classes) > 1:
        return Verdict.INCONCLUSIVE, (Why.NOT_SURE,)
    if found.classes is not None and found.classes != found.labels[:1]:
        return Verdict.INCONCLUSIVE, (Why.SET_DISAGREES,)
    if found.short:
        return Verdict.INCONCLUSIVE, (Why.LEAST_NOT_REACHED,)
    return Verdict(found.labels[0].name), ()
