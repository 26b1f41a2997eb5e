"""Attacks that follow a gradient within a budget. Our own FGSM, PGD and APGD are in `attacks.gradient`."""

from functools import partial
from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.cost import Effort
from attacks.images import Budget


def fgsm_minimal(budget: Budget, _: Effort) -> ArtAttack:
    """Return FGSM with the smallest step that suffices, a twentieth of the budget at a time."""
    settings = {"norm": art_norm(budget.norm), "eps": budget.size, "eps_step": budget.size / 20}
    return ArtAttack(budget, AttackView.LOGITS, partial(evasion.FastGradientMethod, minimal=True, **settings))


def bim(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the basic iterative method: equal steps from the image itself, in the largest norm."""
    settings = {"eps": budget.size, "eps_step": 2.5 * budget.size / effort.steps, "max_iter": effort.steps}
    return ArtAttack(budget, AttackView.LOGITS, partial(evasion.BasicIterativeMethod, verbose=False, **settings))


def mim(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the momentum iterative method."""
    settings = {"eps": budget.size, "eps_step": 2.5 * budget.size / effort.steps, "max_iter": effort.steps}
    make = partial(evasion.MomentumIterativeMethod, norm=art_norm(budget.norm), verbose=False, **settings)
    return ArtAttack(budget, AttackView.LOGITS, make)


def acg(budget: Budget, effort: Effort) -> ArtAttack:
    """Return auto conjugate gradients; they fail on easy targets where PGD succeeds, so no gate should rest on them."""
    return _scheduled(evasion.AutoConjugateGradient, budget, effort)


def rescaling_acg(budget: Budget, effort: Effort) -> ArtAttack:
    """Return auto conjugate gradients with rescaled directions."""
    return _scheduled(evasion.RescalingAutoConjugateGradient, budget, effort)


def _scheduled(method: Any, budget: Budget, effort: Effort) -> ArtAttack:
    settings = {"norm": art_norm(budget.norm), "eps": budget.size, "eps_step": 2 * budget.size, "batch_size": 1}
    make = partial(method, max_iter=effort.steps, nb_random_init=effort.restarts, verbose=False, **settings)
    return ArtAttack(budget, AttackView.LOGITS, make)
