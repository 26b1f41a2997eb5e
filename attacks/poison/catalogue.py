"""Every poison by its name, with what an attacker must know and how the taxonomies call it."""

from collections.abc import Mapping
from dataclasses import dataclass

from attacks.outcome import Knowledge
from attacks.poison import crafted, plain
from attacks.poison.scene import ByHand, Poison


@dataclass(frozen=True, slots=True)
class Brew:
    """A poison, and where it stands in MITRE ATLAS and NIST AI 100-2."""

    poison: Poison
    knowledge: Knowledge
    atlas: str
    nist: str


_DATA = "AML.T0020"


def _brew(act: object, knowledge: Knowledge, nist: str, *, keeps_labels: bool = True) -> Brew:
    return Brew(ByHand(act, keeps_labels), knowledge, _DATA, nist)  # type: ignore[arg-type]


POISONS: Mapping[str, Brew] = {
    "label-flip": _brew(plain.flip_labels, Knowledge.GREY, "NISTAML.013", keeps_labels=False),
    "stamp": _brew(plain.stamp, Knowledge.GREY, "NISTAML.023", keeps_labels=False),
    "copied-target": _brew(plain.copy_target, Knowledge.GREY, "NISTAML.024", keeps_labels=False),
    "clean-label": _brew(crafted.clean_label, Knowledge.WHITE, "NISTAML.021"),
    "feature-collision": _brew(crafted.feature_collision, Knowledge.WHITE, "NISTAML.024"),
    "bullseye": _brew(crafted.bullseye, Knowledge.WHITE, "NISTAML.024"),
    "gradient-matching": _brew(crafted.gradient_matching, Knowledge.WHITE, "NISTAML.024"),
    "hidden-trigger": _brew(crafted.hidden_trigger, Knowledge.WHITE, "NISTAML.021"),
    "sleeper-agent": _brew(crafted.sleeper_agent, Knowledge.WHITE, "NISTAML.021"),
}
