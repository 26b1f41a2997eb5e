"""Attacks that move, shade or smear a picture; some leave the budget far behind, and are brought back into it."""

from typing import Any

from art.attacks import evasion

from attacks.art.estimators import ArtAttack, AttackView
from attacks.images import Budget


def spatial(budget: Budget, *, shift: float, turn: float) -> ArtAttack:
    """Return the worst of small shifts and turns."""

    def make(seen: Any, _: Budget) -> Any:
        return evasion.SpatialTransformation(seen, shift, 5, turn, 5, verbose=False)

    return ArtAttack(budget, AttackView.LOGITS, make)


def wasserstein(budget: Budget, *, steps: int) -> ArtAttack:
    """Return grey that is moved to places nearby."""

    def make(seen: Any, within: Budget) -> Any:
        most = 50  # rounds of each projection
        return evasion.Wasserstein(
            seen,
            norm="2",  # its own norm multiplies slopes by 3,000 in an exponent
            eps_step=within.size,
            eps=within.size,
            max_iter=steps,
            conjugate_sinkhorn_max_iter=most,
            projected_sinkhorn_max_iter=most,
            verbose=False,
        )

    return ArtAttack(budget, AttackView.LOGITS, make)


def frame_saliency(budget: Budget, *, steps: int) -> ArtAttack:
    """Return steps along the gradient, where it is largest first."""

    def make(seen: Any, within: Budget) -> Any:
        step = 2.5 * within.size / steps
        inner = evasion.BasicIterativeMethod(seen, within.size, step, steps, verbose=False)
        return evasion.FrameSaliencyAttack(seen, inner, "iterative_saliency", verbose=False)

    return ArtAttack(budget, AttackView.LOGITS, make)


def composite(budget: Budget, *, steps: int) -> ArtAttack:
    """Return turns, brightness and contrast together with steps along the gradient; hue is nothing to a grey plane."""

    def make(seen: Any, within: Budget) -> Any:
        return evasion.CompositeAdversarialAttackPyTorch(
            seen,
            enabled_attack=(2, 3, 4, 5),
            rot_epsilon=(-5.0, 5.0),
            bri_epsilon=(-within.size, within.size),
            con_epsilon=(1 - within.size, 1 + within.size),
            pgd_epsilon=(-within.size, within.size),
            early_stop=True,
            max_iter=steps,
            max_inner_iter=5,
            verbose=False,
        )

    return ArtAttack(budget, AttackView.LOGITS, make)
