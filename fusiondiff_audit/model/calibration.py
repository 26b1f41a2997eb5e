"""How strange the model finds specimens whose class is known: what a picture's own strangeness is held against.

A specimen counts once, by its worst picture, however many there are of it: pictures of one object are not independent.
"""

from dataclasses import dataclass

from fusiondiff_audit.model.findings import Class

_DIGITS = 9  # far below one tree's share, far above the error of adding them up


@dataclass(frozen=True, slots=True)
class Calibration:
    """One number for each specimen, larger for stranger ones.

    `counterfeit` and `authentic` say how badly the forests know specimens of that class that they did not learn from,
    `wrong` how many of each class they give another label; `kept` how far these are from all that were enrolled, and
    `left_out` the same of the enrolled ones, each left out in its turn: where too few are kept, they stand in.
    """

    counterfeit: tuple[float, ...]
    authentic: tuple[float, ...]
    kept: tuple[float, ...]
    left_out: tuple[float, ...]
    wrong: tuple[int, int] = (0, 0)  # counterfeit, authentic


def nonconformity(score: float, kind: Class) -> float:
    """Return how badly a picture of this score fits a class, rounded so that equal shares of trees are equal."""
    return round(1 - score if kind is Class.AUTHENTIC else score, _DIGITS)
