"""How strange the model finds specimens whose class is known: what a picture's own strangeness is held against.

A specimen counts once, by its worst picture, however many there are of it: pictures of one object are not independent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.images.tiles import combine
from fusiondiff_audit.model.enrolment import Class, Enrolled, Rows, shares
from fusiondiff_audit.model.forest import Doubles
from fusiondiff_audit.model.head import Head
from fusiondiff_audit.model.settings import Settings, Unfamiliarity

_DIGITS = 9  # far below one tree's share, far above the error of adding them up
_TRIMMED = 0.1  # share of a tile's cells left out at either end of its residual


@dataclass(frozen=True, slots=True)
class Calibration:
    """One number for each specimen, larger for stranger ones.

    `counterfeit` and `authentic` say how badly the forests know specimens of that class that they did not learn from;
    `unfamiliarity` how far specimens are from all others that were enrolled.
    """

    counterfeit: tuple[float, ...]
    authentic: tuple[float, ...]
    unfamiliarity: tuple[float, ...]
    left_out: bool  # unfamiliarity is of enrolled specimens, each left out in its turn, as none was kept to calibrate


def nonconformity(score: float, kind: Class) -> float:
    """Return how badly a picture of this score fits a class, rounded so that equal shares of trees are equal."""
    return round(1 - score if kind is Class.AUTHENTIC else score, _DIGITS)


def calibrate(head: Head, settings: Settings) -> Calibration:
    """Return what the specimens kept to calibrate come to; those learnt from stand in for unfamiliarity alone."""
    known, rule = head.enrolled.learnt(), settings.geometry.rule
    kept = head.enrolled.of(np.array([example.calibrates for example in head.enrolled.examples], dtype=bool))
    worst: dict[Class, dict[str, float]] = {kind: {} for kind in Class}
    strange: dict[str, float] = {}
    for place, rows, residual in _pictures(kept):
        example = kept.examples[place]
        kind = Class(int(example.authentic))
        score = float(np.mean([combine(row, rule) for row in shares(head.forests, rows)]))
        _raise(worst[kind], example.specimen, nonconformity(score, kind))
        odd = strangeness(rows, residual, known, settings.unfamiliarity)
        _raise(strange, example.specimen, combine(odd, rule))
    left_out = not strange
    if left_out:
        for place, rows, residual in _pictures(known):
            specimen = known.examples[place].specimen
            odd = strangeness(rows, residual, known, settings.unfamiliarity, besides=specimen)
            _raise(strange, specimen, combine(odd, rule))
    per_class = {kind: tuple(sorted(found.values())) for kind, found in worst.items()}
    every = tuple(sorted(strange.values()))
    return Calibration(per_class[Class.COUNTERFEIT], per_class[Class.AUTHENTIC], every, left_out)


def strangeness(
    rows: Rows, residual: Rows, known: Enrolled, how: Unfamiliarity, *, besides: str | None = None
) -> Doubles:
    """Return how unlike anything enrolled each tile is."""
    if how is Unfamiliarity.RESIDUAL:
        return residual.astype(np.float64)
    return known.distances(rows, besides=besides)


def cells(residual: npt.NDArray[np.float32] | None, tiles: int) -> Rows:
    """Return one number for each tile's residual, of which a few odd cells do not decide; zeros without one."""
    if residual is None:
        return np.zeros(tiles, np.float32)
    flat = np.sort(residual.reshape(tiles, -1), axis=1)
    out = int(flat.shape[1] * _TRIMMED)
    found: Rows = flat[:, out : flat.shape[1] - out].mean(axis=1)
    return found


def _pictures(enrolled: Enrolled) -> Iterator[tuple[int, Rows, Rows]]:
    """Yield each picture's place, and the embeddings and residuals of its tiles."""
    for place in range(len(enrolled.examples)):
        own = enrolled.owner == place
        yield place, enrolled.rows[own], enrolled.residual[own]


def _raise(worst: dict[str, float], specimen: str, value: float) -> None:
    worst[specimen] = max(value, worst.get(specimen, value))
