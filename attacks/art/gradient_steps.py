"""Attacks that step along a gradient within a budget."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.images import Budget


def fgsm(budget: Budget, *, minimal: bool = False) -> ArtAttack:
    """Return one step of the whole budget, or of the least that is enough."""

    def make(seen: Any, within: Budget) -> Any:
        step = within.size / 20 if minimal else within.size
        return evasion.FastGradientMethod(seen, art_norm(within.norm), within.size, step, minimal=minimal)

    return ArtAttack(budget, AttackView.LOGITS, make)


def bim(budget: Budget, *, steps: int) -> ArtAttack:
    """Return steps of one size, in the largest norm."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda seen, within: evasion.BasicIterativeMethod(
            seen, within.size, 2.5 * within.size / steps, steps, verbose=False
        ),
    )


def mim(budget: Budget, *, steps: int) -> ArtAttack:
    """Return steps with momentum."""

    def make(seen: Any, within: Budget) -> Any:
        step = 2.5 * within.size / steps
        return evasion.MomentumIterativeMethod(
            seen, art_norm(within.norm), within.size, step, max_iter=steps, verbose=False
        )

    return ArtAttack(budget, AttackView.LOGITS, make)


def pgd(budget: Budget, *, steps: int, restarts: int = 1) -> ArtAttack:
    """Return steps of one size from random starts."""

    def make(seen: Any, within: Budget) -> Any:
        step = 2.5 * within.size / steps
        return evasion.ProjectedGradientDescent(
            seen, art_norm(within.norm), within.size, step, None, steps, num_random_init=restarts, verbose=False
        )

    return ArtAttack(budget, AttackView.LOGITS, make)


def _scheduled(kind: Any, budget: Budget, steps: int, restarts: int) -> ArtAttack:
    def make(seen: Any, within: Budget) -> Any:
        step = 2 * within.size
        return kind(
            seen, art_norm(within.norm), within.size, step, steps, nb_random_init=restarts, batch_size=1, verbose=False
        )

    return ArtAttack(budget, AttackView.LOGITS, make)


def apgd(budget: Budget, *, steps: int, restarts: int = 1) -> ArtAttack:
    """Return ART's APGD on cross entropy; its other loss needs three classes."""
    return _scheduled(evasion.AutoProjectedGradientDescent, budget, steps, restarts)


def acg(budget: Budget, *, steps: int, restarts: int = 1) -> ArtAttack:
    """Return conjugate gradients: too weak to gate on, where PGD succeeds."""
    return _scheduled(evasion.AutoConjugateGradient, budget, steps, restarts)


def rescaling_acg(budget: Budget, *, steps: int, restarts: int = 1) -> ArtAttack:
    """Return conjugate gradients that are rescaled."""
    return _scheduled(evasion.RescalingAutoConjugateGradient, budget, steps, restarts)
