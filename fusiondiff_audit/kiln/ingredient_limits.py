"""What the generator can draw of each ingredient and of a body, and which ingredients belong together.

Every body has grains, pores and cracks, so every recipe states their ingredients. The other parts of a body are absent
unless a recipe has all of their ingredients.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from fusiondiff_audit.kiln.firing import Firing, fire
from fusiondiff_audit.kiln.grain_seeds import LEAST_GRAIN
from fusiondiff_audit.kiln.layout import MOST_RODS, expected_rods
from fusiondiff_audit.kiln.pores import MOST_PORES, expected_pores
from fusiondiff_audit.kiln.recipes import FiringRecipe, ingredient_range

_Range = tuple[float, float]
_SIDE = 512  # pixels of the field of view whose contents are counted
_SHARE: _Range = (0.0, 1.0)
PIXEL_SIZES: _Range = (0.05, 1.0)  # micrometres

_EVERY_BODY: Mapping[str, _Range] = {
    "temperature": (1000.0, 1450.0),
    "soak": (0.2, 100.0),
    "exponent": (1.5, 5.0),
    "powder": (0.1, 10.0),
    "mill": (0.02, 0.9),
    "elongation": (0.9, 5.0),
    "direction": (-20.0, 20.0),
    "flux": (0.02, 1.0),
    "grey": (0.2, 0.8),  # quartz is darker than the matrix, needles are brighter
    "channelling": (0.005, 0.2),
    "glass_grey": (0.1, 0.9),
    "porosity": (0.002, 0.4),
    "pore": (0.3, 12.0),
    "pore_spread": (0.02, 1.2),
    "roundness": _SHARE,
    "roughness": (0.01, 0.8),
    "throwing": _SHARE,
    "clustering": _SHARE,
    "slowness": _SHARE,
    "cracks": (0.01, 12.0),
    "shock": _SHARE,
}
_POROUS_LAYER: Mapping[str, _Range] = {"glaze_grey": (0.2, 0.98), "bubbles": (0.002, 0.3), "bubble": (0.3, 20.0)}
_PARTS: Mapping[str, Mapping[str, _Range]] = {  # by the ingredient that says how much of the part there is
    "quartz": {"quartz": (0.003, 0.4), "quartz_size": (1.0, 40.0), "rim": (0.03, 2.0)},
    "needles": {"needles": (0.05, 8.0), "needle": (0.2, 8.0), "nesting": _SHARE},
    "laths": {"laths": (0.02, 4.0), "lath": (1.0, 40.0)},
    "glaze": {"glaze": (2.0, 80.0), **_POROUS_LAYER},
    "coats": {"coats": (2.0, 80.0), **_POROUS_LAYER},
}
_LIMITS: Mapping[str, _Range] = {
    **_EVERY_BODY,
    **{name: ends for part in _PARTS.values() for name, ends in part.items()},
}


def distribution_fault(name: str, middle: float, spread: float) -> str | None:
    """Return why an ingredient cannot be drawn from this distribution, or None."""
    if name not in _LIMITS:
        return f"unknown ingredient, none of {', '.join(sorted(_LIMITS))}"
    if not spread >= 0:
        return f"a spread of {spread:g} is less than 0"
    low, high = _LIMITS[name]
    with np.errstate(all="ignore"):  # a value that is infinite, or not a number, is refused below
        least, most = ingredient_range(name, middle, spread)
    if not (low <= least and most <= high):
        return f"draws {least:.4g} to {most:.4g}, the generator {low:g} to {high:g}"
    return None


def incomplete_parts(recipe: FiringRecipe) -> Iterator[tuple[str, str]]:
    """Yield each ingredient that a recipe lacks, or has for nothing, and why."""
    for name in _EVERY_BODY:
        if name not in recipe:
            yield name, "missing, and every body has it"
    present = [part for part in _PARTS if part in recipe]
    needed = {name: part for part in present for name in _PARTS[part]}
    for name, part in needed.items():
        if name not in recipe:
            yield name, f"missing, and {part} needs it"
    for name in recipe:
        if name not in _EVERY_BODY and name not in needed:
            parts = " or ".join(part for part, ingredients in _PARTS.items() if name in ingredients)
            yield name, f"without {parts} it does nothing"
    if "glaze" in present and "coats" in present:
        yield "coats", "a body has a glaze or coats, not both"


def body_fault(recipe: FiringRecipe, pixel_size: float) -> str | None:
    """Return why the body at the centre of a recipe cannot be drawn as it is, or None."""
    body = fire(Firing(**{name: middle for name, (middle, _) in recipe.items()}))
    inclusions, scale = body.inclusions, 1 / pixel_size
    if body.grains.size * scale < LEAST_GRAIN:
        return f"grains of {body.grains.size:.3g} micrometres are smaller than {LEAST_GRAIN:g} pixels"
    needles = expected_rods(inclusions.mullite, inclusions.mullite_length, _SIDE, scale)
    laths = expected_rods(inclusions.feldspar, inclusions.feldspar_length, _SIDE, scale)
    counts = (
        ("pores", expected_pores(body.pores, _SIDE, scale), MOST_PORES),
        ("needles", needles, MOST_RODS),
        ("laths", laths, MOST_RODS),
    )
    for things, count, most in counts:
        if count > most:
            return f"{count:,.0f} {things} in a field of view of {_SIDE} pixels, the generator draws at most {most:,}"
    return None
