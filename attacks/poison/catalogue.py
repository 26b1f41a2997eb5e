"""Every poison by its name, with what an attacker must know and how the taxonomies call it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from attacks.art import poison as art
from attacks.outcome import Knowledge
from attacks.poison import crafted, dirty_label
from attacks.poison.threat import Poison, PoisonContext, PoisonedSpecimens


@dataclass(frozen=True, slots=True)
class PoisonEntry:
    """A poison, and where it stands in MITRE ATLAS and NIST AI 100-2."""

    poison: Poison
    knowledge: Knowledge
    atlas: str
    nist: str
    rounds: int = 1  # of steps along slopes


_DATA = "AML.T0020"
_CLEAN, _BACKDOOR, _TARGETED, _FLIPPED = "NISTAML.021", "NISTAML.023", "NISTAML.024", "NISTAML.013"


def _plain(act: Callable[[PoisonContext], PoisonedSpecimens], nist: str) -> PoisonEntry:
    """Return a poison that anybody could make who may label."""
    return PoisonEntry(Poison(act, keeps_labels=False), Knowledge.GREY, _DATA, nist, rounds=0)


def _crafted(act: Callable[[PoisonContext], PoisonedSpecimens], nist: str, rounds: int = 1) -> PoisonEntry:
    """Return a poison that takes the encoder's slopes, and keeps its labels."""
    return PoisonEntry(Poison(act, keeps_labels=True), Knowledge.WHITE, _DATA, nist, rounds)


POISONS: Mapping[str, PoisonEntry] = {
    "label-flip": _plain(dirty_label.flip_labels, _FLIPPED),
    "stamp": _plain(dirty_label.stamp, _BACKDOOR),
    "copied-target": _plain(dirty_label.copy_target, _TARGETED),
    "clean-label": _crafted(crafted.clean_label, _CLEAN),
    "feature-collision": _crafted(crafted.feature_collision, _TARGETED),
    "bullseye": _crafted(crafted.bullseye, _TARGETED),
    "gradient-matching": _crafted(crafted.gradient_matching, _TARGETED),
    "hidden-trigger": _crafted(crafted.hidden_trigger, _CLEAN),
    "sleeper-agent": _crafted(crafted.sleeper_agent, _CLEAN, rounds=crafted.LEARNT_ANEW),
    "art-backdoor": _plain(art.backdoor, _BACKDOOR),
    "art-clean-label": _crafted(art.clean_label, _CLEAN),
    "art-feature-collision": _crafted(art.feature_collision, _TARGETED),
    "art-bullseye": _crafted(art.bullseye, _TARGETED),
    "art-gradient-matching": _crafted(art.gradient_matching, _TARGETED),
    "art-hidden-trigger": _crafted(art.hidden_trigger, _CLEAN),
    "art-sleeper-agent": _crafted(art.sleeper_agent, _CLEAN),
    "art-support-vectors": _crafted(art.support_vectors, _TARGETED),
}
