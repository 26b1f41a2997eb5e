"""Every attack by its name, with its knowledge, its cost, and its ids in public taxonomies."""

from collections.abc import Callable
from dataclasses import dataclass

from attacks.adaptive import AdaptiveAttack, PlaneObjective, distilled_head, other_class_features, surrogate_network
from attacks.art import decision_based, distortion, gradient_steps, minimum_norm, score_based, universal
from attacks.art.estimators import BLOCKS
from attacks.art.minimum_norm import CARLINI_SEARCHES, ELASTIC_SEARCHES
from attacks.cost import (
    JUDGING,
    Cost,
    Effort,
    Passes,
    fixed,
    per_restart,
    per_search_and_step,
    per_start_and_step,
    per_step,
)
from attacks.gradient import Apgd, Fgsm, Pgd
from attacks.harness import Attack
from attacks.images import Budget, Norm
from attacks.target import AttackSession
from attacks.transformations import TRANSFORMATIONS, Transformation
from attacks.trials import Knowledge

ATLAS, NIST = "2026.07", "AI 100-2e2025"
_TAXONOMIES = {
    Knowledge.WHITE: ("AML.T0043.000", "NISTAML.022"),
    Knowledge.GREY: ("AML.T0043.002", "NISTAML.022"),
    Knowledge.BLACK: ("AML.T0043.001", "NISTAML.025"),
}
_MANUAL = ("AML.T0043.003", "NISTAML.025")
_LINF, _L2, _L0, _BOTH = (Norm.LINF,), (Norm.L2,), (Norm.L0,), (Norm.LINF, Norm.L2)
Make = Callable[[Budget, Effort], Attack]


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """An attack that a policy can name; `family` and `knowledge` are signed with its results."""

    title: str
    family: str
    knowledge: Knowledge
    norms: tuple[Norm, ...]
    cost: Callable[[Effort], Cost]  # of one image
    make: Make

    @property
    def taxonomies(self) -> tuple[str, str]:
        """The ids in MITRE ATLAS and in NIST AI 100-2."""
        return _MANUAL if self.family == "platforms" else _TAXONOMIES[self.knowledge]


def _white(title: str, family: str, norms: tuple[Norm, ...], passes: Passes, make: Make) -> CatalogueEntry:
    return CatalogueEntry(title, family, Knowledge.WHITE, norms, lambda e: Cost(JUDGING, 1 + passes(e)), make)


def _grey(title: str, passes: Passes, make: Make) -> CatalogueEntry:
    return CatalogueEntry(title, "transfer", Knowledge.GREY, _BOTH, lambda e: Cost(JUDGING, 1 + passes(e)), make)


def _black(title: str, family: str, norms: tuple[Norm, ...], make: Make) -> CatalogueEntry:
    """Return an attack that may use every query that the policy allows."""
    return CatalogueEntry(title, family, Knowledge.BLACK, norms, lambda e: Cost(e.queries + JUDGING), make)


def _adaptive(objective: Callable[[AttackSession], PlaneObjective]) -> Make:
    return lambda b, e: AdaptiveAttack(b, objective, e.steps, e.restarts)


def _transformation(name: str) -> CatalogueEntry:
    transform, strengths = TRANSFORMATIONS[name]
    cost = Cost(len(strengths) + JUDGING)

    def make(budget: Budget, _: Effort) -> Attack:
        return Transformation(budget, transform, strengths)

    return CatalogueEntry(f"Transformation: {name}", "platforms", Knowledge.BLACK, _LINF, lambda e: cost, make)


