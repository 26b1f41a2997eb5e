"""Kilns, and the workshops that copy them.

A recipe gives the distribution of each ingredient over specimens; a workshop copies a kiln's recipe and misses some of
the ingredients. Those that agree, and those that scatter widely, are as much part of the task as those that differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from fusiondiff_audit.kiln.firing import Firing

# By ingredient: centre and standard deviation, of the logarithm unless listed in _PLAIN or _AT_MOST_ONE.
FiringRecipe = Mapping[str, tuple[float, float]]
_PLAIN = {"direction", "temperature"}  # normal, not log-normal
_AT_MOST_ONE = {"slowness", "roundness", "nesting", "throwing", "clustering", "shock"}
_LOG_NORMAL_REACH = 2.5  # spreads from the centre of a log-normal ingredient
_NORMAL_REACH = 4.0  # spreads within which a normal one lies, but for one draw in 16,000


class Difficulty(Enum):
    """How far a workshop's recipe is from the kiln's, as a share of the full difference."""

    EASY = 1.0
    MEDIUM = 0.75
    HARD = 0.4


@dataclass(frozen=True, slots=True)
class Kiln:
    """A kiln's ware, recipe and copyists."""

    name: str
    ware: str
    pixel: float  # micrometres, in micrographs of its ware
    recipe: FiringRecipe
    workshops: Mapping[str, FiringRecipe]

    def draw_firing(self, rng: np.random.Generator, workshop: str | None, difficulty: Difficulty) -> Firing:
        """Draw the parameters of one firing by the kiln itself, or by a workshop."""
        recipe = self.recipe if workshop is None else self.workshop_recipe(workshop, difficulty)
        noise = rng.standard_normal(len(recipe))
        drawn = zip(sorted(recipe), noise.tolist(), strict=True)
        return Firing(**{name: _ingredient(name, *recipe[name], z) for name, z in drawn})

    def workshop_recipe(self, workshop: str, difficulty: Difficulty) -> FiringRecipe:
        """Return a workshop's recipe, as far from the kiln's as the difficulty says."""
        missed = self.workshops[workshop]
        share = difficulty.value

        def between(name: str) -> tuple[float, float]:
            middle, spread = self.recipe[name]
            if name not in missed:
                return middle, spread
            far, far_spread = missed[name]
            if name in _PLAIN or name in _AT_MOST_ONE:
                return middle + share * (far - middle), spread + share * (far_spread - spread)
            return middle ** (1 - share) * far**share, spread + share * (far_spread - spread)

        return {name: between(name) for name in self.recipe}


def _ingredient(name: str, middle: float, spread: float, z: float) -> float:
    if name in _PLAIN:
        return middle + spread * z
    if name in _AT_MOST_ONE:
        return float(np.clip(middle + spread * z, 0.02, 1.0))
    return float(middle * np.exp(spread * np.clip(z, -_LOG_NORMAL_REACH, _LOG_NORMAL_REACH)))


def ingredient_range(name: str, middle: float, spread: float) -> tuple[float, float]:
    """Return the least and the greatest value that is drawn of an ingredient.

    A share is clipped to its ends when it is drawn, so its centre alone has to be within them.
    """
    if name in _AT_MOST_ONE:
        return middle, middle
    reach = _NORMAL_REACH if name in _PLAIN else _LOG_NORMAL_REACH
    return _ingredient(name, middle, spread, -reach), _ingredient(name, middle, spread, reach)


def deviation_of(name: str, missed: tuple[float, float], own: tuple[float, float]) -> tuple[float, float]:
    """Return a distribution's shift from a kiln's own, in the own spreads, and its spread over the own."""
    (far, far_spread), (middle, spread) = missed, own
    plain = name in _PLAIN or name in _AT_MOST_ONE
    return (far - middle if plain else float(np.log(far / middle))) / spread, far_spread / spread


