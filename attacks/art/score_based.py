"""Score-based attacks: they see scores, and no gradient."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.images import Budget


def square(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the square attack."""

    def make(estimator: Any, within: Budget) -> Any:
        return evasion.SquareAttack(
            estimator, norm=art_norm(within.norm), max_iter=steps, eps=within.size, verbose=False
        )

    return ArtAttack(budget, AttackView.SCORES, make)


def zoo(budget: Budget, *, steps: int, reach: float) -> ArtAttack:
    """Return ZOO; its finite differences need a long `reach`, since a forest is flat."""

    def make(estimator: Any, _: Budget) -> Any:
        return evasion.ZooAttack(
            estimator,
            max_iter=steps,
            use_resize=False,
            use_importance=False,
            nb_parallel=16,
            variable_h=reach,
            learning_rate=0.1,
            verbose=False,
        )

    return ArtAttack(budget, AttackView.SCORES, make)


def simba(budget: Budget, *, steps: int, cosines: bool) -> ArtAttack:
    """Return SimBA, on pixels or on the discrete cosine transform."""

    def make(estimator: Any, within: Budget) -> Any:
        kind = "dct" if cosines else "px"
        low = min(28, *estimator.input_shape[1:])  # cosines a side that are tried
        reach = within.size / 4 if cosines else 0.5  # of one change, of which there are many
        return evasion.SimBA(estimator, kind, steps, epsilon=reach, freq_dim=low, stride=4, verbose=False)

    return ArtAttack(budget, AttackView.SCORES, make)


def pixel(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the few-pixel attack, by differential evolution."""

    def make(estimator: Any, _: Budget) -> Any:
        return evasion.PixelAttack(estimator, th=5, es=1, max_iter=steps)

    return ArtAttack(budget, AttackView.THREE_LABELS, make)


def threshold(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the threshold attack on blocks of pixels: its memory grows with the square of their number."""

    def make(estimator: Any, within: Budget) -> Any:
        return evasion.ThresholdAttack(estimator, th=max(1, round(within.size * 255)), es=1, max_iter=steps)

    return ArtAttack(budget, AttackView.THREE_LABELS, make, blocks=True)
