"""What a specimen is made of, as numbers that a picture of it can show: lengths in pixels, shares, and what is there.

A network that is to see structure is asked for these. What is not there has no size: its numbers are NaN, and nobody is
asked for them. Absolute greys are left out, since a session at the microscope sets them.
"""

from math import log, nan, sqrt

from fusiondiff_audit.kiln.body import Body, Grains, Inclusions, Pores

_LEAST = 1e-6  # of what a logarithm is taken
_ROUND = 0.9  # grains are hardly ever rounder, so their elongation is measured from here


def composition(body: Body, micrometres: float) -> dict[str, float]:
    """Return what a body is made of, as it is seen at so many micrometres a pixel."""
    return {
        **_grains(body.grains, micrometres),
        **_pores(body.pores, micrometres),
        **_inclusions(body.inclusions, micrometres),
        "cracks": _ratio(body.cracks.number),
        "cracks through grains": body.cracks.through,
        "one layer": float(len(body.layers) == 1),
        "two layers": float(len(body.layers) == 2),
    }


def _grains(grains: Grains, pixel: float) -> dict[str, float]:
    return {
        "grain": _ratio(grains.size / pixel),
        "grain spread": grains.spread,
        "grain elongation": _ratio(grains.elongation - _ROUND),
        "channelling": _ratio(grains.channelling),
        "glass": _ratio(grains.glass / pixel),
        "glass against grains": grains.glass_grey - grains.grey,
    }


def _pores(pores: Pores, pixel: float) -> dict[str, float]:
    return {
        "porosity": _ratio(pores.share),
        "pore": _ratio(pores.size / pixel),
        "pore spread": sqrt(pores.spread),
        "pore roundness": pores.roundness,
        "pore roughness": _ratio(pores.roughness),
        "pore alignment": pores.alignment,
        "pore clustering": pores.clustering,
        "pores on boundaries": pores.siting,
    }


def _inclusions(found: Inclusions, pixel: float) -> dict[str, float]:
    quartz, mullite, feldspar = found.quartz > 0, found.mullite > 0, found.feldspar > 0
    area = pixel**2
    return {
        "quartz": float(quartz),
        "quartz share": _ratio(found.quartz) if quartz else nan,
        "quartz size": _ratio(found.quartz_size / pixel) if quartz else nan,
        "quartz rim": _ratio(found.rim / pixel) if quartz else nan,
        "mullite": float(mullite),
        "needles": _ratio(found.mullite * area) if mullite else nan,
        "needle length": _ratio(found.mullite_length / pixel) if mullite else nan,
        "needles in nests": found.nesting if mullite else nan,
        "feldspar": float(feldspar),
        "laths": _ratio(found.feldspar * area) if feldspar else nan,
        "lath length": _ratio(found.feldspar_length / pixel) if feldspar else nan,
    }


def _ratio(value: float) -> float:
    return log(max(value, _LEAST))
