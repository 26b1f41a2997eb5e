"""Minimum-norm attacks: gradient searches for the smallest change, which the harness compares with the budget."""

from functools import partial

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView
from attacks.cost import Effort
from attacks.images import Budget

CARLINI_SEARCHES = 3  # beside one for each restart: with fewer these attacks hardly change an image
ELASTIC_SEARCHES = 8


def carlini_l2(budget: Budget, effort: Effort) -> ArtAttack:
    """Return Carlini and Wagner's L2 attack."""
    settings = {"binary_search_steps": effort.restarts + CARLINI_SEARCHES, "initial_const": 1.0, "verbose": False}
    return ArtAttack(budget, AttackView.LOGITS, partial(evasion.CarliniL2Method, max_iter=effort.steps, **settings))


def carlini_linf(budget: Budget, effort: Effort) -> ArtAttack:
    """Return Carlini and Wagner's Linf attack."""
    make = partial(evasion.CarliniLInfMethod, max_iter=effort.steps, largest_const=1.0, verbose=False)
    return ArtAttack(budget, AttackView.LOGITS, make)


def carlini_l0(budget: Budget, effort: Effort) -> ArtAttack:
    """Return Carlini and Wagner's L0 attack."""
    settings = {"binary_search_steps": effort.restarts + CARLINI_SEARCHES, "initial_const": 1.0, "verbose": False}
    make = partial(evasion.CarliniL0Method, max_iter=effort.steps, learning_rate=0.1, **settings)
    return ArtAttack(budget, AttackView.LOGITS, make)


def deep_fool(budget: Budget, effort: Effort) -> ArtAttack:
    """Return DeepFool: steps to the boundary of a linear approximation."""
    make = partial(evasion.DeepFool, max_iter=effort.steps, nb_grads=2, verbose=False)
    return ArtAttack(budget, AttackView.LOGITS, make, truth=False)


def newton_fool(budget: Budget, effort: Effort) -> ArtAttack:
    """Return NewtonFool: steps that lower the predicted class's probability."""
    return ArtAttack(budget, AttackView.SHARES, partial(evasion.NewtonFool, max_iter=effort.steps, verbose=False))


def elastic_net(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the elastic-net attack, EAD; with few searches it changes nothing."""
    settings = {"binary_search_steps": effort.restarts + ELASTIC_SEARCHES, "verbose": False}
    return ArtAttack(budget, AttackView.LOGITS, partial(evasion.ElasticNet, max_iter=effort.steps, **settings))


def jsma(budget: Budget, _: Effort) -> ArtAttack:
    """Return JSMA; a class passed to it would be its target."""
    make = partial(evasion.SaliencyMapMethod, theta=0.1, gamma=budget.size, verbose=False)
    return ArtAttack(budget, AttackView.LOGITS, make, truth=False)


def virtual(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the virtual adversarial method, which queries once for every block of pixels."""
    make = partial(evasion.VirtualAdversarialMethod, max_iter=effort.steps, eps=budget.size, verbose=False)
    return ArtAttack(budget, AttackView.SHARES, make, truth=False, blocks=True)
