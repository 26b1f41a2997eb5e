"""Nonconformity scores of the calibration specimens, which those of an audited specimen are ranked among.

A specimen counts once, by its worst image, because images of one specimen are not independent.
"""

from dataclasses import dataclass

from fusiondiff_audit.model.findings import Class

_DIGITS = 9  # far below the share of one tree, far above the error of summing the shares


@dataclass(frozen=True, slots=True)
class Calibration:
    """One score for each specimen; larger is less like the rest.

    `counterfeit` and `authentic` are the class nonconformity of held-out specimens of that class; `misclassified`
    counts those of each class that the forests label otherwise. `held_out` is the unfamiliarity of these,
    `leave_one_out` that of the training specimens, each against all others: it is used where too few are held out.
    """

    counterfeit: tuple[float, ...]
    authentic: tuple[float, ...]
    held_out: tuple[float, ...]
    leave_one_out: tuple[float, ...]
    misclassified: tuple[int, int] = (0, 0)  # counterfeit, authentic


def class_nonconformity(score: float, kind: Class) -> float:
    """Return how badly an image of this score fits a class, rounded so that equal shares of trees compare equal."""
    return round(1 - score if kind is Class.AUTHENTIC else score, _DIGITS)
