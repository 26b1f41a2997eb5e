"""Attacks that follow a gradient within a budget. Our own FGSM, PGD and APGD are in `attacks.gradient`."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.images import Budget


def fgsm_minimal(budget: Budget) -> ArtAttack:
    """Return FGSM with the smallest step that suffices, a twentieth of the budget at a time."""

    def make(estimator: Any, within: Budget) -> Any:
        step = within.size / 20
        return evasion.FastGradientMethod(estimator, art_norm(within.norm), within.size, step, minimal=True)

    return ArtAttack(budget, AttackView.LOGITS, make)


def bim(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the basic iterative method: equal steps from the image itself, in the largest norm."""

    def make(estimator: Any, within: Budget) -> Any:
        return evasion.BasicIterativeMethod(estimator, within.size, 2.5 * within.size / steps, steps, verbose=False)

    return ArtAttack(budget, AttackView.LOGITS, make)


def mim(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the momentum iterative method."""

    def make(estimator: Any, within: Budget) -> Any:
        step = 2.5 * within.size / steps
        return evasion.MomentumIterativeMethod(
            estimator, art_norm(within.norm), within.size, step, max_iter=steps, verbose=False
        )

    return ArtAttack(budget, AttackView.LOGITS, make)


def acg(budget: Budget, *, steps: int, restarts: int = 1) -> ArtAttack:
    """Return auto conjugate gradients; they fail on easy targets where PGD succeeds, so no gate should rest on them."""
    return _scheduled(evasion.AutoConjugateGradient, budget, steps, restarts)


def rescaling_acg(budget: Budget, *, steps: int, restarts: int = 1) -> ArtAttack:
    """Return auto conjugate gradients with rescaled directions."""
    return _scheduled(evasion.RescalingAutoConjugateGradient, budget, steps, restarts)


def _scheduled(kind: Any, budget: Budget, steps: int, restarts: int) -> ArtAttack:
    def make(estimator: Any, within: Budget) -> Any:
        return kind(
            estimator,
            art_norm(within.norm),
            within.size,
            2 * within.size,
            steps,
            nb_random_init=restarts,
            batch_size=1,
            verbose=False,
        )

    return ArtAttack(budget, AttackView.LOGITS, make)
