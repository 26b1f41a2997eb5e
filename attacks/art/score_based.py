"""Score-based attacks: they see scores, and no gradient."""

from functools import partial
from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.cost import Effort
from attacks.images import Budget

_FREQUENCIES = 28  # of the discrete cosine transform, a side, at most
_ZOO_DIFFERENCE = 0.2  # in grey from 0 to 1: a forest is flat, so finite differences have to be long


def square(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the square attack."""
    settings = {"norm": art_norm(budget.norm), "eps": budget.size, "max_iter": effort.queries, "verbose": False}
    return ArtAttack(budget, AttackView.SCORES, partial(evasion.SquareAttack, **settings))


def zoo(budget: Budget, effort: Effort) -> ArtAttack:
    """Return ZOO, which estimates gradients by finite differences."""
    settings = {"use_resize": False, "use_importance": False, "nb_parallel": 16, "learning_rate": 0.1}
    make = partial(evasion.ZooAttack, max_iter=effort.steps, variable_h=_ZOO_DIFFERENCE, verbose=False, **settings)
    return ArtAttack(budget, AttackView.SCORES, make)


def simba_pixel(budget: Budget, effort: Effort) -> ArtAttack:
    """Return SimBA on pixels."""
    return _simba(budget, effort, "px", 0.5)


def simba_cosine(budget: Budget, effort: Effort) -> ArtAttack:
    """Return SimBA on the discrete cosine transform."""
    return _simba(budget, effort, "dct", budget.size / 4)


def _simba(budget: Budget, effort: Effort, basis: str, length: float) -> ArtAttack:
    """Return SimBA; `length` is that of one change, of which there are many."""

    def make(estimator: Any) -> Any:
        settings = {"freq_dim": min(_FREQUENCIES, *estimator.input_shape[1:]), "stride": 4, "verbose": False}
        return evasion.SimBA(estimator, basis, effort.queries // 2, epsilon=length, **settings)

    return ArtAttack(budget, AttackView.SCORES, make)


def pixel(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the few-pixel attack, by differential evolution."""
    return ArtAttack(budget, AttackView.THREE_LABELS, partial(evasion.PixelAttack, th=5, es=1, max_iter=effort.steps))


def threshold(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the threshold attack on blocks of pixels: its memory grows with the square of their number."""
    greys = max(1, round(budget.size * 255))
    make = partial(evasion.ThresholdAttack, th=greys, es=1, max_iter=effort.steps)
    return ArtAttack(budget, AttackView.THREE_LABELS, make, blocks=True)
