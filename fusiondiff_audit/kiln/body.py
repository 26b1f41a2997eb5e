"""The composition of a fired body, in lengths that do not depend on the microscope.

All lengths are micrometres, all shares are of the area of a section, all greys are backscatter yields from 0 (a hole)
to 1 (the heaviest phase). One `Body` is one specimen; its fields of view differ in their random numbers alone.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Grains:
    """The matrix: grains of one phase, and the glass between them."""

    size: float = 4.0  # mean diameter
    spread: float = 0.35  # standard deviation of the logarithm of diameters
    elongation: float = 1.0  # long over short axis
    direction: float = 0.0  # of the long axis, radians
    grey: float = 0.62
    channelling: float = 0.05  # variation of grey by crystal orientation
    glass: float = 0.08  # width of the film at boundaries
    glass_grey: float = 0.5


@dataclass(frozen=True, slots=True)
class Pores:
    """Pores: their share, size, shape and place."""

    share: float = 0.05
    size: float = 2.0  # median diameter
    spread: float = 0.5
    roundness: float = 0.9  # short over long axis
    roughness: float = 0.15  # of the outline
    alignment: float = 0.0  # 0: any direction, 1: all along `direction`
    direction: float = 0.0
    clustering: float = 0.0  # 0: independent, 1: most beside others, so that they join
    siting: float = 0.5  # 0: inside grains, 1: on their boundaries


@dataclass(frozen=True, slots=True)
class Inclusions:
    """Second phases: relics of quartz with rims, needles of mullite, laths of feldspar."""

    quartz: float = 0.0  # share
    quartz_size: float = 12.0
    quartz_grey: float = 0.45
    rim: float = 0.5  # width of the dissolved or cracked rim
    mullite: float = 0.0  # needles per 100 square micrometres
    mullite_length: float = 4.0
    mullite_grey: float = 0.7
    nesting: float = 0.0  # 0: needles lie anywhere, 1: in nests, each with its own direction
    feldspar: float = 0.0  # laths per 100 square micrometres
    feldspar_length: float = 8.0
    feldspar_grey: float = 0.55


@dataclass(frozen=True, slots=True)
class Cracks:
    """Cracks: their mean number in a field of view, their width, and whether they cross grains."""

    number: float = 0.0
    width: float = 0.25
    through: float = 0.0  # share of cracks that cross grains; the others follow boundaries


@dataclass(frozen=True, slots=True)
class Layer:
    """A glaze, or a layer of a coating, and its lower side."""

    thickness: float
    grey: float = 0.75
    cloudiness: float = 0.012
    pores: Pores = field(default_factory=lambda: Pores(0.02, 6.0, roundness=1.0, roughness=0.0))
    roughness: float = 1.0  # of the lower side
    reaction: float = 1.0  # width of the mixed zone at the lower side
    lamellae: float = 0.0  # strength of the splat boundaries of a sprayed layer
    gaps: float = 0.0  # vertical cracks in a field of view, on average


@dataclass(frozen=True, slots=True)
class Body:
    """One specimen; layers from the top."""

    grains: Grains = Grains()
    pores: Pores = Pores()
    inclusions: Inclusions = Inclusions()
    cracks: Cracks = Cracks()
    layers: tuple[Layer, ...] = ()
