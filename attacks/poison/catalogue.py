"""Every poison by its name, with what an attacker must know and how the taxonomies call it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from attacks.outcome import Knowledge
from attacks.poison import crafted, plain
from attacks.poison.scene import Dose, Poison, Scene


@dataclass(frozen=True, slots=True)
class Entry:
    """A poison, and where it stands in MITRE ATLAS and NIST AI 100-2."""

    poison: Poison
    knowledge: Knowledge
    atlas: str
    nist: str


_DATA = "AML.T0020"


def _entry(act: Callable[[Scene], Dose], knowledge: Knowledge, nist: str, *, keeps_labels: bool = True) -> Entry:
    return Entry(Poison(act, keeps_labels), knowledge, _DATA, nist)


POISONS: Mapping[str, Entry] = {
    "label-flip": _entry(plain.flip_labels, Knowledge.GREY, "NISTAML.013", keeps_labels=False),
    "stamp": _entry(plain.stamp, Knowledge.GREY, "NISTAML.023", keeps_labels=False),
    "copied-target": _entry(plain.copy_target, Knowledge.GREY, "NISTAML.024", keeps_labels=False),
    "clean-label": _entry(crafted.clean_label, Knowledge.WHITE, "NISTAML.021"),
    "feature-collision": _entry(crafted.feature_collision, Knowledge.WHITE, "NISTAML.024"),
    "bullseye": _entry(crafted.bullseye, Knowledge.WHITE, "NISTAML.024"),
    "gradient-matching": _entry(crafted.gradient_matching, Knowledge.WHITE, "NISTAML.024"),
    "hidden-trigger": _entry(crafted.hidden_trigger, Knowledge.WHITE, "NISTAML.021"),
    "sleeper-agent": _entry(crafted.sleeper_agent, Knowledge.WHITE, "NISTAML.021"),
}
