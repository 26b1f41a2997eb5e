"""Every attack by its name, with what it is and what it is called in public taxonomies."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from attacks.adaptive import AdaptiveAttack, distilled_head, other_class_features, surrogate_network
from attacks.art import decision_based, distortion, gradient_steps, minimum_norm, score_based, universal
from attacks.gradient import Apgd, Fgsm, Pgd
from attacks.harness import Attack
from attacks.images import Budget, Norm
from attacks.outcome import Knowledge
from attacks.transformations import TRANSFORMATIONS, Transformation

ATLAS, NIST = "2026.07", "AI 100-2e2025"
_TAXONOMIES = {
    Knowledge.WHITE: ("AML.T0043.000", "NISTAML.022"),
    Knowledge.GREY: ("AML.T0043.002", "NISTAML.022"),
    Knowledge.BLACK: ("AML.T0043.001", "NISTAML.025"),
}
_BY_HAND = ("AML.T0043.003", "NISTAML.025")


@dataclass(frozen=True, slots=True)
class Effort:
    """How long an attack may try on each picture."""

    steps: int = 10
    restarts: int = 1
    queries: int = 1000

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if min(self.steps, self.restarts, self.queries) < 1:
            raise ValueError(f"{self}: whole numbers from 1 are asked for")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """An attack that can be asked for."""

    title: str
    family: str
    knowledge: Knowledge
    norms: tuple[Norm, ...]
    make: Callable[[Budget, Effort], Attack]

    @property
    def taxonomies(self) -> tuple[str, str]:
        """Return its ids in MITRE ATLAS and in NIST AI 100-2."""
        return _BY_HAND if self.family == "platforms" else _TAXONOMIES[self.knowledge]


_BOTH = (Norm.LINF, Norm.L2)


def _change(name: str, budget: Budget, effort: Effort) -> Attack:
    return Transformation(budget, *TRANSFORMATIONS[name])


def _white(
    title: str, family: str, norms: tuple[Norm, ...], make: Callable[[Budget, Effort], Attack]
) -> CatalogueEntry:
    return CatalogueEntry(title, family, Knowledge.WHITE, norms, make)


def _grey(title: str, make: Callable[[Budget, Effort], Attack]) -> CatalogueEntry:
    return CatalogueEntry(title, "transfer", Knowledge.GREY, _BOTH, make)


def _black(
    title: str, family: str, norms: tuple[Norm, ...], make: Callable[[Budget, Effort], Attack]
) -> CatalogueEntry:
    return CatalogueEntry(title, family, Knowledge.BLACK, norms, make)


CATALOGUE: dict[str, CatalogueEntry] = {
    "fgsm": _white("one step", "gradient", _BOTH, lambda b, e: Fgsm(b)),
    "pgd": _white("equal steps", "gradient", _BOTH, lambda b, e: Pgd(b, e.steps, e.restarts)),
    "apgd": _white("steps that halve", "gradient", _BOTH, lambda b, e: Apgd(b, e.steps, e.restarts)),
    "feature-target": _white(
        "towards the other class's features",
        "features",
        _BOTH,
        lambda b, e: AdaptiveAttack(b, other_class_features, e.steps, e.restarts),
    ),
    "distilled": _grey(
        "a stand-in for the forests", lambda b, e: AdaptiveAttack(b, distilled_head, e.steps, e.restarts)
    ),
    "transfer": _grey(
        "a stand-in for the whole model", lambda b, e: AdaptiveAttack(b, surrogate_network, e.steps, e.restarts)
    ),
    "art-fgsm": _white("ART: one step", "gradient", _BOTH, lambda b, e: gradient_steps.fgsm(b)),
    "art-fgsm-minimal": _white(
        "ART: one step, the least", "gradient", _BOTH, lambda b, e: gradient_steps.fgsm(b, minimal=True)
    ),
    "art-bim": _white("ART: BIM", "gradient", (Norm.LINF,), lambda b, e: gradient_steps.bim(b, steps=e.steps)),
    "art-mim": _white("ART: MIM", "gradient", _BOTH, lambda b, e: gradient_steps.mim(b, steps=e.steps)),
    "art-pgd": _white(
        "ART: PGD", "gradient", _BOTH, lambda b, e: gradient_steps.pgd(b, steps=e.steps, restarts=e.restarts)
    ),
    "art-apgd": _white(
        "ART: APGD", "gradient", _BOTH, lambda b, e: gradient_steps.apgd(b, steps=e.steps, restarts=e.restarts)
    ),
    "art-acg": _white(
        "ART: conjugate gradients",
        "gradient",
        _BOTH,
        lambda b, e: gradient_steps.acg(b, steps=e.steps, restarts=e.restarts),
    ),
    "art-racg": _white(
        "ART: rescaling conjugate gradients",
        "gradient",
        _BOTH,
        lambda b, e: gradient_steps.rescaling_acg(b, steps=e.steps, restarts=e.restarts),
    ),
    "carlini-l2": _white(
        "ART: Carlini and Wagner, length",
        "nearest",
        (Norm.L2,),
        lambda b, e: minimum_norm.carlini_l2(b, steps=e.steps, searches=e.restarts + 3),
    ),
    "carlini-linf": _white(
        "ART: Carlini and Wagner, largest change",
        "nearest",
        (Norm.LINF,),
        lambda b, e: minimum_norm.carlini_linf(b, steps=e.steps),
    ),
    "carlini-l0": _white(
        "ART: Carlini and Wagner, few pixels",
        "nearest",
        (Norm.L0,),
        lambda b, e: minimum_norm.carlini_l0(b, steps=e.steps, searches=e.restarts + 3),
    ),
    "deep-fool": _white("ART: DeepFool", "nearest", (Norm.L2,), lambda b, e: minimum_norm.deep_fool(b, steps=e.steps)),
    "newton-fool": _white(
        "ART: NewtonFool", "nearest", (Norm.L2,), lambda b, e: minimum_norm.newton_fool(b, steps=e.steps)
    ),
    "elastic-net": _white(
        "ART: elastic net",
        "nearest",
        (Norm.L2,),
        lambda b, e: minimum_norm.elastic_net(b, steps=e.steps, searches=e.restarts + 8),
    ),
    "jsma": _white("ART: saliency map", "nearest", (Norm.L0,), lambda b, e: minimum_norm.jsma(b, gamma=b.size)),
    "virtual": _white(
        "ART: virtual adversarial", "nearest", (Norm.L2,), lambda b, e: minimum_norm.virtual(b, steps=e.steps)
    ),
    "spatial": _white(
        "ART: shifts and turns", "moves", (Norm.LINF,), lambda b, e: distortion.spatial(b, shift=10, turn=10)
    ),
    "wasserstein": _white(
        "ART: Wasserstein", "moves", (Norm.LINF,), lambda b, e: distortion.wasserstein(b, steps=e.steps)
    ),
    "frame-saliency": _white(
        "ART: frame saliency", "moves", (Norm.LINF,), lambda b, e: distortion.frame_saliency(b, steps=e.steps)
    ),
    "composite": _white(
        "ART: composite", "moves", (Norm.LINF,), lambda b, e: distortion.composite(b, steps=e.restarts)
    ),
    "universal": _white(
        "ART: one change for all", "universal", _BOTH, lambda b, e: universal.Universal(b, e.restarts + 2)
    ),
    "universal-targeted": _white(
        "ART: one change for all, aimed",
        "universal",
        _BOTH,
        lambda b, e: universal.Universal(b, e.restarts + 2, targeted=True),
    ),
    "patch": _white("ART: patch", "universal", (Norm.L0,), lambda b, e: universal.Patch(b, 5 * e.steps)),
    "hop-skip-jump": _black(
        "ART: HopSkipJump",
        "labels",
        _BOTH,
        lambda b, e: decision_based.hop_skip_jump(b, steps=e.steps, most=max(2, e.queries // e.steps)),
    ),
    "boundary": _black(
        "ART: boundary", "labels", (Norm.L2,), lambda b, e: decision_based.boundary(b, steps=e.queries // 10)
    ),
    "sign-opt": _black(
        "ART: SignOPT", "labels", (Norm.L2,), lambda b, e: decision_based.sign_opt(b, queries=e.queries)
    ),
    "square": _black("ART: Square", "scores", _BOTH, lambda b, e: score_based.square(b, steps=e.queries)),
    "zoo": _black("ART: ZOO", "scores", (Norm.L2,), lambda b, e: score_based.zoo(b, steps=e.steps, reach=0.2)),
    "simba-pixel": _black(
        "ART: SimBA, pixels",
        "scores",
        (Norm.L0,),
        lambda b, e: score_based.simba(b, steps=e.queries // 2, cosines=False),
    ),
    "simba-cosine": _black(
        "ART: SimBA, cosines",
        "scores",
        (Norm.L2,),
        lambda b, e: score_based.simba(b, steps=e.queries // 2, cosines=True),
    ),
    "pixel": _black("ART: few pixels", "scores", (Norm.L0,), lambda b, e: score_based.pixel(b, steps=e.steps)),
    "threshold": _black("ART: threshold", "scores", (Norm.LINF,), lambda b, e: score_based.threshold(b, steps=e.steps)),
} | {
    name: _black(f"by platforms: {name}", "platforms", (Norm.LINF,), partial(_change, name)) for name in TRANSFORMATIONS
}
