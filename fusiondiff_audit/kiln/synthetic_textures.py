"""Synthetic textures that are no ceramics: clouds, labyrinths, leaves, fibres, foams, blocks, stripes, and their bands.

They keep an encoder from learning ceramics alone. A texture has known parameters, as a body has a composition
(`composition.py`), and is imaged through the same microscopes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fusiondiff_audit.kiln import height_maps
from fusiondiff_audit.kiln.microscope import ElectronDetector, Microscope, acquire_image
from fusiondiff_audit.kiln.section import Section
from fusiondiff_audit.kiln.specimens import Pixels, log_uniform, random_stream

TEXTURE_NAME = "study"
Range = tuple[float, float]
_LAYERED, _PITTED, _RELIEF = 0.25, 0.4, 0.35  # probabilities
_DEEP = 6.0  # pixels, from the highest to the lowest point of a surface that is not polished flat
_VISIBLE = 2.0  # pixels; shorter lengths cannot be seen


@dataclass(frozen=True, slots=True)
class TextureKind:
    """A height map and the ranges of its parameters. Where its first length is too short to see, so are all others."""

    draw: height_maps.HeightMapFunction
    lengths: Mapping[str, Range]  # pixels, drawn log-uniformly
    ratios: Mapping[str, Range]  # drawn log-uniformly
    levels: Mapping[str, Range]  # drawn uniformly


TEXTURE_KINDS: Mapping[str, TextureKind] = {
    "clouds": TextureKind(
        height_maps.clouds, {"length": (2, 80)}, {"stretch": (1, 5), "bend": (0.4, 2)}, {"slope": (0.8, 4)}
    ),
    "labyrinth": TextureKind(
        height_maps.labyrinth,
        {"wavelength": (4, 50)},
        {"stretch": (1, 4), "sharpness": (0.5, 10)},
        {"disorder": (0.1, 0.6), "share": (0.15, 0.85)},
    ),
    "leaves": TextureKind(height_maps.leaves, {"smallest": (2.5, 12)}, {"range": (2, 25)}, {"power": (1.5, 4)}),
    "fibres": TextureKind(height_maps.fibres, {"width": (2, 20)}, {"spread": (0.02, 1.5), "cover": (0.4, 3)}, {}),
    "foam": TextureKind(
        height_maps.foam,
        {"cell": (5, 60)},
        {"wall": (0.05, 0.4), "disorder": (0.1, 1.2)},
        {"tint": (0, 0.15), "dome": (-0.4, 0.4)},
    ),
    "cuboids": TextureKind(
        height_maps.cuboids,
        {"spacing": (5, 50)},
        {"corners": (1.5, 8), "disorder": (0.05, 0.8)},
        {"filled": (0.4, 1), "spread": (0, 0.5)},
    ),
    "lamellae": TextureKind(
        height_maps.lamellae,
        {"spacing": (3, 15), "grain": (15, 120)},
        {"sharpness": (0.5, 6)},
        {"relief": (0.05, 0.3), "spread": (0, 0.4)},
    ),
}


@dataclass(frozen=True, slots=True)
class SyntheticTexture:
    """A surface: its bands from the top down, its pits, its contrast, and the detector that images it."""

    key: tuple[str, ...]  # names its random streams
    bands: tuple[tuple[str, Mapping[str, float]], ...]  # the kind of each, with its parameters
    pits: float  # share of the area
    pit: float  # size, pixels
    contrast: float  # below 0: high places are dark
    detector: ElectronDetector

    def field(self, number: int, side: int, microscope: Microscope) -> Pixels:
        """Draw the image of a field of view, `side` pixels wide."""
        rng = random_stream(*self.key, "field", str(number))
        heights = self._heights(rng, side)
        grey = np.clip(0.55 + self.contrast * (heights - heights.mean()), 0.05, 1)
        rough = _DEEP if self.detector is ElectronDetector.SECONDARY else 0.0
        depth = rough * (heights.max() - heights) / max(float(np.ptp(heights)), 1e-9)
        if self.pits:
            noise = height_maps.smooth_noise(rng, side, self.pit)
            inside = noise > np.quantile(noise, 1 - self.pits)
            grey, depth = np.where(inside, 0.05, grey), np.where(inside, 20, depth)
        return acquire_image(Section(grey, depth), replace(microscope, detector=self.detector), rng)

    def layout(self, number: int, side: int, microscope: Microscope) -> None:
        """Return nothing: a texture has no grains and pores to lay out."""

    def _heights(self, rng: np.random.Generator, side: int) -> height_maps.HeightMap:
        bands = [TEXTURE_KINDS[kind].draw(parameters, rng, side) for kind, parameters in self.bands]
        edges = np.sort(rng.uniform(0.1, 0.9, len(bands) - 1)) * side
        wander = height_maps.smooth_noise(rng, side, side / 8)[:1] * 4
        heights = bands[0]
        for below, edge, tone in zip(bands[1:], edges, rng.uniform(-0.4, 0.4, len(edges)), strict=True):
            heights = np.where(np.arange(side)[:, None] > edge + wander, below + tone, heights)
        return heights

    def composition(self, _: Microscope, averaged: int) -> dict[str, float]:
        """Return the parameters that an image shows after averaging over squares of `averaged` pixels a side.

        Of a texture in bands there are none, since no tile shows all bands.
        """
        (kind, parameters), ranges = self.bands[0], TEXTURE_KINDS[self.bands[0][0]]
        if len(self.bands) > 1 or parameters[next(iter(ranges.lengths))] < _VISIBLE * averaged:
            return {}
        shown = {name: math.log(parameters[name] / averaged) for name in ranges.lengths}
        shown |= {name: math.log(parameters[name]) for name in ranges.ratios}
        shown |= {name: parameters[name] for name in ranges.levels}
        # The share is that of the bright phase: an image does not show which phase is higher.
        if "share" in shown and self.contrast < 0:
            shown["share"] = 1 - shown["share"]
        return {f"{kind}, {name}": value for name, value in shown.items()}


PARAMETER_NAMES = tuple(
    f"{kind}, {name}" for kind, made in TEXTURE_KINDS.items() for name in (*made.lengths, *made.ratios, *made.levels)
)


def synthetic_texture(*key: str) -> SyntheticTexture:
    """Draw a texture from the random stream of this key."""
    full_key = (*key, TEXTURE_NAME)
    rng = random_stream(*full_key, "charge")
    kinds = rng.choice(list(TEXTURE_KINDS), 1 if rng.random() > _LAYERED else int(rng.integers(2, 4)))
    bands = tuple((str(kind), _draw_parameters(rng, TEXTURE_KINDS[kind])) for kind in kinds)
    pitted = rng.random() < _PITTED
    contrast = float(rng.choice([-1, 1])) * log_uniform(rng, 0.15, 1.0)
    detector = ElectronDetector.SECONDARY if rng.random() < _RELIEF else ElectronDetector.BACKSCATTER
    pits = log_uniform(rng, 0.003, 0.15) if pitted else 0.0
    return SyntheticTexture(full_key, bands, pits, log_uniform(rng, 2, 12), contrast, detector)


def _draw_parameters(rng: np.random.Generator, kind: TextureKind) -> dict[str, float]:
    drawn = {name: log_uniform(rng, *ends) for name, ends in (*kind.lengths.items(), *kind.ratios.items())}
    return drawn | {name: float(rng.uniform(*ends)) for name, ends in kind.levels.items()}
