"""Minimum-norm attacks: gradient searches for the smallest change, which the harness compares with the budget."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView
from attacks.images import Budget


def carlini_l2(budget: Budget, *, steps: int, searches: int) -> ArtAttack:
    """Return Carlini and Wagner's L2 attack."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda estimator, _: evasion.CarliniL2Method(
            estimator, max_iter=steps, binary_search_steps=searches, initial_const=1.0, verbose=False
        ),
    )


def carlini_linf(budget: Budget, *, steps: int) -> ArtAttack:
    """Return Carlini and Wagner's Linf attack."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda estimator, _: evasion.CarliniLInfMethod(estimator, max_iter=steps, largest_const=1.0, verbose=False),
    )


def carlini_l0(budget: Budget, *, steps: int, searches: int) -> ArtAttack:
    """Return Carlini and Wagner's L0 attack."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda estimator, _: evasion.CarliniL0Method(
            estimator, learning_rate=0.1, max_iter=steps, binary_search_steps=searches, initial_const=1.0, verbose=False
        ),
    )


def deep_fool(budget: Budget, *, steps: int) -> ArtAttack:
    """Return DeepFool: steps to the boundary of a linear approximation."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda estimator, _: evasion.DeepFool(estimator, steps, nb_grads=2, verbose=False),
        truth=False,
    )


def newton_fool(budget: Budget, *, steps: int) -> ArtAttack:
    """Return NewtonFool: steps that lower the predicted class's probability."""
    return ArtAttack(
        budget, AttackView.SHARES, lambda estimator, _: evasion.NewtonFool(estimator, steps, verbose=False)
    )


def elastic_net(budget: Budget, *, steps: int, searches: int) -> ArtAttack:
    """Return the elastic-net attack, EAD; with few searches it changes nothing."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda estimator, _: evasion.ElasticNet(estimator, max_iter=steps, binary_search_steps=searches, verbose=False),
    )


def jsma(budget: Budget, *, theta: float = 0.1, gamma: float = 0.1) -> ArtAttack:
    """Return JSMA; a class given to it would be its target."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda estimator, _: evasion.SaliencyMapMethod(estimator, theta, gamma, verbose=False),
        truth=False,
    )


def virtual(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the virtual adversarial method, which queries once for every block of pixels."""

    def make(estimator: Any, within: Budget) -> Any:
        return evasion.VirtualAdversarialMethod(estimator, steps, eps=within.size, verbose=False)

    return ArtAttack(budget, AttackView.SHARES, make, truth=False, blocks=True)
