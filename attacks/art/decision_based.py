"""Decision-based attacks: they see labels alone, and most walk along the boundary from an image of the other class."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.images import Budget


def hop_skip_jump(budget: Budget, *, steps: int, most: int) -> ArtAttack:
    """Return HopSkipJump, which estimates the boundary's normal from labels, with `most` queries for each step."""

    def make(estimator: Any, within: Budget) -> Any:
        first = min(100, most)
        return evasion.HopSkipJump(
            estimator, norm=art_norm(within.norm), max_iter=steps, max_eval=most, init_eval=first, verbose=False
        )

    return ArtAttack(budget, AttackView.LABELS, make, starts=True)


def boundary(budget: Budget, *, steps: int) -> ArtAttack:
    """Return the boundary attack, a random walk."""

    def make(estimator: Any, _: Budget) -> Any:
        return evasion.BoundaryAttack(
            estimator, targeted=False, max_iter=steps, num_trial=5, sample_size=5, verbose=False
        )

    return ArtAttack(budget, AttackView.LABELS, make, starts=True)


def sign_opt(budget: Budget, *, queries: int) -> ArtAttack:
    """Return Sign-OPT, a search for the direction of the nearest boundary; it needs a third class."""

    def make(estimator: Any, _: Budget) -> Any:
        return evasion.SignOPTAttack(estimator, targeted=False, query_limit=queries, num_trial=20, verbose=False)

    return ArtAttack(budget, AttackView.THREE_LABELS, make)
