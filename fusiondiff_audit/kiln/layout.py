"""The layout of a field of view: where grains, phases, pores, cracks and layers lie, before they are rasterised.

All random numbers of a section are drawn here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusiondiff_audit.kiln.body import Body, Cracks, Inclusions, Layer
from fusiondiff_audit.kiln.grain_seeds import GrainSeeds, draw_grain_seeds
from fusiondiff_audit.kiln.pores import draw_pores
from fusiondiff_audit.kiln.shapes import Ellipses, Floats, Rods, ValueNoise, draw_ellipses, draw_value_noise

MOST_RODS = 3000  # laths or needles of a field of view
_NEEDLES_PER_NEST = 14


@dataclass(frozen=True, slots=True, eq=False)
class Crack:
    """A wandering line through the image, across grains or along their boundaries."""

    middle: npt.NDArray[np.float64]
    angle: float
    half: float  # width, pixels
    wander: ValueNoise
    through: bool


@dataclass(frozen=True, slots=True, eq=False)
class Gap:
    """A crack from the top of a layer to its bottom."""

    place: float
    half: float
    path: ValueNoise


@dataclass(frozen=True, slots=True, eq=False)
class LayerLayout:
    """A glaze or coat; its lower side lies `height` pixels below the top of the image, on average."""

    layer: Layer
    height: float
    edge: tuple[ValueNoise, ValueNoise]
    clouds: ValueNoise
    lamellae: tuple[ValueNoise, ValueNoise, ValueNoise]
    gaps: tuple[Gap, ...]
    pores: Ellipses


@dataclass(frozen=True, slots=True, eq=False)
class FieldLayout:
    """One field of view."""

    body: Body
    side: int
    scale: float  # pixels per micrometre
    seeds: GrainSeeds
    tint: Floats
    laths: Rods
    needles: Rods
    relics: Ellipses
    pores: Ellipses
    cracks: tuple[Crack, ...]
    layers: tuple[LayerLayout, ...]  # the lowest first


def draw_layout(body: Body, rng: np.random.Generator, *, side: int, pixel_size: float) -> FieldLayout:
    """Draw a field of view of `side` pixels, each `pixel_size` micrometres wide."""
    scale = 1 / pixel_size
    inclusions = body.inclusions
    seeds = draw_grain_seeds(body.grains, rng, side, scale)
    return FieldLayout(
        body,
        side,
        scale,
        seeds,
        rng.standard_normal(len(seeds.centres)).astype(np.float32),
        _rods(rng, side, scale, inclusions.feldspar, inclusions.feldspar_length, aspect=4.0, nesting=0.0),
        _rods(rng, side, scale, inclusions.mullite, inclusions.mullite_length, aspect=9.0, nesting=inclusions.nesting),
        _relics(inclusions, rng, side, scale),
        draw_pores(body.pores, rng, side, scale, seeds),
        tuple(_cracks(body.cracks, rng, side, scale)),
        tuple(_layers(body.layers, rng, side, scale)),
    )


def expected_rods(number: float, micrometres: float, side: int, scale: float) -> float:
    """Return the mean number of laths or needles of a length in a field of view and its margin."""
    return number * ((side + 2 * (micrometres * scale)) / scale) ** 2 / 100


def _rods(
    rng: np.random.Generator,
    side: int,
    scale: float,
    number: float,
    micrometres: float,
    *,
    aspect: float,
    nesting: float,
) -> Rods:
    """Draw laths or needles, `number` of them in 100 square micrometres: anywhere, or in nests of one direction."""
    length = micrometres * scale
    count = rng.poisson(min(expected_rods(number, micrometres, side, scale), MOST_RODS))
    centres = rng.uniform(-length, side + length, (count, 2))
    angles = rng.uniform(0, np.pi, count)
    if nesting and count:
        nests = max(count // _NEEDLES_PER_NEST, 1)
        nest = rng.integers(0, nests, count)
        nested = rng.random(count) < nesting
        places = rng.uniform(-length, side + length, (nests, 2))[nest] + rng.normal(0, 0.7 * length, (count, 2))
        centres[nested] = places[nested]
        angles[nested] = (rng.uniform(0, np.pi, nests)[nest] + rng.normal(0, 0.12, count))[nested]
    lengths = length * np.exp(0.4 * rng.standard_normal(count))
    columns = (centres, lengths, np.maximum(lengths / aspect, 1.0), angles)
    return Rods(*(column.astype(np.float32) for column in columns))


def _relics(inclusions: Inclusions, rng: np.random.Generator, side: int, scale: float) -> Ellipses:
    radius = inclusions.quartz_size * scale / 2
    share = -np.log(1 - inclusions.quartz)
    count = rng.poisson(share * (side + 2 * radius) ** 2 / (np.pi * radius**2 * 1.3))
    return draw_ellipses(
        rng,
        rng.uniform(-radius, side + radius, (count, 2)),
        radius * np.exp(0.35 * rng.standard_normal(count)),
        rng.uniform(0.6, 1, count),
        rng.uniform(0, np.pi, count),
        rough=0.18,
    )


def _cracks(cracks: Cracks, rng: np.random.Generator, side: int, scale: float) -> Sequence[Crack]:
    return [
        Crack(
            rng.uniform(0.15, 0.85, 2) * side,
            rng.uniform(0, np.pi),
            cracks.width * rng.uniform(0.6, 1.6) * scale / 2,
            draw_value_noise(rng, side, side / 3),
            bool(rng.random() < cracks.through),
        )
        for _ in range(rng.poisson(cracks.number))
    ]


def _layers(layers: Sequence[Layer], rng: np.random.Generator, side: int, scale: float) -> Sequence[LayerLayout]:
    lower = np.cumsum([layer.thickness * scale for layer in layers]).tolist()
    return [
        LayerLayout(
            layer,
            height,
            (draw_value_noise(rng, side, max(25 * scale, 4)), draw_value_noise(rng, side, max(3 * scale, 2))),
            draw_value_noise(rng, side, 40 * scale),
            (
                draw_value_noise(rng, side, 7 * scale, stretch=4),
                draw_value_noise(rng, side, 2.5 * scale, stretch=5),
                draw_value_noise(rng, side, 9 * scale, stretch=2),
            ),
            tuple(
                Gap(rng.uniform(0, side), rng.uniform(0.3, 0.8) * scale / 2, draw_value_noise(rng, side, 8 * scale))
                for _ in range(rng.poisson(layer.gaps))
            ),
            draw_pores(layer.pores, rng, side, scale, None),
        )
        for layer, height in zip(reversed(layers), reversed(lower), strict=True)
    ]
