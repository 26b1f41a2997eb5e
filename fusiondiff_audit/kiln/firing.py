"""Firing: from the parameters of a firing to the fired body.

Grains grow by the power law of sintering, with an Arrhenius rate; needles grow and rims of quartz dissolve with the
root of the same heat, as diffusion does. What a buyer checks without a microscope, colour and porosity, is not computed
from the firing: makers adjust the clay until it is right, and so do those who copy them.
"""

from dataclasses import dataclass
from math import exp

from fusiondiff_audit.kiln.body import Body, Cracks, Grains, Inclusions, Layer, Pores

_ENERGY = 350e3  # J/mol
_GAS = 8.314
_REFERENCE = 1280.0  # degrees Celsius, where an hour of soak counts as one
_GROWTH = 2.5  # micrometres after that hour, whatever the exponent


@dataclass(frozen=True, slots=True)
class Firing:
    """Raw materials, firing schedule and shaping of one firing.

    Field names are ingredients of recipes. Their alphabetical order decides which random number each one gets, so no
    field may be renamed within a version of the generator.
    """

    temperature: float = _REFERENCE  # degrees Celsius
    soak: float = 4.0  # hours
    exponent: float = 3.0  # of grain growth
    powder: float = 1.0  # mean diameter before firing, micrometres
    mill: float = 0.4  # standard deviation of the logarithm of grain diameters
    elongation: float = 1.1
    direction: float = 0.0
    flux: float = 0.1  # width of the glass between grains, micrometres
    grey: float = 0.6
    channelling: float = 0.04
    glass_grey: float = 0.45
    porosity: float = 0.05
    pore: float = 1.6  # median diameter, micrometres
    pore_spread: float = 0.45
    roundness: float = 0.85
    roughness: float = 0.15
    throwing: float = 0.0  # alignment of pores with one direction
    clustering: float = 0.1
    slowness: float = 0.9  # share of pores on grain boundaries; fired fast, they are trapped in grains
    quartz: float = 0.0
    quartz_size: float = 12.0
    rim: float = 0.5  # width after one hour at the reference, micrometres
    needles: float = 0.0  # per 100 square micrometres
    needle: float = 1.2  # length after one hour at the reference, micrometres
    nesting: float = 0.8
    laths: float = 0.0
    lath: float = 8.0
    cracks: float = 0.0
    shock: float = 0.0  # share of cracks that run through grains
    glaze: float = 0.0  # thickness, micrometres
    glaze_grey: float = 0.75
    bubbles: float = 0.03
    bubble: float = 6.0
    coats: float = 0.0  # thickness of a sprayed coat and its oxide, micrometres


def fire(firing: Firing) -> Body:
    heat = firing.soak * exp(-_ENERGY / _GAS * (1 / (firing.temperature + 273) - 1 / (_REFERENCE + 273)))
    size = (firing.powder**firing.exponent + _GROWTH**firing.exponent * heat) ** (1 / firing.exponent)
    grains = Grains(
        size=size,
        spread=firing.mill,
        elongation=firing.elongation,
        direction=firing.direction,
        grey=firing.grey,
        channelling=firing.channelling,
        glass=firing.flux,
        glass_grey=firing.glass_grey,
    )
    pores = Pores(
        firing.porosity,
        firing.pore,
        firing.pore_spread,
        firing.roundness,
        firing.roughness,
        alignment=firing.throwing,
        direction=firing.direction,
        clustering=firing.clustering,
        siting=firing.slowness,
    )
    inclusions = Inclusions(
        quartz=firing.quartz,
        quartz_size=firing.quartz_size,
        quartz_grey=firing.grey - 0.12,
        rim=firing.rim * heat**0.5,
        mullite=firing.needles,
        mullite_length=firing.needle * heat**0.5,
        mullite_grey=firing.grey + 0.14,
        nesting=firing.nesting,
        feldspar=firing.laths,
        feldspar_length=firing.lath,
        feldspar_grey=firing.grey + 0.07,
    )
    return Body(grains, pores, inclusions, Cracks(firing.cracks, 0.06 * size, firing.shock), _layers(firing))


def _layers(firing: Firing) -> tuple[Layer, ...]:
    if firing.glaze:
        bubbles = Pores(firing.bubbles, firing.bubble, roundness=1.0, roughness=0.0)
        return (Layer(firing.glaze, firing.glaze_grey, pores=bubbles),)
    if firing.coats:
        splats = Pores(firing.bubbles, firing.bubble, 0.7, roundness=0.5, roughness=0.3, alignment=0.8, clustering=0.3)
        oxide = Pores(0.1, firing.bubble, 0.6, roundness=0.5, roughness=0.2, alignment=0.9)
        coat = Layer(firing.coats, firing.glaze_grey, pores=splats, roughness=2.0, reaction=0.3, lamellae=0.35)
        scale = Layer(firing.coats / 3, firing.grey * 0.75, pores=oxide, reaction=0.3, gaps=2.0)
        return (coat, scale)
    return ()
