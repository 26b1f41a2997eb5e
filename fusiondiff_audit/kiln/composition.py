"""The composition of a specimen as numbers that an image can show: lengths in pixels, shares, and presence of phases.

They are regression targets for an encoder. The sizes of an absent phase are NaN, and no loss is taken on them. Absolute
greys are left out, since a session at the microscope sets them.
"""

from math import log, nan, sqrt

from fusiondiff_audit.kiln.body import Body, Grains, Inclusions, Pores

_LEAST = 1e-6  # the least value whose logarithm is taken
_ROUND = 0.9  # subtracted from the elongation of grains, which is hardly ever less


def composition(body: Body, pixel_size: float) -> dict[str, float]:
    """Return the composition of a body, imaged at `pixel_size` micrometres a pixel."""
    return {
        **_grains(body.grains, pixel_size),
        **_pores(body.pores, pixel_size),
        **_inclusions(body.inclusions, pixel_size),
        "cracks": _log(body.cracks.number),
        "cracks through grains": body.cracks.through,
        "one layer": float(len(body.layers) == 1),
        "two layers": float(len(body.layers) == 2),
    }


def _grains(grains: Grains, pixel: float) -> dict[str, float]:
    return {
        "grain": _log(grains.size / pixel),
        "grain spread": grains.spread,
        "grain elongation": _log(grains.elongation - _ROUND),
        "channelling": _log(grains.channelling),
        "glass": _log(grains.glass / pixel),
        "glass against grains": grains.glass_grey - grains.grey,
    }


def _pores(pores: Pores, pixel: float) -> dict[str, float]:
    return {
        "porosity": _log(pores.share),
        "pore": _log(pores.size / pixel),
        "pore spread": sqrt(pores.spread),
        "pore roundness": pores.roundness,
        "pore roughness": _log(pores.roughness),
        "pore alignment": pores.alignment,
        "pore clustering": pores.clustering,
        "pores on boundaries": pores.siting,
    }


def _inclusions(inclusions: Inclusions, pixel: float) -> dict[str, float]:
    quartz, mullite, feldspar = inclusions.quartz > 0, inclusions.mullite > 0, inclusions.feldspar > 0
    area = pixel**2
    return {
        "quartz": float(quartz),
        "quartz share": _log(inclusions.quartz) if quartz else nan,
        "quartz size": _log(inclusions.quartz_size / pixel) if quartz else nan,
        "quartz rim": _log(inclusions.rim / pixel) if quartz else nan,
        "mullite": float(mullite),
        "needles": _log(inclusions.mullite * area) if mullite else nan,
        "needle length": _log(inclusions.mullite_length / pixel) if mullite else nan,
        "needles in nests": inclusions.nesting if mullite else nan,
        "feldspar": float(feldspar),
        "laths": _log(inclusions.feldspar * area) if feldspar else nan,
        "lath length": _log(inclusions.feldspar_length / pixel) if feldspar else nan,
    }


def _log(value: float) -> float:
    return log(max(value, _LEAST))
