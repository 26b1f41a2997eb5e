"""The rule of verdicts in report versions 1 and 2, by which reports of these versions verify for ever.

It was of an image, or of a specimen by its worst image; the label of the forests decided.

1. An image that cannot be judged: INCONCLUSIVE.
2. An image whose scale is needed and unknown, or one that is unlike anything enrolled: UNFAMILIAR.
3. An image of the specimen was refused, or the labels of its images differ: INCONCLUSIVE.
4. The conformal set is empty: UNFAMILIAR. It holds both classes, or another than the label: INCONCLUSIVE.
5. Else the label. Without a set the verdict rests on the label, and on how familiar the image is, if that is known.

    >>> former_verdict(FormerEvidence(labels=(Label.AUTHENTIC,), classes=(Label.AUTHENTIC,)))
    (<Verdict.AUTHENTIC: 'AUTHENTIC'>, ())
    >>> former_verdict(FormerEvidence(labels=(Label.AUTHENTIC,)))
    (<Verdict.AUTHENTIC: 'AUTHENTIC'>, ())
"""

from dataclasses import dataclass

from reports.verdict.verdicts import Label, Verdict, VerdictReason


@dataclass(frozen=True, slots=True)
class FormerEvidence:
    """Everything that a verdict depended on, of one image or of all images of a specimen."""

    labels: tuple[Label, ...] = ()  # of the images that could be judged
    faults: bool = False  # an image that cannot be judged
    scale_missing: bool = False
    familiar: bool | None = None  # None: not available
    classes: tuple[Label, ...] | None = None  # the conformal set; None: not available
    refused: bool = False  # an image of the specimen never reached the model
    short: bool = False  # a certificate does not reach the policy's least


def former_verdict(evidence: FormerEvidence) -> tuple[Verdict, tuple[VerdictReason, ...]]:
    """Return a verdict, and the reasons if it is no answer."""
    if evidence.faults or not evidence.labels:
        return Verdict.INCONCLUSIVE, (VerdictReason.NOT_ASSESSABLE,)
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
