"""Decision-based attacks: they see labels alone, and most walk along the boundary from an image of the other class."""

from functools import partial

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.cost import Effort
from attacks.images import Budget


def hop_skip_jump(budget: Budget, effort: Effort) -> ArtAttack:
    """Return HopSkipJump, which estimates the boundary's normal from labels."""
    most = max(2, effort.queries // effort.steps)  # queries of a step
    settings = {"max_iter": effort.steps, "max_eval": most, "init_eval": min(100, most), "verbose": False}
    make = partial(evasion.HopSkipJump, norm=art_norm(budget.norm), **settings)
    return ArtAttack(budget, AttackView.LABELS, make, starts=True)


def boundary(budget: Budget, effort: Effort) -> ArtAttack:
    """Return the boundary attack, a random walk."""
    settings = {"targeted": False, "num_trial": 5, "sample_size": 5, "verbose": False}
    make = partial(evasion.BoundaryAttack, max_iter=effort.queries // 10, **settings)
    return ArtAttack(budget, AttackView.LABELS, make, starts=True)


def sign_opt(budget: Budget, effort: Effort) -> ArtAttack:
    """Return Sign-OPT, a search for the direction of the nearest boundary; it needs a third class."""
    make = partial(evasion.SignOPTAttack, targeted=False, query_limit=effort.queries, num_trial=20, verbose=False)
    return ArtAttack(budget, AttackView.THREE_LABELS, make)
