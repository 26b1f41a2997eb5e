"""From what goes into a kiln to what comes out.

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
    """What goes in, and how it is fired."""

    temperature: float = _REFERENCE  # degrees Celsius
    soak: float = 4.0  # hours
    exponent: float = 3.0  # of grain growth
    powder: float = 1.0  # mean diameter before firing, micrometres
    mill: float = 0.4  # spread of the logarithm of grain diameters
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
    throwing: float = 0.0  # how far pores follow one direction
    clustering: float = 0.1
    slowness: float = 0.9  # share of pores that reached a grain boundary before it was too late
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


def fire(charge: Firing) -> Body:
    """Return the body that comes out."""
    heat = charge.soak * exp(-_ENERGY / _GAS * (1 / (charge.temperature + 273) - 1 / (_REFERENCE + 273)))
    size = (charge.powder**charge.exponent + _GROWTH**charge.exponent * heat) ** (1 / charge.exponent)
    grains = Grains(
        size=size,
        spread=charge.mill,
        elongation=charge.elongation,
        direction=charge.direction,
        grey=charge.grey,
        channelling=charge.channelling,
        glass=charge.flux,
        glass_grey=charge.glass_grey,
    )
    pores = Pores(
        charge.porosity,
        charge.pore,
        charge.pore_spread,
        charge.roundness,
        charge.roughness,
        alignment=charge.throwing,
        direction=charge.direction,
        clustering=charge.clustering,
        siting=charge.slowness,
    )
    inclusions = Inclusions(
        quartz=charge.quartz,
        quartz_size=charge.quartz_size,
        quartz_grey=charge.grey - 0.12,
        rim=charge.rim * heat**0.5,
        mullite=charge.needles,
        mullite_length=charge.needle * heat**0.5,
        mullite_grey=charge.grey + 0.14,
        nesting=charge.nesting,
        feldspar=charge.laths,
        feldspar_length=charge.lath,
        feldspar_grey=charge.grey + 0.07,
    )
    return Body(grains, pores, inclusions, Cracks(charge.cracks, 0.06 * size, charge.shock), _layers(charge))


def _layers(charge: Firing) -> tuple[Layer, ...]:
    if charge.glaze:
        bubbles = Pores(charge.bubbles, charge.bubble, roundness=1.0, roughness=0.0)
        return (Layer(charge.glaze, charge.glaze_grey, pores=bubbles),)
    if charge.coats:
        splats = Pores(charge.bubbles, charge.bubble, 0.7, roundness=0.5, roughness=0.3, alignment=0.8, clustering=0.3)
        oxide = Pores(0.1, charge.bubble, 0.6, roundness=0.5, roughness=0.2, alignment=0.9)
        coat = Layer(charge.coats, charge.glaze_grey, pores=splats, roughness=2.0, reaction=0.3, lamellae=0.35)
        scale = Layer(charge.coats / 3, charge.grey * 0.75, pores=oxide, reaction=0.3, gaps=2.0)
        return (coat, scale)
    return ()
