"""Attacks that look for the smallest change, with a gradient; the budget is asked of what they find."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView
from attacks.images import Budget


def carlini_l2(budget: Budget, *, steps: int, searches: int) -> ArtAttack:
    """Return Carlini and Wagner's attack on the Euclidean length."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda seen, _: evasion.CarliniL2Method(
            seen, max_iter=steps, binary_search_steps=searches, initial_const=1.0, verbose=False
        ),
    )


def carlini_linf(budget: Budget, *, steps: int) -> ArtAttack:
    """Return Carlini and Wagner's attack on the largest change."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda seen, _: evasion.CarliniLInfMethod(seen, max_iter=steps, largest_const=1.0, verbose=False),
    )


def carlini_l0(budget: Budget, *, steps: int, searches: int) -> ArtAttack:
    """Return Carlini and Wagner's attack on the number of pixels."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda seen, _: evasion.CarliniL0Method(
            seen, learning_rate=0.1, max_iter=steps, binary_search_steps=searches, initial_const=1.0, verbose=False
        ),
    )


def deep_fool(budget: Budget, *, steps: int) -> ArtAttack:
    """Return steps to the nearest boundary, as if it were flat."""
    return ArtAttack(
        budget, AttackView.LOGITS, lambda seen, _: evasion.DeepFool(seen, steps, nb_grads=2, verbose=False), truth=False
    )


def newton_fool(budget: Budget, *, steps: int) -> ArtAttack:
    """Return steps that lower the probability of the class that is seen."""
    return ArtAttack(budget, AttackView.SHARES, lambda seen, _: evasion.NewtonFool(seen, steps, verbose=False))


def elastic_net(budget: Budget, *, steps: int, searches: int) -> ArtAttack:
    """Return the attack that changes few pixels; with few searches it changes none."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda seen, _: evasion.ElasticNet(seen, max_iter=steps, binary_search_steps=searches, verbose=False),
    )


def jsma(budget: Budget, *, theta: float = 0.1, gamma: float = 0.1) -> ArtAttack:
    """Return the saliency map's attack: a true class given to it would be what it aims at."""
    return ArtAttack(
        budget,
        AttackView.LOGITS,
        lambda seen, _: evasion.SaliencyMapMethod(seen, theta, gamma, verbose=False),
        truth=False,
    )


def virtual(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the direction in which probabilities change most, found by one question for every block of pixels."""

    def make(seen: Any, within: Budget) -> Any:
        return evasion.VirtualAdversarialMethod(seen, steps, eps=within.size, verbose=False)

    return ArtAttack(budget, AttackView.SHARES, make, truth=False, blocks=True)
