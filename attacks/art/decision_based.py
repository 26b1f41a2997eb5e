"""Attacks that see labels alone, and walk along the boundary from a picture of the other class."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView, art_norm
from attacks.images import Budget


def hop_skip_jump(budget: Budget, *, steps: int, most: int) -> ArtAttack:
    """Return HopSkipJump: the boundary's direction is estimated from labels; `most` questions a step."""

    def make(seen: Any, within: Budget) -> Any:
        first = min(100, most)
        return evasion.HopSkipJump(
            seen, norm=art_norm(within.norm), max_iter=steps, max_eval=most, init_eval=first, verbose=False
        )

    return ArtAttack(budget, AttackView.LABELS, make, starts=True)


def boundary(budget: Budget, *, steps: int) -> ArtAttack:
    """Return a random walk along the boundary."""

    def make(seen: Any, _: Budget) -> Any:
        return evasion.BoundaryAttack(seen, targeted=False, max_iter=steps, num_trial=5, sample_size=5, verbose=False)

    return ArtAttack(budget, AttackView.LABELS, make, starts=True)


def sign_opt(budget: Budget, *, queries: int) -> ArtAttack:
    """Return the search for the nearest direction by signs; with two classes it asks for a third."""

    def make(seen: Any, _: Budget) -> Any:
        return evasion.SignOPTAttack(seen, targeted=False, query_limit=queries, num_trial=20, verbose=False)

    return ArtAttack(budget, AttackView.THREE_LABELS, make)