_ANY_DIRECTION = 3.0  # radians: a standard deviation that makes a direction arbitrary
_COMMON: FiringRecipe = {
    "temperature": (1280.0, 8.0),
    "soak": (4.0, 0.15),
    "exponent": (3.0, 0.02),
    "powder": (1.0, 0.1),
    "mill": (0.42, 0.06),
    "elongation": (1.12, 0.03),
    "direction": (0.0, _ANY_DIRECTION),
    "flux": (0.2, 0.25),
    "grey": (0.58, 0.05),
    "channelling": (0.04, 0.25),
    "glass_grey": (0.38, 0.08),
    "porosity": (0.055, 0.35),
    "pore": (1.3, 0.15),
    "pore_spread": (0.45, 0.1),
    "roundness": (0.85, 0.03),
    "roughness": (0.12, 0.2),
    "throwing": (0.05, 0.03),
    "clustering": (0.1, 0.05),
    "slowness": (0.95, 0.03),
    "cracks": (0.8, 0.1),
    "shock": (0.05, 0.03),
}
_MISSES: Mapping[str, FiringRecipe] = {
    # fired fast: pores are trapped in the grains, before rims and needles had time
    "hurried": {
        "slowness": (-0.25, 0.03),
        "soak": (2.2, 0.15),
        "temperature": (1300.0, 8.0),
        "roundness": (1.0, 0.03),
        "pore_spread": (0.85, 0.1),
    },
    # another clay: other relics, needles outside nests, pores aligned by the press
    "strange-clay": {
        "nesting": (-0.3, 0.03),
        "throwing": (1.2, 0.05),
        "quartz_size": (4.5, 0.15),
        "roundness": (0.5, 0.03),
    },
    # another flux: long grains in one direction
    "strange-flux": {"elongation": (3.2, 0.05), "exponent": (2.7, 0.02), "flux": (0.22, 0.25)},
    # a modern mill: narrow distributions of grain and pore sizes
    "modern-mill": {"mill": (0.04, 0.06), "pore_spread": (0.06, 0.1), "powder": (0.7, 0.1)},
    # aged by shock: cracks run through the grains, pores open into each other
    "aged": {"shock": (1.0, 0.03), "clustering": (0.9, 0.05), "roughness": (0.35, 0.2), "cracks": (2.0, 0.1)},
}
HELD_OUT_WORKSHOP = "aged"  # a benchmark never trains on this workshop


def _kiln(name: str, ware: str, pixel: float, **own: tuple[float, float]) -> Kiln:
    recipe = {**_COMMON, **own}
    misses = {
        workshop: {ingredient: distribution for ingredient, distribution in missed.items() if ingredient in recipe}
        for workshop, missed in _MISSES.items()
    }
    return Kiln(name, ware, pixel, recipe, misses)


KILNS: Mapping[str, Kiln] = {
    kiln.name: kiln
    for kiln in (
        _kiln("alder", "dense white ware, cracks along the grains", 0.2),
        _kiln(
            "birch",
            "stoneware with relics of quartz",
            0.21,
            quartz=(0.1, 0.2),
            quartz_size=(9.0, 0.12),
            rim=(0.35, 0.1),
            grey=(0.5, 0.05),
        ),
        _kiln(
            "cedar",
            "porcelain with nests of mullite needles",
            0.2,
            needles=(1.6, 0.2),
            needle=(1.6, 0.08),
            nesting=(0.95, 0.03),
            quartz=(0.04, 0.2),
            quartz_size=(8.0, 0.12),
            rim=(0.3, 0.1),
        ),
        _kiln(
            "hazel",
            "glazed ware",
            0.21,
            glaze=(22.0, 0.2),
            glaze_grey=(0.72, 0.05),
            bubbles=(0.04, 0.25),
            bubble=(4.5, 0.12),
            quartz=(0.06, 0.2),
            quartz_size=(7.0, 0.12),
            rim=(0.3, 0.1),
        ),
        _kiln("maple", "feldspar ware", 0.21, laths=(0.35, 0.2), lath=(7.0, 0.1), grey=(0.52, 0.05)),
        _kiln(
            "rowan",
            "a sprayed coating on a dense body",
            0.24,
            coats=(30.0, 0.15),
            glaze_grey=(0.86, 0.03),
            bubbles=(0.06, 0.2),
            bubble=(1.8, 0.15),
            grey=(0.42, 0.05),
        ),
    )
}
