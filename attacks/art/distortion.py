"""Attacks that move or smear an image; some leave the budget far behind, and the harness projects them back."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView
from attacks.images import Budget

_PROJECTION_ROUNDS = 50


def spatial(budget: Budget, *, shift: float, turn: float) -> ArtAttack:
    """Return a grid search over small shifts (per cent) and rotations (degrees)."""

    def make(estimator: Any, _: Budget) -> Any:
        return evasion.SpatialTransformation(estimator, shift, 5, turn, 5, verbose=False)

    return ArtAttack(budget, AttackView.LOGITS, make)


def wasserstein(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the attack that transports grey to nearby pixels."""

    def make(estimator: Any, within: Budget) -> Any:
        return evasion.Wasserstein(
            estimator,
            norm="2",  # ART's "wasserstein" norm multiplies gradients by 3,000 in an exponent, which overflows
            eps_step=within.size,
            eps=within.size,
            max_iter=steps,
            conjugate_sinkhorn_max_iter=_PROJECTION_ROUNDS,
            projected_sinkhorn_max_iter=_PROJECTION_ROUNDS,
            verbose=False,
        )

    return ArtAttack(budget, AttackView.LOGITS, make)


def frame_saliency(budget: Budget, *, steps: int) -> ArtAttack:
    """Return gradient steps where the gradient is largest first."""

    def make(estimator: Any, within: Budget) -> Any:
        step = 2.5 * within.size / steps
        inner = evasion.BasicIterativeMethod(estimator, within.size, step, steps, verbose=False)
        return evasion.FrameSaliencyAttack(estimator, inner, "iterative_saliency", verbose=False)

    return ArtAttack(budget, AttackView.LOGITS, make)
