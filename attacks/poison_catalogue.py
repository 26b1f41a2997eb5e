"""Every poison by its name, with its knowledge, its cost, and its ids in public taxonomies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from attacks.art import poison as art
from attacks.poison import crafted, dirty_label
from attacks.poison.threat import Poison, PoisonContext, PoisonedSpecimens
from attacks.trials import Knowledge


@dataclass(frozen=True, slots=True)
class PoisonEntry:
    """A poison that a policy can name, with its ids in MITRE ATLAS and NIST AI 100-2."""

    poison: Poison
    knowledge: Knowledge
    atlas: str
    nist: str
    rounds: int  # of gradient steps


_ATLAS = "AML.T0020"
_CLEAN, _BACKDOOR, _TARGETED, _FLIPPED = "NISTAML.021", "NISTAML.023", "NISTAML.024", "NISTAML.013"


def _dirty(act: Callable[[PoisonContext], PoisonedSpecimens], nist: str) -> PoisonEntry:
    """Return a poison that needs wrong labels, and no gradient."""
    return PoisonEntry(Poison(act, keeps_labels=False), Knowledge.GREY, _ATLAS, nist, rounds=0)


def _clean(act: Callable[[PoisonContext], PoisonedSpecimens], nist: str, rounds: int = 1) -> PoisonEntry:
    """Return a poison that needs the encoder's gradients, and keeps labels."""
    return PoisonEntry(Poison(act, keeps_labels=True), Knowledge.WHITE, _ATLAS, nist, rounds)


POISONS: Mapping[str, PoisonEntry] = {
    "label-flip": _dirty(dirty_label.flip_labels, _FLIPPED),
    "stamp": _dirty(dirty_label.stamp, _BACKDOOR),
    "copied-target": _dirty(dirty_label.copy_target, _TARGETED),
    "clean-label": _clean(crafted.clean_label, _CLEAN),
    "bullseye": _clean(crafted.bullseye, _TARGETED),
    "sleeper-agent": _clean(crafted.sleeper_agent, _CLEAN, rounds=crafted.SLEEPER_ROUNDS),
    "art-feature-collision": _clean(art.feature_collision, _TARGETED),
    "art-gradient-matching": _clean(art.gradient_matching, _TARGETED),
    "art-hidden-trigger": _clean(art.hidden_trigger, _CLEAN),
    "art-support-vectors": _clean(art.support_vectors, _TARGETED),
}
