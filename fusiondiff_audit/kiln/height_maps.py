"""Surfaces that no kiln made, each painted by a few numbers: how it looks everywhere, and nowhere in particular.

A painter takes its numbers (`synthetic_textures.py` draws them), random numbers and a side, and returns a height for
each pixel, from about 0 to 1. What is bright and what a microscope makes of the surface is decided elsewhere.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

HeightMap = npt.NDArray[np.floating]
Parameters = Mapping[str, float]
Painter = Callable[[Parameters, np.random.Generator, int], HeightMap]
_MOST = 4000  # leaves in one picture
_BOW = 0.3  # of a fibre, over a picture


def clouds(of: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Paint noise whose spectrum falls by a power of the frequency, where waves are shorter than a length."""
    field = _filtered(rng, side, of["stretch"], lambda f: (f**2 + of["length"] ** -2.0) ** (-of["slope"] / 2))
    return _tone(np.sign(field) * np.abs(field) ** of["bend"])


def labyrinth(of: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Paint two phases that are wound into each other: noise of one wavelength, cut at a level."""
    wave, band = 1 / of["wavelength"], of["disorder"] / of["wavelength"]
    field = _filtered(rng, side, of["stretch"], lambda f: np.exp(-(((f - wave) / band) ** 2) / 2))
    level = np.quantile(field, 1 - of["share"])
    return 0.5 + 0.4 * np.tanh(of["sharpness"] * (field - level))


def leaves(of: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Paint discs or squares that cover each other, of sizes that follow a power law."""
    least, most, power = of["smallest"], of["smallest"] * of["range"], 1 - of["power"]
    count = int(min(_MOST, 3 * side**2 / (np.pi * least**2)))
    sizes = (least**power + rng.random(count) * (most**power - least**power)) ** (1 / power)
    square, found = rng.random() < 0.5, np.full((side, side), 0.5)
    for size, (down, across), tone in zip(sizes, rng.uniform(0, side, (count, 2)), rng.random(count), strict=True):
        top, left = max(0, int(down - size)), max(0, int(across - size))
        window = found[top : int(down + size) + 1, left : int(across + size) + 1]
        if square:
            window[:] = tone
            continue
        y, x = np.ogrid[top : top + window.shape[0], left : left + window.shape[1]]
        window[(y - down) ** 2 + (x - across) ** 2 < size**2] = tone
    return found


def fibres(of: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Paint round fibres that lie on one another, more or less in one direction."""
    y, x = np.mgrid[:side, :side]
    found = np.full((side, side), 0.1)
    half, direction = of["width"] / 2, rng.uniform(0, np.pi)
    for _ in range(int(of["cover"] * side / of["width"])):
        angle = direction + of["spread"] * rng.normal()
        down, across = rng.uniform(0, side, 2)
        off = (x - across) * np.sin(angle) - (y - down) * np.cos(angle)
        bow = _BOW * rng.normal() * ((x - across) * np.cos(angle) + (y - down) * np.sin(angle)) ** 2 / side
        inside = np.abs(off + bow) < half
        found[inside] = (0.35 + 0.6 * rng.random()) * np.sqrt(1 - ((off + bow)[inside] / half) ** 2)
    return found


def foam(of: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Paint cells with walls between them, from a lattice to chance."""
    centres, _ = _lattice(rng, side, of["cell"], of["disorder"])
    (near, far), (cell, _) = _nearest(centres, side, 2)
    wall = _soft((of["wall"] * of["cell"] - (far - near)) / 2)
    tint = 0.35 + of["tint"] * rng.normal(size=len(centres))[cell]
    found: HeightMap = tint + wall * (0.9 - tint) + of["dome"] * (1 - wall) * near / of["cell"]
    return found


def cuboids(of: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Paint blocks with rounded corners in a matrix, as precipitates of a superalloy lie."""
    centres, turn = _lattice(rng, side, of["spacing"], of["disorder"], square=True)
    _, (block,) = _nearest(centres, side, 1)
    apart = np.moveaxis(np.mgrid[:side, :side], 0, -1) - centres[block]
    along = apart @ [np.cos(turn), np.sin(turn)]
    across = apart @ [-np.sin(turn), np.cos(turn)]
    size = of["spacing"] / 2 * of["filled"] * np.exp(of["spread"] * rng.normal(size=len(centres)))[block]
    reach = (np.abs(along) ** of["corners"] + np.abs(across) ** of["corners"]) ** (1 / of["corners"])
    return 0.2 + 0.6 * _soft(size - reach)


def lamellae(of: Parameters, rng: np.random.Generator, side: int) -> HeightMap:
    """Paint grains, each striped in a direction of its own."""
    centres, _ = _lattice(rng, side, of["grain"], 1.0)
    (near, far), (grain, _) = _nearest(centres, side, 2)
    angle = rng.uniform(0, np.pi, len(centres))[grain]
    y, x = np.mgrid[:side, :side]
    spacing = of["spacing"] * np.exp(of["spread"] * rng.normal(size=len(centres)))[grain]
    stripes = np.tanh(of["sharpness"] * np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / spacing))
    tint = 0.1 * rng.normal(size=len(centres))[grain]
    found: HeightMap = (0.5 + tint + of["relief"] * stripes) * (1 - 0.6 * _soft(1 - (far - near) / 2))
    return found


def blobs(rng: np.random.Generator, side: int, size: float) -> HeightMap:
    """Return noise of unit variance that is smooth over so many pixels."""
    return _filtered(rng, side, 1.0, lambda f: np.exp(-2 * (size * f) ** 2))


def _filtered(rng: np.random.Generator, side: int, stretch: float, gain: Callable[[HeightMap], HeightMap]) -> HeightMap:
    """Return noise of unit variance with this gain at each frequency, longer in one direction."""
    turn = rng.uniform(0, np.pi)
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    along = (down * np.cos(turn) + across * np.sin(turn)) * stretch
    frequency = np.hypot(along, down * np.sin(turn) - across * np.cos(turn))
    shaped = gain(frequency)
    shaped[0, 0] = 0
    found = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) * shaped, (side, side))
    return found / max(float(found.std()), 1e-9)


def _lattice(
    rng: np.random.Generator, side: int, spacing: float, disorder: float, *, square: bool = False
) -> tuple[HeightMap, float]:
    """Return points of a turned lattice that reaches past the picture, each moved by its own chance, and its turn."""
    steps = np.arange(-side, side, spacing)
    down, across = np.meshgrid(steps, steps, indexing="ij")
    if not square:
        across = across + spacing / 2 * (np.arange(len(steps)) % 2)[:, None]
    points = np.stack([down, across], -1).reshape(-1, 2) + disorder * spacing / 2 * rng.normal(size=(down.size, 2))
    turn = float(rng.uniform(0, np.pi))
    points = points @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + side / 2
    near: HeightMap = points[((points > -2 * spacing) & (points < side + 2 * spacing)).all(1)]
    return near, turn


def _nearest(points: HeightMap, side: int, count: int) -> tuple[HeightMap, npt.NDArray[np.intp]]:
    """Return the distances of each pixel to its nearest points, and which those are: count x side x side."""
    apart, which = cKDTree(points).query(np.moveaxis(np.mgrid[:side, :side], 0, -1), range(1, count + 1))
    return np.moveaxis(apart, -1, 0), np.moveaxis(which, -1, 0)


def _soft(depth: HeightMap) -> HeightMap:
    """Return 1 inside and 0 outside, with an edge one pixel wide."""
    inside: HeightMap = np.clip(depth + 0.5, 0, 1)
    return inside


def _tone(field: HeightMap) -> HeightMap:
    tone: HeightMap = np.clip(0.5 + 0.18 * field, 0, 1)
    return tone
