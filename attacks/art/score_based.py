"""Attacks that see scores, and no gradient."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.images import Budget


def square(budget: Budget, *, steps: int) -> ArtAttack:
    """Return random squares, kept where the score falls."""

    def make(seen: Any, within: Budget) -> Any:
        return evasion.SquareAttack(seen, norm=art_norm(within.norm), max_iter=steps, eps=within.size, verbose=False)

    return ArtAttack(budget, AttackView.SCORES, make)


def zoo(budget: Budget, *, steps: int, reach: float) -> ArtAttack:
    """Return differences of scores as a gradient; a forest is flat, so their reach must be long."""

    def make(seen: Any, _: Budget) -> Any:
        return evasion.ZooAttack(
            seen,
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
    """Return single pixels, or single cosines, kept where the score falls."""

    def make(seen: Any, within: Budget) -> Any:
        kind = "dct" if cosines else "px"
        low = min(28, *seen.input_shape[1:])  # cosines a side that are tried
        reach = within.size / 4 if cosines else 0.5  # of one change, of which there are many
        return evasion.SimBA(seen, kind, steps, epsilon=reach, freq_dim=low, stride=4, verbose=False)

    return ArtAttack(budget, AttackView.SCORES, make)


def pixel(budget: Budget, *, steps: int) -> ArtAttack:
    """Return few pixels that evolution chose."""

    def make(seen: Any, _: Budget) -> Any:
        return evasion.PixelAttack(seen, th=5, es=1, max_iter=steps)

    return ArtAttack(budget, AttackView.THREE_LABELS, make)


def threshold(budget: Budget, *, steps: int) -> ArtAttack:
    """Return a change that evolution chose, of blocks of pixels: its memory grows with the square of their number."""

    def make(seen: Any, within: Budget) -> Any:
        return evasion.ThresholdAttack(seen, th=max(1, round(within.size * 255)), es=1, max_iter=steps)

    return ArtAttack(budget, AttackView.THREE_LABELS, make, blocks=True)
