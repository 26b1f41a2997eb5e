"""Randomised specimens, of no maker: every ingredient is drawn from its whole range, independently of all others.

In a maker's ware, ingredients are correlated and stay close to the recipe, so an encoder trained on makers alone learns
to tell makers. Domain randomisation makes it tell ingredients. Training recipes call these specimens `randomised`.
"""

import math
from collections.abc import Mapping

import numpy as np

from fusiondiff_audit.kiln.firing import Firing, fire
from fusiondiff_audit.kiln.instruments import INSTRUMENTS
from fusiondiff_audit.kiln.specimens import Specimen, log_uniform, random_stream

RANDOMISED_NAME = "stranger"
_PRESENT = 0.25  # probability of each further part of a body
_PIXELS = (0.15, 0.3)  # micrometres
_LEVEL: Mapping[str, tuple[float, float]] = {  # drawn uniformly
    "temperature": (1240.0, 1330.0),
    "exponent": (2.5, 3.3),
    "mill": (0.03, 0.6),
    "direction": (-math.pi, math.pi),
    "grey": (0.35, 0.75),
    "glass_grey": (0.25, 0.6),
    "pore_spread": (0.04, 1.0),
    "roundness": (0.3, 1.0),
    "throwing": (0.02, 1.0),
    "clustering": (0.02, 1.0),
    "slowness": (0.02, 1.0),
    "shock": (0.02, 1.0),
}
_RATIO: Mapping[str, tuple[float, float]] = {  # drawn log-uniformly
    "soak": (1.5, 9.0),
    "powder": (0.5, 1.6),
    "elongation": (1.02, 4.0),
    "flux": (0.08, 0.45),
    "channelling": (0.015, 0.1),
    "porosity": (0.012, 0.18),
    "pore": (0.6, 3.0),
    "roughness": (0.04, 0.5),
    "cracks": (0.3, 3.0),
}
_PARTS: tuple[Mapping[str, tuple[float, float]], ...] = (  # each present or absent, then drawn log-uniformly
    {"quartz": (0.02, 0.18), "quartz_size": (3.0, 14.0), "rim": (0.15, 0.8)},
    {"needles": (0.4, 3.0), "needle": (0.8, 3.0), "nesting": (0.05, 1.0)},
    {"laths": (0.1, 0.8), "lath": (4.0, 12.0)},
    {"glaze": (6.0, 30.0), "glaze_grey": (0.5, 0.9), "bubbles": (0.01, 0.08), "bubble": (1.0, 8.0)},
    {"coats": (8.0, 40.0)},
)


def randomised_specimen(*key: str) -> Specimen:
    """Draw a specimen of no maker from the random stream of this key."""
    full_key = (*key, RANDOMISED_NAME)
    rng = random_stream(*full_key, "charge")
    microscope = INSTRUMENTS["everyday"](random_stream(*full_key, "session"))
    pixel = log_uniform(rng, *_PIXELS) * microscope.zoom
    return Specimen(RANDOMISED_NAME, None, full_key, fire(_draw_firing(rng)), microscope, pixel)


def _draw_firing(rng: np.random.Generator) -> Firing:
    drawn = {name: float(rng.uniform(*ends)) for name, ends in _LEVEL.items()}
    drawn |= {name: log_uniform(rng, *ends) for name, ends in _RATIO.items()}
    for part in _PARTS:
        if rng.random() < _PRESENT:
            drawn |= {name: log_uniform(rng, *ends) for name, ends in part.items()}
    return Firing(**drawn)
