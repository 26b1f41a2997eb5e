"""Attacks that move or smear an image; some exceed the budget by far, and the harness projects them back."""

from functools import partial
from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView
from attacks.art.gradient_steps import bim
from attacks.cost import Effort
from attacks.images import Budget

_SHIFT, _ROTATION = 10, 10  # at most, in per cent of a side and in degrees; five of each are tried
_PROJECTION_ROUNDS = 50


def spatial(budget: Budget, _: Effort) -> ArtAttack:
    """Return a grid search over small shifts and rotations."""
    grid = {"max_translation": _SHIFT, "num_translations": 5, "max_rotation": _ROTATION, "num_rotations": 5}
    return ArtAttack(budget, AttackView.LOGITS, partial(evasion.SpatialTransformation, verbose=False, **grid))


def wasserstein(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the attack that transports grey to nearby pixels."""
    rounds = dict.fromkeys(("conjugate_sinkhorn_max_iter", "projected_sinkhorn_max_iter"), _PROJECTION_ROUNDS)
    # ART's norm "wasserstein" multiplies gradients by 3,000 in an exponent, which overflows.
    settings = {"norm": "2", "eps_step": budget.size, "eps": budget.size, "max_iter": effort.steps, "verbose": False}
    return ArtAttack(budget, AttackView.LOGITS, partial(evasion.Wasserstein, **settings, **rounds))


def frame_saliency(budget: Budget, effort: Effort) -> ArtAttack:
    """Return gradient steps where the gradient is largest first."""

    def make(estimator: Any) -> Any:
        steps = bim(budget, effort).make(estimator)
        return evasion.FrameSaliencyAttack(estimator, steps, "iterative_saliency", verbose=False)

    return ArtAttack(budget, AttackView.LOGITS, make)