CATALOGUE: dict[str, CatalogueEntry] = {
    "fgsm": _white("FGSM (own)", "gradient", _BOTH, fixed(3), lambda b, e: Fgsm(b)),
    "pgd": _white("PGD (own)", "gradient", _BOTH, per_start_and_step(), lambda b, e: Pgd(b, e.steps, e.restarts)),
    "apgd": _white("APGD (own)", "gradient", _BOTH, per_start_and_step(), lambda b, e: Apgd(b, e.steps, e.restarts)),
    "feature-target": _white(
        "Feature target: towards the other class's features (own)",
        "features",
        _BOTH,
        per_start_and_step(),
        _adaptive(other_class_features),
    ),
    "distilled": _grey("Distilled head (own)", per_start_and_step(), _adaptive(distilled_head)),
    "transfer": _grey("Transfer from a surrogate network (own)", fixed(0), _adaptive(surrogate_network)),
    "art-fgsm-minimal": _white("FGSM, smallest step (ART)", "gradient", _BOTH, fixed(24), gradient_steps.fgsm_minimal),
    "art-bim": _white("BIM (ART)", "gradient", _LINF, per_start_and_step(), gradient_steps.bim),
    "art-mim": _white("MI-FGSM (ART)", "gradient", _BOTH, per_start_and_step(), gradient_steps.mim),
    "art-acg": _white("Auto conjugate gradient (ART)", "gradient", _BOTH, per_start_and_step(3), gradient_steps.acg),
    "art-racg": _white(
        "Rescaling auto conjugate gradient (ART)",
        "gradient",
        _BOTH,
        per_start_and_step(3),
        gradient_steps.rescaling_acg,
    ),
    "carlini-l2": _white(
        "Carlini and Wagner L2 (ART)",
        "nearest",
        _L2,
        per_search_and_step(8.5, extra=CARLINI_SEARCHES),
        minimum_norm.carlini_l2,
    ),
    "carlini-linf": _white(
        "Carlini and Wagner Linf (ART)", "nearest", _LINF, per_step(36, 280), minimum_norm.carlini_linf
    ),
    "carlini-l0": _white(
        "Carlini and Wagner L0 (ART)",
        "nearest",
        _L0,
        per_search_and_step(17, extra=CARLINI_SEARCHES),
        minimum_norm.carlini_l0,
    ),
    "deep-fool": _white("DeepFool (ART)", "nearest", _L2, per_step(3, 3), minimum_norm.deep_fool),
    "newton-fool": _white("NewtonFool (ART)", "nearest", _L2, per_step(3), minimum_norm.newton_fool),
    "elastic-net": _white(
        "Elastic net, EAD (ART)",
        "nearest",
        _L2,
        per_search_and_step(6, extra=ELASTIC_SEARCHES),
        minimum_norm.elastic_net,
    ),
    # The saliency map's passes grow with the image and the budget, not with steps.
    "jsma": _white("JSMA (ART)", "nearest", _L0, fixed(1000), minimum_norm.jsma),
    "virtual": _white(
        "Virtual adversarial method (ART)", "nearest", _L2, per_step(BLOCKS**2 + 1), minimum_norm.virtual
    ),
    "spatial": _white("Spatial transformation (ART)", "moves", _LINF, fixed(16), distortion.spatial),
    "wasserstein": _white("Wasserstein (ART)", "moves", _LINF, per_step(3), distortion.wasserstein),
    "frame-saliency": _white("Frame saliency (ART)", "moves", _LINF, per_start_and_step(), distortion.frame_saliency),
    "universal": _white(
        "Universal perturbation (ART)",
        "universal",
        _BOTH,
        per_restart(15, extra=2),
        lambda b, e: universal.Universal(b, e.restarts + 2),
    ),
    "universal-targeted": _white(
        "Targeted universal perturbation (ART)",
        "universal",
        _BOTH,
        per_restart(5, extra=3),
        lambda b, e: universal.Universal(b, e.restarts + 2, targeted=True),
    ),
    "patch": _white(
        "Adversarial patch (ART)", "universal", _L0, per_step(10), lambda b, e: universal.Patch(b, 5 * e.steps)
    ),
    "hop-skip-jump": _black("HopSkipJump (ART)", "labels", _BOTH, decision_based.hop_skip_jump),
    "boundary": _black("Boundary attack (ART)", "labels", _L2, decision_based.boundary),
    "sign-opt": _black("Sign-OPT (ART)", "labels", _L2, decision_based.sign_opt),
    "square": _black("Square attack (ART)", "scores", _BOTH, score_based.square),
    "zoo": _black("ZOO (ART)", "scores", _L2, score_based.zoo),
    "simba-pixel": _black("SimBA, pixels (ART)", "scores", _L0, score_based.simba_pixel),
    "simba-cosine": _black("SimBA, DCT (ART)", "scores", _L2, score_based.simba_cosine),
    "pixel": _black("Few-pixel attack (ART)", "scores", _L0, score_based.pixel),
    "threshold": _black("Threshold attack (ART)", "scores", _LINF, score_based.threshold),
} | {name: _transformation(name) for name in TRANSFORMATIONS}
