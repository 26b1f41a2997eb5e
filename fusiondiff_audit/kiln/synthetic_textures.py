"""Surfaces of anything else: clouds, labyrinths, leaves, fibres, foams, blocks, stripes, and layers of them.

Whoever learns to see from kilns alone sees kilns everywhere. A study is one surface with numbers of its own, known as
those of a body are (`composition.py`), looked at through the same microscopes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fusiondiff_audit.kiln import height_maps
from fusiondiff_audit.kiln.microscope import Detector, Microscope, acquire_image
from fusiondiff_audit.kiln.numpy_canvas import NumpyCanvas
from fusiondiff_audit.kiln.section import Section
from fusiondiff_audit.kiln.specimens import Pixels, log_uniform, random_stream

NAME = "study"
Range = tuple[float, float]
_LAYERED, _PITTED, _RELIEF = 0.25, 0.4, 0.35  # probabilities
_DEEP = 6.0  # pixels, from the highest to the lowest where a surface is not polished flat
_SEEN = 2.0  # pixels: what is shorter is no length any more


@dataclass(frozen=True, slots=True)
class TextureKind:
    """A painter, and where its numbers lie. Where its first length is not to be seen, nothing of it is."""

    painter: height_maps.Painter
    lengths: Mapping[str, Range]  # pixels, drawn evenly by the logarithm
    ratios: Mapping[str, Range]  # drawn so, too
    levels: Mapping[str, Range]  # drawn evenly


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
    "fibres": TextureKind(
        height_maps.fibres,
        {"width": (2, 20)},
        {"spread": (0.02, 1.5), "cover": (0.4, 3)},
        {},
    ),
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
    """One surface: its bands from the top down, its pits, and how bright and how rough it is."""

    key: tuple[str, ...]  # names its random streams
    bands: tuple[tuple[str, Mapping[str, float]], ...]  # each of a kind, with its numbers
    pits: float  # share
    pit: float  # pixels
    contrast: float  # below 0: what stands out is dark
    detector: Detector

    def field(self, number: int, side: int, microscope: Microscope) -> Pixels:
        """Return one field of view."""
        rng, canvas = random_stream(*self.key, "field", str(number)), NumpyCanvas()
        heights = self._heights(rng, side)
        grey = np.clip(0.55 + self.contrast * (heights - heights.mean()), 0.05, 1)
        rough = _DEEP if self.detector is Detector.SECONDARY else 0.0
        depth = rough * (heights.max() - heights) / max(float(np.ptp(heights)), 1e-9)
        if self.pits:
            round_noise = height_maps.blobs(rng, side, self.pit)
            inside = round_noise > np.quantile(round_noise, 1 - self.pits)
            grey, depth = np.where(inside, 0.05, grey), np.where(inside, 20, depth)
        pixels: Pixels = acquire_image(Section(grey, depth), replace(microscope, detector=self.detector), rng, canvas)
        return pixels

    def _heights(self, rng: np.random.Generator, side: int) -> height_maps.HeightMap:
        painted = [TEXTURE_KINDS[kind].painter(of, rng, side) for kind, of in self.bands]
        edges = np.sort(rng.uniform(0.1, 0.9, len(painted) - 1)) * side
        wander = height_maps.blobs(rng, side, side / 8)[:1] * 4
        found = painted[0]
        for below, edge, tone in zip(painted[1:], edges, rng.uniform(-0.4, 0.4, len(edges)), strict=True):
            found = np.where(np.arange(side)[:, None] > edge + wander, below + tone, found)
        return found

    def composition(self, _: Microscope, averaged: int) -> dict[str, float]:
        """Return what can be seen of it, in pixels of so many of its own; of layers no tile shows all."""
        (kind, of), made = self.bands[0], TEXTURE_KINDS[self.bands[0][0]]
        if len(self.bands) > 1 or of[next(iter(made.lengths))] < _SEEN * averaged:
            return {}
        found = {name: math.log(of[name] / averaged) for name in made.lengths}
        found |= {name: math.log(of[name]) for name in made.ratios}
        found |= {name: of[name] for name in made.levels}
        if "share" in found and self.contrast < 0:  # of what is bright: which phase stands out nobody can tell
            found["share"] = 1 - found["share"]
        return {f"{kind}, {name}": value for name, value in found.items()}


PARAMETER_NAMES = tuple(
    f"{kind}, {name}" for kind, made in TEXTURE_KINDS.items() for name in (*made.lengths, *made.ratios, *made.levels)
)


def synthetic_texture(*words: str) -> SyntheticTexture:
    """Draw a study; the words name its random stream."""
    named = (*words, NAME)
    rng = random_stream(*named, "charge")
    kinds = rng.choice(list(TEXTURE_KINDS), 1 if rng.random() > _LAYERED else int(rng.integers(2, 4)))
    bands = tuple((str(kind), _numbers(rng, TEXTURE_KINDS[kind])) for kind in kinds)
    pitted = rng.random() < _PITTED
    contrast = float(rng.choice([-1, 1])) * log_uniform(rng, 0.15, 1.0)
    detector = Detector.SECONDARY if rng.random() < _RELIEF else Detector.BACKSCATTER
    return SyntheticTexture(
        named, bands, log_uniform(rng, 0.003, 0.15) if pitted else 0.0, log_uniform(rng, 2, 12), contrast, detector
    )


def _numbers(rng: np.random.Generator, kind: TextureKind) -> dict[str, float]:
    drawn = {name: log_uniform(rng, *ends) for name, ends in (*kind.lengths.items(), *kind.ratios.items())}
    return drawn | {name: float(rng.uniform(*ends)) for name, ends in kind.levels.items()}
